"""What the XML of a sheet says about its tables beside the cells: merged cells, and the rows that head a table."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_REFERENCE = re.compile(rb'\bref="\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?"')
_SPLIT = re.compile(rb'\bySplit="([1-9])"')
_MERGED, _FILTER, _PANE, _TABLE = (
    re.compile(rb"[<:]mergeCell\s([^<>]*+)"),
    re.compile(rb"[<:]autoFilter\s([^<>]*+)"),
    re.compile(rb"[<:]pane\s([^<>]*+)"),
    re.compile(rb"[<:]table\s([^<>]*+)"),
)
_WITHOUT_HEADER = b'headerRowCount="0"'
_LONGEST_SPREAD, _MOST_SPREAD = 1_000, 1_000_000


@dataclass(frozen=True)
class Span:
    """Cells from one row and column to another, rows from 1 and columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


def merged_cells(sheet: bytes) -> Iterator[Span]:
    """Yield the cells that are shown as one."""
    for found in _MERGED.finditer(sheet, max(sheet.rfind(b"sheetData>"), 0)):
        if span := _span(found[1]):
            yield span


def heading_rows(sheet: bytes, tables: Iterable[bytes] = ()) -> frozenset[int]:
    """Return the numbers of rows that head a table: of `tables`, of a filter, and the last one that stays in view."""
    begin, end = max(sheet.find(b"sheetData"), 0), max(sheet.rfind(b"sheetData>"), 0)
    named = [found[1] for one in tables if (found := _TABLE.search(one)) and _WITHOUT_HEADER not in found[1]]
    named += [found[1] for found in _FILTER.finditer(sheet, end)]
    rows = {span.top for one in named if (span := _span(one))}
    pane = _PANE.search(sheet, 0, begin)
    split = _SPLIT.search(pane[1]) if pane and b'"frozen' in pane[1] else None
    return frozenset(rows | {int(split[1])} if split else rows)


def spread(rows: Sequence[tuple[int, list[str]]], merged: Iterable[Span]) -> list[tuple[int, list[str]]]:
    """Return the rows, by ascending number, with the text of merged cells in each of them that has a row."""
    spread = [(number, list(row)) for number, row in rows]
    numbers = [number for number, _ in spread]
    widest = max((len(row) for _, row in spread), default=0)
    room = _MOST_SPREAD
    for span in merged:
        first, last = bisect_left(numbers, span.top), bisect_right(numbers, span.bottom)
        right = min(span.right + 1, widest)
        room -= max(0, last - first) * max(0, right - span.left)
        if room < 0:
            break
        source = spread[first][1] if first < last and numbers[first] == span.top else []
        text = source[span.left] if span.left < len(source) else ""
        if not text or len(text) > _LONGEST_SPREAD:
            continue
        for _, row in spread[first:last]:
            row += [""] * (right - len(row))
            for column in range(span.left, right):
                row[column] = row[column] or text
    return spread


def _span(attributes: bytes) -> Span | None:
    found = _REFERENCE.search(attributes)
    if found is None:
        return None
    return Span(int(found[2]), _column(found[1]), int(found[4] or found[2]), _column(found[3] or found[1]))


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1
