"""Recognised text of pages, kept by the hash of the image: an edit of one page does not recognise the others anew.

A page is kept for as long as a document of an index names it; see ragloop.corpus.index.retention.
"""

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ragloop.durable import whole_file

if TYPE_CHECKING:
    import numpy as np

FOLDER = "recognised"


class Line(NamedTuple):
    """A line of an image: its text, its edges in pixels, and how sure its words are, from 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    score: float


@dataclass(frozen=True)
class Recognised:
    """The text of an image, the mean confidence of its lines, and how many were too poor to keep."""

    text: str
    confidence: float = 0.0
    poor: int = 0


class RecognisedPages:
    """Files of a folder, one a page. Where the folder cannot be used, as on other machines, nothing is kept."""

    def __init__(self, folder: str) -> None:
        """Keep pages in `folder`, whose parent must be there; in none where it is empty."""
        self._folder = Path(folder) if folder and Path(folder).parent.is_dir() else None

    def get(self, key: str) -> Recognised | None:
        """Return the text of the page with this key, if it is kept."""
        if self._folder is None:
            return None
        file = self._folder / file_of(key)
        try:
            found = Recognised(**json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return found

    def put(self, key: str, page: Recognised) -> None:
        """Keep the text of a page; a disk that is full costs no document."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            with whole_file(self._folder / file_of(key)) as part:
                part.write_text(json.dumps(asdict(page)), encoding="utf-8")


def key_of(pixels: "np.ndarray[Any, Any]", how: str) -> str:
    """Return the name of an image that is recognised in this way."""
    found = hashlib.sha256(f"{how} {pixels.shape}".encode())
    found.update(pixels.data)
    return found.hexdigest()


def file_of(key: str) -> str:
    """Return the name of the file that keeps a page."""
    return f"{key}.json"
