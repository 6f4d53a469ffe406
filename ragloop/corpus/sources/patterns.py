"""Patterns of the keys that a source takes."""

from collections.abc import Sequence
from functools import lru_cache

import pathspec

from ragloop.corpus.parsing import is_document, media_type
from ragloop.corpus.sources.listing import Why


class Patterns:
    """Which keys a source takes. Keys are relative to the source and separated by "/"."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], left_to: Sequence["Patterns"] = ()) -> None:
        """Globs as in .gitignore; an empty `include` takes every document, but no code, logs or settings.

        What one of `left_to` takes, which are those of other sources of the same place, is not taken.
        """
        self.include = tuple(include)
        self._given = tuple(include), tuple(exclude), tuple(left_to)
        self._left_to = tuple(left_to)
        self._include = pathspec.GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = pathspec.GitIgnoreSpec.from_lines(exclude)
        self._reaches = lru_cache(maxsize=4096)(self._enters_all)

    def __reduce__(self) -> tuple[type["Patterns"], tuple[Sequence[str], Sequence[str], Sequence["Patterns"]]]:
        return Patterns, self._given

    def enters(self, folder: str) -> bool:
        """Return whether a folder is looked into; what an excluded one holds cannot be taken back in, as with git."""
        return not self._exclude.match_file(folder + "/")

    def takes(self, key: str) -> bool:
        """Return whether a file is taken, given that all its folders are entered."""
        if self._exclude.match_file(key):
            return False
        taken = self._include.match_file(key) if self._include is not None else is_document(key)
        return taken and not any(one.reaches(key) for one in self._left_to)

    def why_not(self, key: str) -> Why | None:
        """Say why a file, or a folder whose key ends with a slash, is not taken; None where another source takes it."""
        folder, slash, _ = key.rstrip("/").rpartition("/")
        if (slash and not self._reaches(folder)) or self._exclude.match_file(key):
            return Why.HIDDEN if key.startswith(".") or "/." in key else Why.EXCLUDED
        if self._include is not None and not self._include.match_file(key):
            return Why.NOT_INCLUDED
        if self._include is not None or is_document(key):
            return None
        return Why.NO_DOCUMENT if media_type(key) else Why.NO_PARSER

    def leaves(self, key: str) -> bool:
        """Return whether neither a path nor a folder above it is excluded."""
        folder, slash, _ = key.rpartition("/")
        return (not slash or self._reaches(folder)) and self.enters(key) and not self._exclude.match_file(key)

    def may_show(self, key: str) -> bool:
        """Return whether documents may show a file, whatever is included: none that is excluded or another source's."""
        return self.leaves(key) and not any(one.reaches(key) for one in self._left_to)

    def reaches(self, key: str) -> bool:
        """Return whether a file is taken, for a source that is listed without entering folders."""
        folder, slash, _ = key.rpartition("/")
        return (not slash or self._reaches(folder)) and self.takes(key)

    def _enters_all(self, folder: str) -> bool:
        ends = [at for at, character in enumerate(folder) if character == "/"]
        return all(self.enters(folder[:end]) for end in [*ends, len(folder)] if end)
