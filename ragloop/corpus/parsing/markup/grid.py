"""Tables of a page: whether one holds data or arranges the page, and its cells by row and column."""

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.markup.elements import CELLS, HEADINGS
from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element

_BLOCKS = ("p", "ul", "ol", "dl", "blockquote", "pre")
_MANY_BLOCKS = 4
_WIDEST = 1_000  # HTML, 4.9.11
_MOST_SPREAD = 300
"""Characters of a cell that are repeated in each row and column that it spans."""
_MOST_CELLS = 2_000_000
_CODE = frozenset(("blob-code", "hljs-ln-code", "code", "rouge-code", "crayon-code", "js-file-line"))


@dataclass
class Facts:
    """What stands in a table and in no table inside it."""

    cells: int = 0
    widest: int = 0
    header_cells: int = 0
    headings: int = 0
    tables: int = 0
    code_cells: int = 0
    preformatted: int = 0
    most_blocks: int = 0
    presented: bool = False
    _row: int = 0
    _blocks: int = 0

    def see(self, tag: str, element: "_Element") -> None:
        if tag == "tr":
            self._row = 0
        elif tag in CELLS:
            self.cells += 1
            self._row += 1
            self._blocks = 0
            self.widest = max(self.widest, self._row)
            self.header_cells += tag == "th"
            self.code_cells += tag == "td" and not _CODE.isdisjoint(element.get("class", "").split())
        elif tag in HEADINGS:
            self.headings += 1
        else:
            self._blocks += 1
            self.most_blocks = max(self.most_blocks, self._blocks)
            self.preformatted += tag == "pre"

    @property
    def arranges(self) -> bool:
        """Whether the table arranges a page: its cells are no data."""
        if self.presented or self.cells < 2:
            return True
        mixed = self.headings or self.tables or self.preformatted or self.most_blocks >= _MANY_BLOCKS
        return not self.header_cells and (self.widest < 2 or bool(mixed))

    @property
    def is_code(self) -> bool:
        """Whether the table holds the lines of a program, one in each row."""
        return self.code_cells > 0 and not self.preformatted and not self.header_cells


def facts_of_tables(root: "_Element") -> "dict[_Element, Facts]":
    """Return what stands in each table, seen in one pass."""
    from lxml import etree

    found: dict[_Element, Facts] = {}
    if next(root.iter("table"), None) is None:
        return found
    open_tables: list[Facts] = []
    tags = ("table", "tr", *CELLS, *HEADINGS, *_BLOCKS)
    for event, element in etree.iterwalk(root, events=("start", "end"), tag=tags):
        tag = str(element.tag)
        if event == "end":
            if tag == "table":
                open_tables.pop()
        elif tag == "table":
            if open_tables:
                open_tables[-1].tables += 1
            facts = Facts(presented=element.get("role") in ("presentation", "none"))
            found[element] = facts
            open_tables.append(facts)
        elif open_tables:
            open_tables[-1].see(tag, element)
    return found


@dataclass(frozen=True)
class _Cell:
    text: str
    rows: int
    columns: int
    names: bool


@dataclass
class Grid:
    """A table that is being read."""

    rows: list[list[_Cell]] = field(default_factory=list)
    heads: int = 0

    def row(self, *, heads: bool) -> None:
        """Begin a row; `heads` where it stands in `<thead>`."""
        if heads and self.heads == len(self.rows):
            self.heads += 1
        self.rows.append([])

    def cell(self, element: "_Element", text: str) -> None:
        """Add a cell to the row."""
        if not self.rows:
            self.row(heads=False)
        rows, columns = (_span(element.get(name)) for name in ("rowspan", "colspan"))
        self.rows[-1].append(_Cell(one_line(text), rows, columns, element.tag == "th"))

    def write(self, into: Extraction) -> None:
        """Add the table to what was read of the page. A cell as wide as the table parts it and is a paragraph."""
        rows = [row for row in self.rows if row]
        grid = _spread(rows)
        width = max(map(len, grid), default=0)
        titles = 0 if self.heads else _titles(rows, width)
        for row in rows[:titles]:
            into.add(row[0].text)
        rows, grid = rows[titles:], grid[titles:]
        heads = self._header(rows)
        header = [row for row in grid[: heads or 0] if any(row)]
        part: list[list[str]] = []
        for cells, texts in zip(rows[heads or 0 :], grid[heads or 0 :], strict=True):
            if width > 1 and len(cells) == 1 and cells[0].columns >= width:
                _add(into, header, part, heads)
                into.add(cells[0].text)
                part = []
            else:
                part.append(texts)
        _add(into, header, part, heads)

    def _header(self, rows: list[list[_Cell]]) -> int | None:
        """Return how many rows the page marks as those that name the columns; None if it marks nothing."""
        if not any(cell.names for row in rows for cell in row):
            return min(self.heads, len(rows)) or None
        heads = 0
        while heads < len(rows) and len(rows[heads]) > 1 and all(cell.names or not cell.text for cell in rows[heads]):
            heads += 1
        heads = heads if heads < len(rows) else min(1, heads)
        return self.heads if 0 < self.heads < len(rows) else heads


def _titles(rows: list[list[_Cell]], width: int) -> int:
    """Count the rows above a table that are one cell as wide as it, of which it says what it shows."""
    wide = takewhile(lambda row: len(row) == 1 and row[0].columns >= width > 1, rows)
    count = sum(1 for _ in wide)
    return count if count < len(rows) else 0


def _add(into: Extraction, header: list[list[str]], rows: list[list[str]], heads: int | None) -> None:
    if rows:
        into.table([*header, *rows], header=None if heads is None else len(header))
    elif header and heads:
        into.table(header, header=0)


def _span(value: str | None) -> int:
    digits = (value or "").strip()[:6]
    return max(1, min(int(digits), _WIDEST)) if digits.isdecimal() else 1


def _spread(rows: list[list[_Cell]]) -> list[list[str]]:
    """Return the texts by row and column, a cell in each place that it spans."""
    widest = max((sum(1 if cell.columns > _WIDEST // 2 else cell.columns for cell in row) for row in rows), default=0)
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}
    left = _MOST_CELLS
    for row in rows:
        texts: list[str] = []
        for cell in row:
            _fill(texts, below)
            again = cell.text if len(cell.text) <= _MOST_SPREAD else ""
            columns = min(cell.columns, max(1, widest - len(texts)))
            for column in range(columns):
                if cell.rows > 1:
                    below[len(texts)] = (cell.rows - 1, again)
                texts.append(again if column else cell.text)
        for column in range(len(texts), max(below, default=-1) + 1):
            _fill(texts, below)
            texts += [""] if len(texts) == column else []
        grid.append(texts)
        left -= len(texts)
        if left < 0:
            widest, below = 0, {}
    return grid


def _fill(texts: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Add the cells of rows above that reach into this one, as far as no other stands before them."""
    while len(texts) in below:
        column = len(texts)
        rows, text = below.pop(column)
        if rows > 1:
            below[column] = (rows - 1, text)
        texts.append(text)
