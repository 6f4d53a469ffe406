"""Columns of prose that were drawn row by row: found by the gaps between them, and read one after the other."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.pages.lines import SENTENCE_END

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_LEAST_GAP = 9.0
"""Points between columns: blanks of justified lines are as wide, but not in the same place of line after line."""
_LEAST_ROWS = 3
_LEAST_WIDTH = 7.0
"""Least width of a column of prose, in heights of its letters."""
_LEAST_FILLED = 0.62
_LEAST_GOING_ON = 0.3
_FULL = 0.8
_FEWEST_WORDS = 3
_MOST_DIGITS = 0.15
_WIDE_LEADING = 1.35
_HYPHENS = frozenset("-\xad\x02\ufffe")
_MOST_CHARACTERS = 40_000
"""A page of more characters is read as it was drawn."""


@dataclass
class Segment:
    """Characters that stand side by side, as they were drawn."""

    left: float
    right: float
    base: float
    height: float
    text: str


@dataclass
class _Run:
    """Rows that leave the same gaps free."""

    gaps: list[tuple[float, float]]
    rows: list[list[Segment]] = field(default_factory=list)

    def column(self, segment: Segment) -> int:
        middle = (segment.left + segment.right) / 2
        return sum(middle > right for _, right in self.gaps)

    def cells(self, row: Sequence[Segment]) -> list[str]:
        texts = [""] * (len(self.gaps) + 1)
        for one in sorted(row, key=lambda one: one.left):
            at = self.column(one)
            texts[at] = f"{texts[at]} {one.text}".strip()
        return texts


def by_columns(page: "PdfTextPage", text: str) -> str | None:
    """Return the text of a page whose columns of prose were drawn row by row; None for any other page.

    `text` is the page as it was drawn: where it has as many lines as there are rectangles of characters, none stands
    beside another.
    """
    rectangles = page.count_rects()
    if rectangles <= text.count("\n") + text.count("\ufffe") + _LEAST_ROWS or not _jumps(page, rectangles):
        return None
    if page.count_chars() > _MOST_CHARACTERS:
        return None
    segments = list(_segments(page))
    columns = _columns(segments)
    return "\n".join(_lines(segments, columns)) if columns else None


def in_reading_order(segments: Sequence[Segment]) -> list[str]:
    """Return stretches of text as lines, column after column where there are columns of prose."""
    return _lines(segments, _columns(segments))


def _columns(segments: Sequence[Segment]) -> list[_Run]:
    order = {id(one): at for at, one in enumerate(segments)}
    return [run for run in _runs(_rows(segments)) if _is_interleaved(run, order) and _is_prose(run)]


def _lines(segments: Sequence[Segment], columns: Sequence[_Run]) -> list[str]:
    """Return the lines as they were drawn, those of each run where its first one was."""
    of = {id(one): run for run in columns for row in run.rows for one in row}
    lines: list[str] = []
    written: set[int] = set()
    before: Segment | None = None
    for one in segments:
        run = of.get(id(one))
        if run is None:
            beside = before is not None and abs(before.base - one.base) < one.height / 2
            if beside and lines:
                lines[-1] += f" {one.text}"
            else:
                lines.append(one.text)
        elif id(run) not in written:
            written.add(id(run))
            lines += ["", *_read(run), ""]
        before = one if run is None else None
    return lines


def _is_interleaved(run: _Run, order: Mapping[int, int]) -> bool:
    """Return whether the run was drawn to and fro between its columns, rather than one after the other."""
    drawn = sorted((order[id(one)], run.column(one)) for row in run.rows for one in row)
    changes = sum(one[1] != other[1] for one, other in itertools.pairwise(drawn))
    return changes >= len(run.rows) * len(run.gaps)


def _jumps(page: "PdfTextPage", count: int) -> bool:
    """Return whether text goes on over a gap on its line, time and again in the same place, and comes back between."""
    from ctypes import byref, c_double

    from pypdfium2 import raw

    left, top, right, bottom = c_double(), c_double(), c_double(), c_double()
    places = byref(left), byref(top), byref(right), byref(bottom)
    handle, get = page.raw, raw.FPDFText_GetRect
    begun = ended = above = below = 0.0
    jumped: tuple[float, float] | None = None
    came_back = True
    jumps: list[tuple[float, float]] = []
    for at in range(count):
        get(handle, at, *places)
        start, end, high, low = left.value, right.value, top.value, bottom.value
        if low >= above or below >= high or start < begun:
            came_back = came_back or start < begun
            begun = start
        elif start - ended >= _LEAST_GAP:
            jumped = (ended, start) if came_back and ended - begun >= _LEAST_WIDTH * (above - below) else None
            came_back = False
            begun = start
        if jumped is not None and end - begun >= _LEAST_WIDTH * (high - low):
            jumps.append(jumped)
            jumped = None
        ended, above, below = end, high, low
    return any(
        sum(one < middle < other for one, other in jumps) >= _LEAST_ROWS - 1
        for middle in ((one + other) / 2 for one, other in jumps[:: len(jumps) // 20 + 1])
    )


def _segments(page: "PdfTextPage") -> Iterator[Segment]:
    from ctypes import byref

    from pypdfium2 import raw

    box = raw.FS_RECTF()
    place = byref(box)
    now: Segment | None = None
    blank = False
    handle = page.raw
    for at in range(page.count_chars()):
        code = raw.FPDFText_GetUnicode(handle, at)
        char = chr(code)
        if not code or char.isspace():
            blank = True
            continue
        if char in _HYPHENS and raw.FPDFText_IsHyphen(handle, at) == 1:
            char = "-"
        raw.FPDFText_GetLooseCharBox(handle, at, place)
        left, right, bottom, height = box.left, box.right, box.bottom, box.top - box.bottom
        if now is not None and _is_beside(now, left, bottom, height):
            now.text += f" {char}" if blank else char
            now.right = max(now.right, right)
        else:
            if now is not None:
                yield now
            now = Segment(left, right, bottom, height, char)
        blank = False
    if now is not None:
        yield now


def _is_beside(now: Segment, left: float, bottom: float, height: float) -> bool:
    """Return whether a character goes on in a stretch of text; a smaller one may be raised, as signs of notes are."""
    raised = 0.6 if height < 0.85 * now.height else 0.3
    gap = left - now.right
    return abs(bottom - now.base) < raised * now.height and -now.height < gap < max(_LEAST_GAP, 0.7 * now.height)


def _rows(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Return the segments by line, from the top."""
    rows: list[list[Segment]] = []
    for one in sorted(segments, key=lambda one: -one.base):
        if rows and abs(rows[-1][0].base - one.base) < 0.45 * min(rows[-1][0].height, one.height):
            rows[-1].append(one)
        else:
            rows.append([one])
    return rows


