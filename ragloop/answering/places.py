"""Where a passage stands, as editors and terminals open it: `deploy.md:41`."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

_MOST_BYTES = 16 * 2**20
"""A longer file is not read for the number of a line."""


def place(uri: str, start: int, end: int, text: str) -> str:
    """Return a file's path with the line where the passage begins, relative below the working folder; else the URI.

    A line is told only where the file still has the passage at its characters: a PDF has no lines, a file that changed
    since it was indexed has others.
    """
    if not uri.startswith("file:///"):
        return uri
    path = Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
    shown = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
    line = _line(path, start, end, text)
    return shown if line is None else f"{shown}:{line}"


def _line(path: Path, start: int, end: int, text: str) -> int | None:
    from ragloop.corpus.parsing.decoding import decode
    from ragloop.errors import DocumentError

    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        whole = decode(path.read_bytes(), path.name).text
    except (OSError, DocumentError):
        return None
    found = whole[start:end]
    return whole.count("\n", 0, start) + 1 if found.strip() and text.endswith(found) else None
