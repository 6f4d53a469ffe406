"""Lines of text that Tesseract finds in an image, by its program."""

import io
import os
import subprocess
from functools import cache
from itertools import groupby
from operator import attrgetter
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from ragloop.corpus.parsing.pages.recognised import Line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    import numpy as np

PROGRAM = "tesseract"
_SECONDS = 120.0
"""A page takes a few; a process that hangs is ended."""
_WORD = "5"
"""The level of a word in the table (tesseract's man page, "tsv")."""


class _Word(NamedTuple):
    line: tuple[str, str, str]
    left: float
    top: float
    right: float
    bottom: float
    score: float
    text: str


def lines(pixels: "np.ndarray[Any, Any]", languages: str) -> list[Line]:
    """Return the lines of an image, an array of rows of blue, green and red.

    `languages` are Tesseract's codes, joined by +. Raises DocumentError where the program fails.
    """
    command = [PROGRAM, "stdin", "stdout", "-l", languages, "tsv"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=_png(pixels), capture_output=True, timeout=_SECONDS, check=True, env=environment
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[-300:]
        raise DocumentError(
            f"tesseract failed: {said}; expected the data of {languages}: install it, or set sync.ocr_languages"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DocumentError(f"tesseract failed: {error}; install it, or set sync.ocr_engine to rapidocr") from None
    words = [word for row in done.stdout.decode(errors="replace").splitlines() if (word := _word(row)) is not None]
    return [_line(list(group)) for _, group in groupby(words, attrgetter("line"))]


@cache
def version() -> str:
    """Return what the program says of its version."""
    try:
        # The worker's own input is where its next request comes from.
        command = [PROGRAM, "--version"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return PROGRAM
    return done.stdout.decode(errors="replace").partition("\n")[0].strip()


def _png(pixels: "np.ndarray[Any, Any]") -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(pixels[:, :, ::-1].copy()).save(made, "PNG", compress_level=1)
    return made.getvalue()


def _word(row: str) -> _Word | None:
    """Read a row: level, page, block, paragraph, line, word, left, top, width, height, confidence, text."""
    cells = row.split("\t")
    if len(cells) != 12 or cells[0] != _WORD or not cells[11].strip():
        return None
    left, top, width, height, confidence = map(float, cells[6:11])
    place = (cells[2], cells[3], cells[4])
    return _Word(place, left, top, left + width, top + height, max(confidence, 0.0) / 100, cells[11].strip())


def _line(words: list[_Word]) -> Line:
    return Line(
        " ".join(one.text for one in words),
        min(one.left for one in words),
        min(one.top for one in words),
        max(one.right for one in words),
        max(one.bottom for one in words),
        fmean(one.score for one in words),
    )
