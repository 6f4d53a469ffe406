"""Which files make up a version of a table: what its manifest, a file of LanceDB, names.

    TABLE.lance/_versions/N.manifest    a version, written last, under another name than any before it
    TABLE.lance/data/…                  rows; a manifest holds the names
    TABLE.lance/_indices/UUID/…         indexes; a manifest holds the sixteen bytes of the UUID
    TABLE.lance/_deletions/…            rows that are gone from files of data; small, and named by numbers
    TABLE.lance/_transactions/…         what a commit did; a manifest holds the name of its own

All but the versions have names that are drawn at random, so that a name never comes back with other bytes in it.
"""

import re
import uuid
from collections.abc import Iterable

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION = re.compile(r"_versions/(\d+)\.manifest")
_DATA = re.compile(rb"[01]{24}[0-9a-f]{26}\.lance")
_LARGEST = 2**64 - 1


def mark(file: str) -> tuple[str, bytes] | None:
    """Return the part of a table that a file belongs to, data or an index, and the bytes that name it in a manifest."""
    folder, _, rest = file.partition("/")
    if folder == "data":
        return file, rest.encode()
    index = rest.partition("/")[0]
    if folder == "_indices" and _UUID.fullmatch(index):
        return f"{folder}/{index}", uuid.UUID(index).bytes
    return None


def version_of(file: str) -> int | None:
    """Return the number of the version whose manifest the file is, or None.

    Names count down from the largest number, so that the newest comes first in a listing; those of old tables count up,
    with fewer digits.
    """
    found = _VERSION.fullmatch(file)
    if found is None:
        return None
    number = int(found[1])
    return _LARGEST - number if len(found[1]) == 20 else number


def named(manifest: bytes, files: Iterable[str]) -> list[str]:
    """List the files of a table that a version needs, and all files of deletions."""
    return [file for file in files if _is_needed(manifest, file)]


def _is_needed(manifest: bytes, file: str) -> bool:
    folder, _, rest = file.partition("/")
    if folder == "_transactions":
        return rest.encode() in manifest
    if folder == "data":
        return rest.encode() in _fragments(manifest)
    marked = mark(file)
    return marked[1] in manifest if marked else folder == "_deletions"


def missing(manifest: bytes, files: Iterable[str]) -> list[str]:
    """List the files of data that a version needs and the table lacks."""
    there = {file.removeprefix("data/") for file in files}
    return sorted({name.decode() for name in _DATA.findall(_fragments(manifest))} - there)


def _fragments(manifest: bytes) -> bytes:
    """Return the part of a manifest that says what the version holds; what its commit took away stands before it.

    The last sixteen bytes of the file are the position of that part, the version of the format, and "LANC".
    """
    return manifest[int.from_bytes(manifest[-16:-8], "little") :] if manifest.endswith(b"LANC") else manifest
