"""Text recognised in images of pages: RapidOCR's models, which its wheel carries, on ONNX Runtime."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.columns import Segment, in_reading_order
from ragloop.corpus.parsing.pages.recognised import Recognised, RecognisedPages, key_of
from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    import numpy as np

DPI = 200
_POINTS = 72 / DPI
_LONGEST_SIDE = 3_000
"""Pixels; larger pages are drawn smaller."""
_VERSION = "1"
"""Change it whenever the text of an image changes: what is kept of pages is then not used."""
_POOR = 0.5
_DOUBTFUL = 0.8


def place_of(page: Recognised) -> str:
    """Return what follows the place of a block that was recognised."""
    return f", recognised with confidence {page.confidence:.2f}" if page.text else ""


def doubts(page: Recognised, place: str) -> list[str]:
    """Return what is to be said of a page that may have been misread."""
    said = []
    if page.text and page.confidence < _DOUBTFUL:
        said.append(f"{place} was recognised with a mean confidence of {page.confidence:.2f}: it may be misread")
    if page.poor:
        said.append(f"{place}: {page.poor} lines that could hardly be recognised were left out")
    return said


@dataclass
class Recogniser:
    """Recognises the pages of one document within its limits: so many pages, and so many seconds."""

    limits: ParseLimits
    pages: int = 0
    _began: float | None = field(default=None, init=False)

    @property
    def is_on(self) -> bool:
        """Whether the settings ask for it."""
        return self.limits.recognise

    @property
    def may_go_on(self) -> bool:
        """Whether another page is within the limits."""
        spent = time.monotonic() - self._began if self._began is not None else 0.0
        return self.is_on and self.pages < self.limits.recognised_pages and spent < self.limits.recognition_seconds

    def read(self, pixels: "np.ndarray[Any, Any]", points: float = _POINTS) -> Recognised:
        """Return the text of an image, an array of rows of blue, green and red; `points` is the size of a pixel."""
        self._began = time.monotonic() if self._began is None else self._began
        self.pages += 1
        kept = _kept(self.limits.recognised_folder)
        key = key_of(pixels, f"{_VERSION} {_rapidocr()} {points:.4f}") if self.limits.recognised_folder else ""
        found = kept.get(key)
        if found is None:
            found = _recognised(pixels, points)
            kept.put(key, found)
        return found


def _recognised(pixels: "np.ndarray[Any, Any]", points: float) -> Recognised:
    found = _engine()(pixels)
    texts = [one_line(text) for text in found.txts or ()]
    scores = [float(score) for score in found.scores] if texts else []
    kept = [
        (_segment(box, text, points), score)
        for box, text, score in zip(found.boxes if texts else (), texts, scores, strict=True)
        if text and score >= _POOR
    ]
    if not kept:
        return Recognised("", poor=len(texts))
    lines = in_reading_order([segment for segment, _ in kept])
    return Recognised("\n".join(lines).strip(), fmean(score for _, score in kept), len(texts) - len(kept))


def scale_of(width: float, height: float) -> float:
    """Return pixels per point for a page of this size in points."""
    return min(DPI / 72, _LONGEST_SIDE / max(width, height, 1.0))


def _segment(box: Sequence[Sequence[float]], text: str, points: float) -> Segment:
    across, down = [float(x) * points for x, _ in box], [float(y) * points for _, y in box]
    return Segment(min(across), max(across), -max(down), max(down) - min(down), text)


@cache
def _kept(folder: str) -> RecognisedPages:
    return RecognisedPages(folder)


@cache
def _rapidocr() -> str:
    return version("rapidocr")


@cache
def _engine() -> Any:
    import rapidocr

    settings = {
        "Global.log_level": "critical",
        "Global.text_score": 0.0,  # poor lines are counted here
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    }
    return rapidocr.RapidOCR(params=settings)
