"""Adapters as folders for other programs: PEFT's two files, the base model with the adapter merged into it, or GGUF."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from ragloop.errors import UsageError, full_disk_is_an_error
from ragloop.models.adapters.llama_cpp import NAME, convert, converter
from ragloop.models.adapters.peft_models import peft_models
from ragloop.models.training.shape import configuration
from ragloop.registry import Adapter
from ragloop.registry.files import ADAPTER_CONFIG, WEIGHTS, is_dora
from ragloop.registry.portable import ABOUT, about, config_for_others


class ExportFormat(StrEnum):
    """What is written."""

    PEFT = "peft"
    MERGED = "merged"
    GGUF = "gguf"


def export(
    adapter: Adapter,
    files: Path,
    base: Callable[[], Path | str],
    target: Path,
    wanted: ExportFormat,
    llama_cpp: Path | None = None,
) -> list[str]:
    """Write an adapter, whose files are in `files`, to a new folder; return the names of what stands there.

    `base()` returns the base model's folder or hub name, `llama_cpp` is a folder with the converter to GGUF. The folder
    appears whole or not at all. Raises UsageError where something stands there already, and as `load_base`,
    `converter` and `convert` do.
    """
    if wanted is ExportFormat.GGUF and is_dora(files):
        raise UsageError(
            f"adapter {adapter.adapter_id} was trained by the method dora, for which GGUF has no place; export it with "
            "--format merged, and convert that folder with llama.cpp's convert_hf_to_gguf.py"
        )
    command = converter(llama_cpp) if wanted is ExportFormat.GGUF else ()
    with _new_folder(target) as made:
        if wanted is ExportFormat.MERGED:
            _merge(files, base(), made)
        elif wanted is ExportFormat.GGUF:
            with TemporaryDirectory(dir=made) as scratch:
                given = Path(scratch, adapter.adapter_id)
                given.mkdir()
                _copy(adapter, files, given)
                convert(command, given, configuration(base()), made / NAME)
        else:
            _copy(adapter, files, made)
        (made / ABOUT).write_text(json.dumps(about(adapter, wanted), indent=1) + "\n", encoding="utf-8")
    return sorted(one.name for one in target.iterdir())


def _copy(adapter: Adapter, files: Path, target: Path) -> None:
    """Copy PEFT's two files, and no other: the rows that it was trained on stay here."""
    shutil.copyfile(files / WEIGHTS, target / WEIGHTS)
    (target / ADAPTER_CONFIG).write_text(config_for_others(files, adapter.base), encoding="utf-8")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"found something at {target}, expected an empty folder or none; name another one")
    made = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        with full_disk_is_an_error(target.parent):
            made.mkdir(parents=True)
            yield made
            if target.exists():
                target.rmdir()
            made.rename(target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}; name another folder") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _merge(files: Path, place: Path | str, made: Path) -> None:
    """Add the adapter to the weights of the base model, and write these with its tokenizer and chat template."""
    from transformers import AutoTokenizer

    from ragloop.models.generation.local import load_base

    model, _ = load_base(place, "cpu")
    with peft_models() as kind:
        merged: Any = kind.from_pretrained(model, str(files)).merge_and_unload(safe_merge=True)
    merged.save_pretrained(made)
    AutoTokenizer.from_pretrained(str(place)).save_pretrained(made)
