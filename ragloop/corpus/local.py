"""A folder as a source: list it without reading, read one file."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pathspec

from ragloop.corpus.parsing import media_type
from ragloop.corpus.planning import Listed
from ragloop.errors import DocumentError, NotFoundError

RACY_NS = 20_000_000
"""A file changed less than this before it is read may change again within one tick of the file system's clock, keeping
its stamp; such a stamp is not trusted (git calls the same case racily clean)."""


@dataclass(frozen=True)
class Read:
    """The bytes of a document, and the stamp and time of the very revision that was read."""

    data: bytes
    stamp: str
    changed_at: datetime


class Source(Protocol):
    """Where documents come from."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def list(self) -> Iterator[Listed]:
        """Every document, without reading any. Raises NotFoundError when the source itself is not there."""

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """The bytes of one document. Raises DocumentError when they cannot be had."""


class LocalFolder:
    """The files of a folder and its subfolders; links that lead out of it are left out."""

    def __init__(
        self,
        name: str,
        folder: Path,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (".*",),
        labels: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.labels = tuple(labels)
        self._folder = folder.resolve()
        self._include = pathspec.GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = pathspec.GitIgnoreSpec.from_lines(exclude)

    def list(self) -> Iterator[Listed]:
        """Every file that the patterns take. Raises NotFoundError when the folder is not there."""
        if not self._folder.is_dir():
            raise NotFoundError(
                f"found no folder at {self._folder} (source {self.name}); nothing was deleted: "
                "mount it again or correct its uri"
            )
        for path in self._walk(os.fspath(self._folder)):
            relative = os.path.relpath(path, self._folder)
            if self._takes(relative) and (found := self._stat(path)) is not None:
                key = _printable(relative)
                yield Listed(key, _uri(path), stamp_of(found), found.st_size, changed_at(found), path)

    def _walk(self, folder: str) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not self._exclude.match_file(os.path.relpath(entry.path, self._folder) + "/"):
                    yield from self._walk(entry.path)
            else:
                yield entry.path

    def _takes(self, relative: str) -> bool:
        if self._exclude.match_file(relative):
            return False
        if self._include is not None:
            return self._include.match_file(relative)
        return media_type(relative) is not None

    def _stat(self, path: str) -> os.stat_result | None:
        """The status of a regular file inside the folder; None for anything else, and for what vanished meanwhile."""
        try:
            found = Path(path).stat()
            inside = not Path(path).is_symlink() or Path(path).resolve().is_relative_to(self._folder)
        except FileNotFoundError:
            return None
        except OSError:
            found, inside = os.lstat(path), True
        return found if stat.S_ISREG(found.st_mode) and inside else None

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """The bytes of a file, with the stamp taken before they were read: a change meanwhile shows at the next listing."""
        try:
            with Path(listed.locator).open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_size > max_bytes:
                    raise DocumentError(
                        f"found {found.st_size:,} bytes, expected at most {max_bytes:,}; raise sync.max_document_mb to take it"
                    )
                racy = time.time_ns() - found.st_ctime_ns < RACY_NS
                return Read(file.read(max_bytes + 1), "" if racy else stamp_of(found), changed_at(found))
        except OSError as error:
            raise DocumentError(f"cannot be read: {error.strerror}; make it readable and sync again") from error


def stamp_of(found: os.stat_result) -> str:
    """Size, times in nanoseconds and inode: an edit that keeps size and mtime still moves ctime."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def changed_at(found: os.stat_result) -> datetime:
    """When the file's bytes changed last."""
    return datetime.fromtimestamp(found.st_mtime, UTC)


def _printable(relative: str) -> str:
    """The key of a file: its path, with bytes that are not UTF-8 written out."""
    return relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _uri(path: str) -> str:
    return "file://" + _printable(path)
