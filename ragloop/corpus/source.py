"""What a source of documents is: the Protocol, the bytes that it returns, and the patterns that every source obeys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import pathspec

from ragloop.corpus.parsing import media_type
from ragloop.corpus.planning import Listed


@dataclass(frozen=True)
class Read:
    """The bytes of a document, and the stamp and time of the very revision that was read."""

    data: bytes
    stamp: str
    changed_at: datetime


@dataclass(frozen=True)
class Way:
    """Where a source was found: the place as it is named, the place that it is, and the links on the way there."""

    named: str
    place: str
    links: tuple[str, ...] = ()


class Source(Protocol):
    """Where documents come from. Pickled, it goes to other processes: without credentials, which those have."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def readers(self) -> int:
        """How many documents are worth reading at once: one from a disk, several where each answer is waited for."""

    @property
    def way(self) -> Way:
        """Where it is now; kept with its scans, so that a later one knows what was there."""

    def list(self) -> Iterator[Listed]:
        """Every document once, in any order, without reading one.

        Raises NotFoundError when the source itself is not there, UnavailableError when it cannot be reached now. A
        listing that fails half-way says nothing of what is gone.
        """

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """The bytes of one document; called from several threads.

        Raises NotFoundError when it is gone, DocumentError when it cannot be read, UnavailableError when that is no
        fault of its own.
        """

    def trace(self, stamp: str) -> str:
        """What a rename leaves of a stamp, which no other document is likely to have; empty where nothing is left."""

    def settles_us(self, stamp: str, at_us: int) -> int:
        """How long this stamp must have been known before bytes that are read under it are the last ones to get it.

        0 where it is known already that no write after `at_us` gets it. Microseconds, `at_us` since 1970.
        """


def as_folder(uri: str) -> str:
    """An address in a bucket with a slash at its end: s3://bucket/ab is no part of s3://bucket/a."""
    return uri if uri.endswith("/") else uri + "/"


class Patterns:
    """Which keys a source takes. Keys are relative to the source and separated by "/"."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], left_to: Sequence["Patterns"] = ()) -> None:
        """Globs as in .gitignore; an empty `include` takes every supported format.

        What one of `left_to` takes, which are those of other sources of the same place, is not taken.
        """
        self._given = tuple(include), tuple(exclude), tuple(left_to)
        self._left_to = tuple(left_to)
        self._include = pathspec.GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = pathspec.GitIgnoreSpec.from_lines(exclude)
        self._reaches = lru_cache(maxsize=4096)(self._enters_all)

    def __reduce__(self) -> tuple[type["Patterns"], tuple[Sequence[str], Sequence[str], Sequence["Patterns"]]]:
        return Patterns, self._given

    def enters(self, folder: str) -> bool:
        """Whether a folder is looked into; what an excluded one holds cannot be taken back in, as with git."""
        return not self._exclude.match_file(folder + "/")

    def takes(self, key: str) -> bool:
        """Whether a file is taken, given that all its folders are entered."""
        if self._exclude.match_file(key):
            return False
        taken = self._include.match_file(key) if self._include is not None else media_type(key) is not None
        return taken and not any(one.reaches(key) for one in self._left_to)

    def leaves(self, key: str) -> bool:
        """Whether neither a path nor a folder above it is excluded."""
        folder, slash, _ = key.rpartition("/")
        return (not slash or self._reaches(folder)) and self.enters(key) and not self._exclude.match_file(key)

    def reaches(self, key: str) -> bool:
        """Whether a file is taken, for a source that is listed without entering folders."""
        folder, slash, _ = key.rpartition("/")
        return (not slash or self._reaches(folder)) and self.takes(key)

    def _enters_all(self, folder: str) -> bool:
        ends = [at for at, character in enumerate(folder) if character == "/"]
        return all(self.enters(folder[:end]) for end in [*ends, len(folder)] if end)
