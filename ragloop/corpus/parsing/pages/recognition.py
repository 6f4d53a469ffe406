"""Text recognised in images of pages: RapidOCR's models, which its wheel carries, on ONNX Runtime."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.columns import Segment, in_reading_order
from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    import numpy as np

DPI = 200
_POINTS = 72 / DPI
_LONGEST_SIDE = 3_000
"""Pixels; larger pages are drawn smaller."""
_POOR = 0.5
_DOUBTFUL = 0.8


@dataclass(frozen=True)
class Recognised:
    """The text of an image, the mean confidence of its lines, and how many were too poor to keep."""

    text: str
    confidence: float = 0.0
    poor: int = 0

    @property
    def place(self) -> str:
        """What follows the place of a block."""
        return f", recognised with confidence {self.confidence:.2f}"

    def doubts(self, place: str) -> list[str]:
        """Return what is to be said of a page that may have been misread."""
        said = []
        if self.text and self.confidence < _DOUBTFUL:
            said.append(f"{place} was recognised with a mean confidence of {self.confidence:.2f}: it may be misread")
        if self.poor:
            said.append(f"{place}: {self.poor} lines that could hardly be recognised were left out")
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
        found = _engine()(pixels)
        texts = [one_line(text) for text in found.txts or ()]
        scores = [float(score) for score in found.scores if score is not None] if texts else []
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
def _engine() -> Any:
    import rapidocr

    settings = {
        "Global.log_level": "critical",
        "Global.text_score": 0.0,  # poor lines are counted here
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    }
    return rapidocr.RapidOCR(params=settings)
