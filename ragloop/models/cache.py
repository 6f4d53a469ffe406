"""The model cache: folders that are built once from something slower, and used from then on by every process.

A folder is built beside its final place and renamed into it; its manifest is written last. So what has a manifest is
complete, and a builder that was killed leaves only a scratch folder, which the next one removes.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ragloop.errors import full_disk_is_an_error
from ragloop.hashes import sha256_of
from ragloop.locks import alone

MANIFEST = "manifest.json"
SCRATCH = ".building-"
WAIT_S = 1800.0
"""How long another process may build; merging and quantizing a model of a few billion weights takes minutes."""


def default_cache() -> Path:
    """Return where models are kept by default: in RAGLOOP_CACHE, else in the platform's cache folder."""
    named = os.environ.get("RAGLOOP_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("ragloop")


def built_once(folder: Path, build: Callable[[Path], None], *, wait_s: float = WAIT_S) -> Path:
    """Return `folder`, which `build` fills unless it is complete. `build` gets an empty folder and writes the manifest
    last.

    A second process waits for the first and finds its work done. Raises what `build` raises, StorageFullError, and
    StoreBusyError where the first is not done after `wait_s` seconds.
    """
    if (folder / MANIFEST).is_file():
        return folder
    with full_disk_is_an_error(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder.parent / ".lock", f"the cache of models {folder.parent}", wait_s):
            if not (folder / MANIFEST).is_file():
                _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    # Under the lock, any scratch folder belongs to a builder that was killed.
    for left in folder.parent.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        build(made)
        shutil.rmtree(folder, ignore_errors=True)  # without a manifest it is no one's
        made.rename(folder)


def damaged_files(folder: Path) -> list[str]:
    """Return the names of the files in a built folder that are not as its manifest says; none where it says nothing of
    them."""
    from ragloop.store.names import why_unclean  # loads LanceDB, which who only loads a model need not wait for

    try:
        made: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("files", {})
    except FileNotFoundError:
        return []
    except ValueError:
        return [MANIFEST]

    def whole(name: str, sha256: str) -> bool:
        file = folder / name
        return not why_unclean(name) and file.is_file() and sha256_of(file) == sha256

    return [name for name, sha256 in made.items() if not whole(name, sha256)]
