"""What `.gitignore` files leave out, read as git reads them: those of a folder, inside it, and around it."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pathspec

from ragloop.errors import NotFoundError

NAME = ".gitignore"
_MOST_BYTES = 2**20
"""A longer file is no list of patterns."""


@dataclass(frozen=True)
class IgnoreFiles:
    """The files that are in force in one folder, the innermost first, each with the folder where it stands."""

    files: tuple[tuple[str, pathspec.GitIgnoreSpec], ...] = ()

    def within(self, folder: str) -> "IgnoreFiles":
        """Return what is in force in a folder, given what is in force around it. Raises NotFoundError."""
        found = _read(folder)
        return IgnoreFiles(((folder, found), *self.files)) if found else self

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Return whether a path is left out, given that the folders above it are not."""
        for place, spec in self.files:
            decided = spec.check_file(path[len(place.rstrip(os.sep)) + 1 :] + "/" * folder).include
            if decided is not None:
                return decided
        return False


def around(folder: str) -> IgnoreFiles:
    """Return what the folders above this one, up to that of the repository, say of what it holds.

    A file that leaves out the folder itself is passed over: someone who names a folder wants what it holds.
    """
    files = IgnoreFiles()
    for place in _above(Path(folder)):
        one = IgnoreFiles().within(place)
        if not any(one.ignores(part, folder=True) for part in _between(place, folder)):
            files = IgnoreFiles((*one.files, *files.files))
    return files


def _above(folder: Path) -> Iterator[str]:
    """Yield the folders from that of the repository to the one above `folder`; none outside of a repository."""
    if (folder / ".git").exists():
        return
    for depth, place in enumerate(folder.parents):
        if (place / ".git").exists():
            yield from (os.fspath(one) for one in reversed(folder.parents[: depth + 1]))
            return


def _between(outer: str, inner: str) -> Iterator[str]:
    """Yield the folders below `outer` that lead to `inner`, which is the last."""
    parts = Path(inner).relative_to(outer).parts
    for depth in range(1, len(parts) + 1):
        yield os.path.join(outer, *parts[:depth])  # noqa: PTH118 - the paths of a walk are strings


def _read(folder: str) -> pathspec.GitIgnoreSpec | None:
    """Read the patterns of a folder's file; None where it has none. A link is not followed, as git does not."""
    path = os.path.join(folder, NAME)  # noqa: PTH118
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114
            return None
        raise _unreadable(path, error) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            return None
        lines = os.fsdecode(os.read(descriptor, _MOST_BYTES)).splitlines()
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    patterns = [line for line in lines if _is_pattern(line)]
    return pathspec.GitIgnoreSpec.from_lines(patterns) if patterns else None


def _is_pattern(line: str) -> bool:
    """Return whether a line says something; a comment does not, nor does what git would not take either."""
    try:
        (pattern,) = pathspec.GitIgnoreSpec.from_lines([line]).patterns
    except (ValueError, re.error):
        return False
    return pattern.include is not None


def _unreadable(path: str, error: OSError) -> NotFoundError:
    return NotFoundError(
        f"cannot read {path!r}: {error.strerror}; nothing was deleted: make it readable, or set gitignore = false in "
        "[[sources]]"
    )
