"""The tables of a sheet, whichever program wrote it."""

from collections.abc import Container, Iterable

from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.grids.regions import Row, regions
from ragloop.corpus.parsing.table import Table


def add_sheet(into: Extraction, rows: Iterable[tuple[int, Row]], heading: Container[int]) -> None:
    """Add what empty rows and columns of a sheet part as tables. `heading` are numbers of rows that head one."""
    above: tuple[int, Table] | None = None
    for region in regions(rows):
        header = next((at + 1 for at, number in enumerate(region.numbers[:-1]) if number in heading), None)
        continued = above[1] if above and above[0] == region.column else None
        table = into.table(region.rows, header=header, named=True, above=continued)
        above = (region.column, table) if table.columns else above
