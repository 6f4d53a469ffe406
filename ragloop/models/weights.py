"""Which weights a base model has: the SHA-256 of its files, which is computed once and remembered by their stat."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ragloop.durable import whole_file
from ragloop.hashes import sha256_of
from ragloop.models.hub import folder_on_disk

REMEMBERED = "weights.json"
"""In the folder of prepared models: the hash of each file, with the stat that it had."""
_PATTERNS = ("*.safetensors", "pytorch_model*.bin", "*.gguf")
_YOUNG_S = 2.0
"""A file system with coarse times cannot tell whether a file that is younger has been written again."""


def weights_sha256(place: Path | str, cache: Path) -> str:
    """Return a SHA-256 over the weights of a base model, a folder or the name of a hub.

    Empty where none are on this disk, as those of a hub are not before their first use. `cache` is the folder of
    prepared models.
    """
    folder = place if isinstance(place, Path) else folder_on_disk(place)
    files = _weight_files(folder) if folder else []
    if not files:
        return ""
    remembered = _read(cache / REMEMBERED)
    found = {str(one.resolve()): _hashed(one.resolve(), remembered) for one in files}
    if new := {name: one for name, one in found.items() if one["stat"] and remembered.get(name) != one}:
        there = {name: one for name, one in remembered.items() if Path(name).exists()}
        _write(cache / REMEMBERED, {**there, **new})
    return hashlib.sha256("\n".join(one["sha256"] for one in found.values()).encode()).hexdigest()


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers would read: those of the first kind that is there."""
    return next((found for one in _PATTERNS if (found := sorted(folder.glob(one)))), [])


def _hashed(file: Path, remembered: dict[str, Any]) -> dict[str, Any]:
    """Return the hash of a file and its stat; the stat is empty where it cannot tell a later change."""
    found = file.stat()
    stat = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    known = remembered.get(str(file))
    if known and known["stat"] == stat:
        return dict(known)
    is_young = time.time() - max(found.st_mtime, found.st_ctime) < _YOUNG_S
    return {"stat": [] if is_young else stat, "sha256": sha256_of(file)}


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _write(file: Path, remembered: dict[str, Any]) -> None:
    # What cannot be kept is computed again. Of two processes that write at once the last one wins, for the same reason.
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as made:
            made.write_text(json.dumps(remembered), encoding="utf-8")
