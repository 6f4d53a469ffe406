"""A table as lines of text: which rows name the columns, and each row so that it can be understood by itself."""

from collections.abc import Sequence
from itertools import islice, pairwise

_CELL = " | "
_HEADER_WITHIN = 5
_SHORT_ROWS, _SHORT_CHARACTERS = 12, 600


def one_line(text: str) -> str:
    """White space of any kind made single spaces."""
    return " ".join(text.split())


def table_row(cells: Sequence[str], columns: Sequence[str] = ()) -> str:
    """One row as a line: the cells, or with `columns` those that are not empty as "name: value".

    A row that names its columns can be understood, embedded and cited without the row that heads the table.
    """
    values = [one_line(cell) for cell in cells]
    if not columns:
        while values and not values[-1]:
            values.pop()
        return _CELL.join(values) if any(values) else ""
    names = [*columns, *[""] * (len(values) - len(columns))]
    pairs = zip(names, values, strict=False)
    return _CELL.join(f"{name}: {value}" if name else value for name, value in pairs if value)


def column_names(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The first row's cells where it names columns: as wide as the second, words that differ, no numbers. Else none."""
    names = [one_line(cell) for cell in first]
    while names and not names[-1]:
        names.pop()
    distinct = len(set(names)) == len(names) and all(names)
    wordy = all(len(name) <= 80 and any(char.isalpha() for char in name) for name in names)
    width = len(second) - next((i for i, cell in enumerate(reversed(second)) if cell.strip()), len(second))
    return names if len(names) > 1 and distinct and wordy and width > 1 else []


def header_of(rows: Sequence[Sequence[str]]) -> int | None:
    """The index of the row that names the columns, None where no row does."""
    for index, (first, second) in enumerate(islice(pairwise(rows), _HEADER_WITHIN)):
        if column_names(first, second):
            return index
    return None


def is_long(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table may be cut into several chunks, so that its rows lose the row that names the columns."""
    return len(rows) > _SHORT_ROWS or sum(len(cell) for row in rows for cell in row) > _SHORT_CHARACTERS
