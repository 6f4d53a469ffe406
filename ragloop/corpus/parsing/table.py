"""A table as lines of text: which rows name the columns, and each row so that it can be understood by itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from ragloop.corpus.parsing.grids.headers import SAMPLE, are_labels, column_kinds, header_rows, is_title

_CELL = " | "
_SHORT_ROWS, _SHORT_CHARACTERS = 12, 600
_LONGEST_WORD = 12


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
    if spanned := _spanned(values):
        return spanned
    names = [*columns, *[""] * (len(values) - len(columns))]
    pairs = zip(names, values, strict=False)
    return _CELL.join(f"{name}: {value}" if name else value for name, value in pairs if value)


def _spanned(values: Sequence[str]) -> str:
    """Return the text of a row that is one cell over all columns, such as the title of the rows below it."""
    first = values[0] if len(values) > 2 else ""
    return first if (" " in first or len(first) > _LONGEST_WORD) and set(values) == {first} else ""


@dataclass(frozen=True)
class Table:
    """The rows of a table below those that name its columns; `titles` are the lines above these.

    `labelled` is a table of two columns of which the left one names the values in the right one. `kinds` says what the
    columns hold, as far as a sample of the rows tells.
    """

    titles: Sequence[str]
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    is_long: bool
    labelled: bool = False
    kinds: tuple[str, ...] = ()

    def lines(self, *, named: bool) -> Iterator[str]:
        """Yield the rows as lines; with `named` as "name: value", else below a line of the names."""
        if self.labelled:
            for row in self.rows:
                label, value = one_line(row[0]).rstrip(":： "), one_line(row[1])
                yield f"{label}: {value}" if value else label
            return
        columns = self.columns if named else ()
        heads = [self.columns] if self.columns and not named else []
        for row in chain(heads, self.rows):
            if line := table_row(row, columns):
                yield line


def read_table(rows: Iterable[Sequence[str]], header: int | None = None, above: Table | None = None) -> Table:
    """Read a table from its rows, of which a sample only is held.

    `header` counts the rows that name the columns, None where that is to be found out. A table without such rows
    continues the one `above` where its columns hold the same and not words only.
    """
    filled = (row for row in rows if any(cell.strip() for cell in row))
    sample = list(islice(filled, SAMPLE + 1))
    is_long = len(sample) > _SHORT_ROWS or sum(len(cell) for row in sample for cell in row) > _SHORT_CHARACTERS
    above_labels = next((at for at, row in enumerate(sample) if not is_title(row)), 0) if header is None else 0
    if above_labels and are_labels(sample[above_labels:]):
        titled = read_table(chain(sample[above_labels:], filled), header)
        return replace(titled, titles=[_said(row) for row in sample[:above_labels]])
    labelled = header in (None, 0, 1) and are_labels(sample)  # office programs mark the first row of any table
    found = None if labelled else header_rows(sample) if header is None else (0, header) if header else None
    if found is None or found[1] >= len(sample):
        kinds = tuple(column_kinds(sample))
        continues = above is not None and above.columns and not labelled and _alike(kinds, above.kinds)
        columns = above.columns if above and continues else []
        return Table([], columns, chain(sample, filled), is_long, labelled, kinds)
    first, last = found
    while first < last - 1 and is_title(sample[first]):
        first += 1  # the format may count a title over all columns among the rows of names
    above_names = sample[first : last - 1] if header is None else []  # a cell over several columns stands in the first
    names = [*map(_filled, above_names), *sample[first + len(above_names) : last]]
    titles = [_said(row) for row in sample[:first]]
    kinds = tuple(column_kinds(sample[last:]))
    return Table(titles, _joined(names), chain(sample[last:], filled), is_long, kinds=kinds)


def _said(row: Sequence[str]) -> str:
    """Return what the cells of a row say, each once."""
    return _CELL.join(dict.fromkeys(filter(None, map(one_line, row))))


def _alike(kinds: Sequence[str], others: Sequence[str]) -> bool:
    return kinds == others and set(kinds) != {"text"}


def _filled(row: Sequence[str]) -> list[str]:
    """Return a row whose empty cells have the text of the one before them."""
    filled = list(row)
    for at in range(1, len(filled)):
        filled[at] = filled[at] if filled[at].strip() else filled[at - 1]
    return filled


def _joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the name of each column: what the rows say of it from above, each once."""
    width = max(map(len, rows))
    names = []
    for at in range(width):
        cells = dict.fromkeys(one_line(row[at]) for row in rows if at < len(row))
        names.append(" ".join(filter(None, cells)))
    while names and not names[-1]:
        names.pop()
    return names
