"""The artifact root: a folder of the home, or a bucket.

Trainings write to a folder on this machine, and models load adapters from one. In a bucket an adapter appears when its
training ended: its files are uploaded, then it is registered. Whoever loads it copies it once, under its hash, and the
copy goes when the adapter is retired or gone.
"""

import shutil
import time
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ragloop.errors import MismatchError, NotFoundError, full_disk_is_an_error
from ragloop.registry.adapter import Adapter
from ragloop.registry.files import ADAPTER_CONFIG, WEIGHTS, adapter_sha256
from ragloop.store.files import PART_BYTES, BucketFiles, Files, FolderFiles
from ragloop.store.names import inside

_LOADED = (WEIGHTS, ADAPTER_CONFIG, "training.json")
"""Files of an adapter that are read where it is loaded."""
_UNFINISHED = ("checkpoints/", "lock")
"""What a training that goes on needs, and nobody else."""


_COPYING, _COPIED_WITHIN_S = ".copying-", 24 * 3600.0


class Artifacts(Protocol):
    """Files by name, and folders of this machine with some of them."""

    folder: Path
    """Where trainings of this machine write: names are as in `files`."""

    @property
    def files(self) -> Files:
        """Every artifact that is finished."""

    def keep(self, path: str) -> None:
        """Put among `files` what was made at this path of `folder`."""

    def clear(self, path: str) -> None:
        """Remove from this machine what was made at a path, was kept and is registered."""

    def uncleared(self) -> list[str]:
        """Return the paths of adapters that were made on this machine and are kept elsewhere, or are to be."""

    def prune_copies(self, kept: Set[str]) -> int:
        """Remove from this machine the copies of adapters but those with a SHA-256 in `kept`; return how many."""

    def copy_of(self, adapter: Adapter) -> Path:
        """Return a folder with the files of an adapter. Raises MismatchError where they are gone or changed."""


class FolderArtifacts:
    """Artifacts in a folder, where everything stays where it was made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, FolderFiles(folder)

    def keep(self, path: str) -> None:
        """Leave what was made where it lies."""

    def clear(self, path: str) -> None:
        """Leave what was made where it lies."""

    def uncleared(self) -> list[str]:
        """Return none: nothing is kept elsewhere."""
        return []

    def prune_copies(self, kept: Set[str]) -> int:
        """Leave everything: nothing is copied."""
        return 0

    def copy_of(self, adapter: Adapter) -> Path:
        """Return the folder of the adapter itself."""
        folder = inside(self.folder, adapter.path)
        if not folder.is_dir():
            raise MismatchError(f"found no files of adapter {adapter.adapter_id} at {folder}; roll back or retrain")
        _must_be(adapter, folder)
        return folder


class BucketArtifacts:
    """Artifacts in a bucket. Adapters that are loaded are copied into `folder`, by their hash."""

    def __init__(self, files: BucketFiles, folder: Path) -> None:
        self.files, self.folder, self._copies = files, folder, folder / "copies"

    def keep(self, path: str) -> None:
        """Upload what was made."""
        made = FolderFiles(self.folder)
        for name in sorted(made.list(f"{path}/")):
            if not name.removeprefix(f"{path}/").startswith(_UNFINISHED):
                self.files.write(name, made.read(name))

    def clear(self, path: str) -> None:
        """Remove what was made here; all of it is in the bucket."""
        shutil.rmtree(inside(self.folder, path), ignore_errors=True)

    def uncleared(self) -> list[str]:
        """Return what lies here: of a run under way, or of one that was killed."""
        made = self.folder / "adapters"
        return [f"adapters/{one.name}" for one in made.iterdir()] if made.is_dir() else []

    def prune_copies(self, kept: Set[str]) -> int:
        """Remove copies, and what a process that was killed left of one."""
        if not self._copies.is_dir():
            return 0
        gone = [one for one in self._copies.iterdir() if one.name not in kept and not _is_under_way(one)]
        for one in gone:
            shutil.rmtree(one, ignore_errors=True)
        return len(gone)

    def copy_of(self, adapter: Adapter) -> Path:
        """Return a copy on this machine, made where there is none that is whole."""
        copy = inside(self._copies, adapter.sha256)
        with suppress(MismatchError):
            _must_be(adapter, copy)
            return copy
        with full_disk_is_an_error(self._copies):
            self._copies.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=_COPYING, dir=self._copies) as scratch:
                made = Path(scratch, adapter.sha256)
                made.mkdir()
                self._download(adapter, made)
                _must_be(adapter, made)
                shutil.rmtree(copy, ignore_errors=True)
                with suppress(OSError):  # another process was first
                    made.rename(copy)
        _must_be(adapter, copy)
        return copy

    def _download(self, adapter: Adapter, folder: Path) -> None:
        try:
            for name in _LOADED:
                with (folder / name).open("wb", PART_BYTES) as file:
                    file.writelines(self.files.read(f"{adapter.path}/{name}"))
        except NotFoundError as error:
            raise MismatchError(
                f"found no files of adapter {adapter.adapter_id} at {self.files}/{adapter.path} ({error}); roll back "
                "or retrain"
            ) from None


def _is_under_way(folder: Path) -> bool:
    """Return whether a process may still be copying into a folder."""
    try:
        return folder.name.startswith(_COPYING) and time.time() - folder.stat().st_mtime < _COPIED_WITHIN_S
    except FileNotFoundError:  # copied meanwhile
        return True


def _must_be(adapter: Adapter, folder: Path) -> None:
    if adapter_sha256(folder) != adapter.sha256:
        raise MismatchError(f"the files of adapter {adapter.adapter_id} at {folder} were changed; roll back or retrain")
