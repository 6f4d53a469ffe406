"""Recognised text of pages, kept by the hash of the image: an edit of one page does not recognise the others anew."""

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.durable import whole_file

if TYPE_CHECKING:
    import numpy as np

FOLDER = "recognised"
_MOST_PAGES = 20_000
"""About 100 MB; beyond that the pages that were asked for longest ago go."""
_CHECKED_EVERY = 500


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
        self._written = 0

    def get(self, key: str) -> Recognised | None:
        """Return the text of the page with this key, if it is kept."""
        if self._folder is None:
            return None
        file = self._folder / f"{key}.json"
        try:
            found = Recognised(**json.loads(file.read_bytes()))
            os.utime(file)
        except (OSError, ValueError, TypeError):
            return None
        return found

    def put(self, key: str, page: Recognised) -> None:
        """Keep the text of a page; a disk that is full costs no document."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            with whole_file(self._folder / f"{key}.json") as part:
                part.write_text(json.dumps(asdict(page)), encoding="utf-8")
            if self._written % _CHECKED_EVERY == 0:
                drop_oldest(self._folder, _MOST_PAGES)
            self._written += 1


def key_of(pixels: "np.ndarray[Any, Any]", how: str) -> str:
    """Return the name of an image that is recognised in this way."""
    found = hashlib.sha256(f"{how} {pixels.shape}".encode())
    found.update(pixels.data)
    return found.hexdigest()


def drop_oldest(folder: Path, most: int) -> None:
    """Remove the files that were used longest ago, where there are more than `most`."""
    files = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder))
    for _, path in files[: max(0, len(files) - most)]:
        Path(path).unlink(missing_ok=True)
