"""The cells of a sheet as it shows them: strings, numbers in their formats, and formulas that have no stored result."""

import re
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.office.number_formats import built_in, general, shown

if TYPE_CHECKING:
    from lxml.etree import _Element

_COLUMN = re.compile(r"[A-Z]+")
_WIDEST = 16_384  # columns of a sheet


class Cells:
    """Reads the cells of a workbook.

    `recalculates`: the workbook asks to be calculated when it is opened. Programs that cannot calculate store 0 as the
    result of each formula and set this, so that a 0 is no result there.
    """

    def __init__(self, strings: list[str], formats: list[str], *, from_1904: bool, recalculates: bool) -> None:
        self._strings, self._formats = strings, formats
        self._from_1904, self._recalculates = from_1904, recalculates
        self.formulas = 0

    def row(self, row: "_Element") -> list[str]:
        """Return the cells of a row up to the last that is not empty."""
        cells: list[str] = []
        for cell in row:
            if len(cell) and local_name(cell) == "c":
                value = self._value(cell)
                if value:
                    column = min(_column(cell.get("r") or "", len(cells)), _WIDEST - 1)
                    cells += [""] * (column - len(cells)) + [value]
        return cells

    def _value(self, cell: "_Element") -> str:
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return "".join(string(one) for one in cell if local_name(one) == "is")
        value, formula = "", None
        for one in cell:
            name = local_name(one)
            if name == "v":
                value = one.text or ""
            elif name == "f":
                formula = one
        if formula is not None and ((not value and kind != "str") or (self._recalculates and value == "0")):
            return self._formula(formula)
        if kind == "s":
            index = whole_number(value, len(self._strings))
            return self._strings[index] if index < len(self._strings) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        return self._number(value, whole_number(cell.get("s"))) if kind == "n" and value else value

    def _formula(self, formula: "_Element") -> str:
        self.formulas += 1
        written = (formula.text or "").strip()
        return f"={written}" if written else f"=(shared formula {attribute(formula, 'si') or ''})".replace(" )", ")")

    def _number(self, value: str, style: int) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        code = self._formats[style] if style < len(self._formats) else "General"
        if code == "General" or not abs(number) < 1e300:
            return general(number)
        return shown(number, code, from_1904=self._from_1904)


def string(item: "_Element") -> str:
    """Return the text of a string, without the phonetic guide that may stand beside it."""
    pieces = []
    for one in item:
        if local_name(one) == "t":
            pieces.append(one.text or "")
        elif local_name(one) == "r":
            pieces += [run.text or "" for run in one if local_name(run) == "t"]
    return "".join(pieces)


def shared_strings(archive: Archive, member: str) -> list[str]:
    """Return the strings that cells refer to by number."""
    if not archive.has(member):
        return []
    return [string(item) for item in archive.xml(member) if local_name(item) == "si"]


def cell_formats(archive: Archive, member: str) -> list[str]:
    """Return the code of the number format of each cell style."""
    if not archive.has(member):
        return []
    codes: dict[int, str] = {}
    styles: list[int] = []
    for part in archive.xml(member):
        if local_name(part) == "numFmts":
            codes = {whole_number(attribute(one, "numFmtId"), -1): attribute(one, "formatCode") or "" for one in part}
        elif local_name(part) == "cellXfs":
            styles = [whole_number(attribute(one, "numFmtId")) for one in part]
    return [codes.get(one) or built_in(one) for one in styles]


def _column(reference: str, following: int) -> int:
    """Return the index of a cell's column from its reference ("C7" is 2); without one, the next."""
    found = _COLUMN.match(reference)
    if found is None:
        return following
    index = 0
    for letter in found[0][:4]:
        index = index * 26 + ord(letter) - 64
    return max(index - 1, following)
