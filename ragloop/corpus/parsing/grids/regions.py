"""Which cells of a sheet form a table: what empty rows and empty columns set apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True)
class Region:
    """Some rows of a sheet by number, and the column that each begins with."""

    numbers: Sequence[int]
    column: int
    rows: Sequence[Row]


def regions(rows: Iterable[tuple[int, Row]]) -> Iterator[Region]:
    """Yield what empty rows part, and in it what empty columns part.

    A single column beside a table belongs to it: many sheets have a narrow empty column for the eye only.
    """
    for block in _parted_by_rows(rows):
        parts = _parted_by_columns(block)
        if len(parts) == 1:
            yield parts[0]
            continue
        for part in parts:
            yield from _parted_by_rows(zip(part.numbers, part.rows, strict=True), part.column)


def _parted_by_rows(rows: Iterable[tuple[int, Row]], column: int = 0) -> Iterator[Region]:
    numbers: list[int] = []
    kept: list[Row] = []
    for number, row in rows:
        filled = any(cell.strip() for cell in row)
        if kept and (not filled or number > numbers[-1] + 1):
            yield Region(numbers, column, kept)
            numbers, kept = [], []
        if filled:
            numbers.append(number)
            kept.append(row)
    if kept:
        yield Region(numbers, column, kept)


def _parted_by_columns(block: Region) -> list[Region]:
    width = max(map(len, block.rows))
    used = bytearray(width)
    for row in block.rows:
        for at, cell in enumerate(row):
            if not used[at] and cell.strip():
                used[at] = 1
    spans: list[tuple[int, int]] = []
    start = used.find(1)
    while start >= 0:
        end = used.find(0, start)
        end = width if end < 0 else end
        spans.append((start, end))
        start = used.find(1, end)
    if len(spans) < 2 or any(end - start < 2 for start, end in spans):
        spans = [(spans[0][0], width)]
    return [Region(block.numbers, start, [row[start:end] for row in block.rows]) for start, end in spans]
