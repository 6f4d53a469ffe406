"""Adapters as GGUF, for llama.cpp and Ollama, by llama.cpp's own converter.

The converter is no package that ragloop could depend on. It is a program of its own, which is found and started, and
whose output is read back before anything of it is kept. It gets two folders that are made for it: the adapter as PEFT
has it, and the configuration of the base model without a word of code. So nothing in a model's folder can run.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ragloop.errors import MismatchError, NotFoundError, UsageError

NAME = "adapter.gguf"
SCRIPT = "convert_lora_to_gguf.py"
_COMMANDS = (SCRIPT, "convert_lora_to_gguf")
_MOST_S = 3600.0
"""A conversion takes seconds; what takes an hour hangs."""
_LAST_LINES = 3
_CODE = "auto_map"
"""Where a configuration names code of its own."""


def converter(folder: Path | None) -> Sequence[str]:
    """Return the command that converts an adapter: the script in a folder of llama.cpp, or what PATH has.

    A script of the folder is run by this Python, which has what it imports; a command of PATH as it is. Raises
    NotFoundError where there is none.
    """
    if folder is not None:
        if not (folder / SCRIPT).is_file():
            raise NotFoundError(f"found no {SCRIPT} in {folder}; expected a copy of llama.cpp: {_BRING}")
        return [sys.executable, str(folder / SCRIPT)]
    for command in _COMMANDS:
        if found := shutil.which(command):
            return [found]
    raise NotFoundError(f"found no {SCRIPT} on PATH, and registry.llama_cpp names no folder with it; {_BRING}")


_BRING = (
    "bring it with `git clone --depth 1 https://github.com/ggml-org/llama.cpp`, and set registry.llama_cpp to that "
    "folder"
)


def convert(command: Sequence[str], files: Path, config: Mapping[str, Any], target: Path) -> None:
    """Write the adapter in `files`, as PEFT has it, to the file `target` as GGUF, in float32 as it was trained.

    `config` is the configuration of the base model. Raises UsageError where the converter fails, MismatchError where it
    left something else than a whole adapter.
    """
    with TemporaryDirectory(dir=files.parent) as base:
        given = {key: value for key, value in config.items() if key != _CODE}
        Path(base, "config.json").write_text(json.dumps(given), encoding="utf-8")
        _run([*command, "--base", base, "--outtype", "f32", "--outfile", str(target), str(files)])
    _must_be_an_adapter(target)


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_MOST_S,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"cannot start {command[0]}: {error.strerror or error}; correct registry.llama_cpp") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{command[0]} took more than {_MOST_S / 60:.0f} minutes and was ended") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise UsageError(
            f"the converter of llama.cpp ended with exit code {done.returncode}, and wrote no adapter; its last words: "
            f"{' | '.join(lines[-_LAST_LINES:]) or 'none'}"
        )


def _must_be_an_adapter(file: Path) -> None:
    """Raise MismatchError where a file is no whole GGUF of an adapter."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        kind = reader.get_field("general.type")
        found = kind.contents() if kind else "nothing"
        sides = {side: sum(one.name.endswith(side) for one in reader.tensors) for side in (".lora_a", ".lora_b")}
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise MismatchError(f"the converter of llama.cpp left no whole GGUF file ({error}); {_UPDATE}") from None
    if found != "adapter" or not sides[".lora_a"] or sides[".lora_a"] != sides[".lora_b"]:
        raise MismatchError(
            f"the converter of llama.cpp left a file of {found} with {len(reader.tensors)} tensors, expected an "
            f"adapter with pairs of them; {_UPDATE}"
        )


_UPDATE = "nothing was kept: update llama.cpp (`git pull`) and export again"