def _runs(rows: Sequence[list[Segment]]) -> Iterator[_Run]:
    run: _Run | None = None
    for row in rows:
        kept = _free(run.gaps, row) if run else []
        if run and kept and (len(kept) == len(run.gaps) or len(run.rows) < _LEAST_ROWS):
            run.gaps = kept
            run.rows.append(row)
            continue
        if run:
            yield run
        gaps = _gaps(row)
        run = _Run(gaps, [row]) if gaps else None
    if run:
        yield run


def _gaps(row: Sequence[Segment]) -> list[tuple[float, float]]:
    ordered = sorted(row, key=lambda one: one.left)
    pairs = itertools.pairwise(ordered)
    return [(one.right, other.left) for one, other in pairs if other.left - one.right >= _LEAST_GAP]


def _free(gaps: Sequence[tuple[float, float]], row: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return what a row leaves of the gaps."""
    free = []
    for left, right in gaps:
        for one in row:
            if one.right <= left or one.left >= right:
                continue
            if one.left <= left:
                left = one.right
            elif one.right >= right:
                right = one.left
            else:
                right = left
        if right - left >= _LEAST_GAP:
            free.append((left, right))
    return free


def _is_prose(run: _Run) -> bool:
    """Return whether each column is filled with lines that go on in the next: cells of a table are not."""
    if len(run.rows) < _LEAST_ROWS:
        return False
    for at in range(len(run.gaps) + 1):
        pieces = [[one for one in row if run.column(one) == at] for row in run.rows]
        lines = [line for line in pieces if line]
        if len(lines) < _LEAST_ROWS:
            return False
        widths = [max(one.right for one in line) - min(one.left for one in line) for line in lines]
        texts = [" ".join(one.text for one in line) for line in lines]
        height = median(one.height for line in lines for one in line)
        if max(widths) < _LEAST_WIDTH * height or sum(widths) < _LEAST_FILLED * len(widths) * max(widths):
            return False
        words, blanks = "".join(texts), sum(text.count(" ") for text in texts)
        if blanks and blanks + len(texts) < _FEWEST_WORDS * len(texts):
            return False
        if sum(map(str.isdigit, words)) > _MOST_DIGITS * len(words):
            return False
        going_on = sum(_goes_on(one, other) for one, other in itertools.pairwise(texts))
        if going_on < _LEAST_GOING_ON * (len(texts) - 1):
            return False
    return True


def _goes_on(line: str, following: str) -> bool:
    return not SENTENCE_END.search(line) and not (following[0].isupper() or following[0].isdigit())


def _read(run: _Run) -> list[str]:
    """Return the lines of a run, column after column; between rows of a table whose cells hold prose, row after row."""
    rows = [run.cells(row) for row in run.rows]
    bases = [row[0].base for row in run.rows]
    leading = median(one - other for one, other in itertools.pairwise(bases))
    begins = [0]
    for at in range(1, len(rows)):
        apart = bases[at - 1] - bases[at] > _WIDE_LEADING * leading or not all(rows[at - 1])
        if apart and all(rows[at]) and _ended(rows[begins[-1] : at]) and not any(one[0].islower() for one in rows[at]):
            begins.append(at)
    lines = []
    for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
        for column in range(len(run.gaps) + 1):
            lines += _paragraphs([row[column] for row in rows[begin:end] if row[column]])
            if SENTENCE_END.search(lines[-1]):
                lines.append("")
        lines.append("")
    return lines


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Return the lines of a column with each that goes on joined to the next."""
    full = _FULL * max(map(len, lines))
    joined: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on:
            split = joined[-1][-1] == "-" and joined[-1][-2:-1].isalnum()
            joined[-1] = f"{joined[-1][:-1]}\ufffe{line}" if split else f"{joined[-1]} {line}"
        else:
            joined.append(line)
        goes_on = len(line) >= full or not SENTENCE_END.search(line)
    return joined


def _ended(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the last line of each column ends a sentence, or is shorter than its column is wide."""
    for column in zip(*rows, strict=True):
        lines = [line for line in column if line]
        if lines and not SENTENCE_END.search(lines[-1]) and len(lines[-1]) > 0.85 * max(map(len, lines)):
            return False
    return True
