"""Names that came from a file, a table or a bucket: clean relative paths and nothing else.

Whoever writes a manifest or a row decides what it says. So no path is joined to a folder before it was looked at here.
"""

import os
import re
from pathlib import Path

from ragloop.errors import MismatchError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_BYTES, _MOST_BYTES_OF_A_PART = 1024, 255
"""The limits of a key in S3, and of a name in a folder: a restore must not end half-way at a name that is too long."""


def why_unclean(name: str) -> str:
    """Return what keeps a name from being a path of plain parts, or an empty string."""
    parts = name.split("/")
    if not name or "" in parts:
        return "it is absolute or has an empty part"
    if "." in parts or ".." in parts:
        return "it has a part . or .."
    if "\\" in name or _DRIVE.match(name):
        return "it has a backslash or a drive"
    if _CONTROL.search(name):
        return "it has a control character"
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        return "it cannot be written in UTF-8"
    if max(sizes) > _MOST_BYTES_OF_A_PART or len(os.fsencode(name)) > _MOST_BYTES:
        return "it is too long"
    return ""


def must_be_clean(name: str, where: object) -> None:
    """Raise MismatchError where a name is no path of plain parts, and so may lead out of `where`."""
    if why := why_unclean(name):
        raise MismatchError(
            f"found the name {name[:200]!r} for a file in {where}: {why}; expected a path of plain parts such as a/b: "
            "something else wrote it, nothing was read or written"
        )


def inside(folder: Path, name: str) -> Path:
    """Return the path of a name under a folder. Raise MismatchError where the name is no path of plain parts."""
    must_be_clean(name, folder)
    return folder / name


def table_file(table: str, place: object) -> str:
    """Return the folder of a table among the files of a database. Raise MismatchError where the name is of no table."""
    if "/" in table or why_unclean(table):
        raise MismatchError(
            f"found {table[:200]!r} in {place}; expected the name of a table, which has no slash: something else "
            "wrote it, nothing was read or removed"
        )
    return f"{table}.lance"
