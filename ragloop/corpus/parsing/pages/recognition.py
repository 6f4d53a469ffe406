"""Text recognised in images of pages: by RapidOCR's models, which its wheel carries, or by Tesseract."""

import time
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages import tesseract
from ragloop.corpus.parsing.pages.columns import Segment, in_reading_order
from ragloop.corpus.parsing.pages.recognised import Line, Recognised, RecognisedPages, key_of
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
    """Recognises the pages of one document within its limits: so many pages, and so many seconds.

    `kept` names the pages whose text is kept for the next time.
    """

    limits: ParseLimits
    pages: int = 0
    kept: list[str] = field(default_factory=list)
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
        if not self.limits.recognised_folder:
            return self._recognised(pixels, points)
        pages = RecognisedPages(self.limits.recognised_folder)
        key = key_of(pixels, f"{_VERSION} {self._engine()} {points:.4f}")
        self.kept.append(key)
        found = pages.get(key)
        if found is None:
            found = self._recognised(pixels, points)
            pages.put(key, found)
        return found

    def _engine(self) -> str:
        if self.limits.engine == "tesseract":
            return f"{tesseract.version()} {self.limits.languages}"
        return f"rapidocr {version('rapidocr')}"

    def _recognised(self, pixels: "np.ndarray[Any, Any]", points: float) -> Recognised:
        by_tesseract = self.limits.engine == "tesseract"
        lines = tesseract.lines(pixels, self.limits.languages) if by_tesseract else _rapidocr_lines(pixels)
        kept = [one for one in lines if one.score >= _POOR]
        if not kept:
            return Recognised("", poor=len(lines))
        text = "\n".join(in_reading_order([_segment(one, points) for one in kept])).strip()
        return Recognised(text, round(fmean(one.score for one in kept), 3), len(lines) - len(kept))


def _rapidocr_lines(pixels: "np.ndarray[Any, Any]") -> list[Line]:
    found = _rapidocr()(pixels)
    if not found.txts:
        return []
    lines = []
    for box, text, score in zip(found.boxes, map(one_line, found.txts), found.scores, strict=True):
        across, down = [float(x) for x, _ in box], [float(y) for _, y in box]
        lines.append(Line(text, min(across), min(down), max(across), max(down), float(score)))
    return [one for one in lines if one.text]


def scale_of(width: float, height: float) -> float:
    """Return pixels per point for a page of this size in points."""
    return min(DPI / 72, _LONGEST_SIDE / max(width, height, 1.0))


def _segment(line: Line, points: float) -> Segment:
    height = line.bottom - line.top
    return Segment(line.left * points, line.right * points, -line.bottom * points, height * points, line.text)


@cache
def _rapidocr() -> Any:
    import rapidocr

    settings = {
        "Global.log_level": "critical",
        "Global.text_score": 0.0,  # poor lines are counted here
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    }
    return rapidocr.RapidOCR(params=settings)
