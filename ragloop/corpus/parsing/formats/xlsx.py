"""XLSX: sheet by sheet the rows, as they were last calculated.

The vocabulary is that of ECMA-376, part 1, chapter 18. Hidden sheets are read, formulas, charts and comments are not.
"""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.package import core_title
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_COLUMN = re.compile(r"[A-Z]+")
_WIDEST = 16_384  # columns of a sheet
_DATE_FORMATS = frozenset((*range(14, 23), *range(45, 48)))  # built in; 18.8.30
_LITERAL = re.compile(r'"[^"]*"|\[[^\]]*(?:\]|\Z)|\\.')  # a bracket that is never closed ends with the format
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a sheet's times have no zone
_LATEST_DAY = 2_958_466


def parse_xlsx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "an XLSX document", limits)
    main = archive.main_part("xl/workbook.xml")
    related = archive.related(main)
    workbook = archive.xml(main)
    by_kind = dict(related.values())
    cells = _Cells(
        _shared_strings(archive, by_kind.get("sharedStrings", "xl/sharedStrings.xml")),
        _date_styles(archive, by_kind.get("styles", "xl/styles.xml")),
        any(local_name(one) == "workbookPr" and attribute(one, "date1904") in ("1", "true") for one in workbook),
    )
    extraction = Extraction(limits.characters)
    for title, identity in _sheets(workbook):
        kind, member = related.get(identity, ("", ""))
        if kind == "worksheet" and archive.has(member):
            extraction.add(title, level=1)
            extraction.table(list(cells.rows(archive.read(member), member, limits)))
    return extraction.document(name, title=core_title(archive))


def _sheets(workbook: "_Element") -> Iterator[tuple[str, str]]:
    for element in workbook.iter():
        if local_name(element) == "sheet":
            identity = next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")
            yield attribute(element, "name") or "", identity


def _shared_strings(archive: Archive, member: str) -> list[str]:
    if not archive.has(member):
        return []
    return [_string(item) for item in archive.xml(member) if local_name(item) == "si"]


def _string(item: "_Element") -> str:
    """The text of a string, without the phonetic guide that may stand beside it."""
    pieces = []
    for one in item:
        if local_name(one) == "t":
            pieces.append(one.text or "")
        elif local_name(one) == "r":
            pieces += [run.text or "" for run in one if local_name(run) == "t"]
    return "".join(pieces)


def _date_styles(archive: Archive, member: str) -> frozenset[int]:
    """The indices of the cell formats that show a number as a date or a time."""
    if not archive.has(member):
        return frozenset()
    formats, dates = set(_DATE_FORMATS), []
    for part in archive.xml(member):
        if local_name(part) == "numFmts":
            for one in part:
                code = _LITERAL.sub("", attribute(one, "formatCode") or "").split(";")[0]
                if _DATE_LETTERS.search(code):
                    formats.add(whole_number(attribute(one, "numFmtId"), -1))
        elif local_name(part) == "cellXfs":
            dates = [whole_number(attribute(one, "numFmtId")) for one in part]
    return frozenset(index for index, number in enumerate(dates) if number in formats)


class _Cells:
    def __init__(self, strings: list[str], dates: frozenset[int], from_1904: bool) -> None:
        self._strings, self._dates = strings, dates
        self._epoch = _EPOCH_1904 if from_1904 else _EPOCH

    def rows(self, sheet: bytes, member: str, limits: ParseLimits) -> Iterator[list[str]]:
        """Yield the cells of each row, and free the row before the next: a sheet may have a million."""
        from lxml import etree

        steps = etree.iterparse(
            io.BytesIO(sheet), events=("end",), tag="{*}row",
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        )  # fmt: skip
        characters = 0
        try:
            for _, row in steps:
                cells = self._row(row)
                characters += sum(map(len, cells))
                if characters > limits.characters:
                    raise DocumentError(
                        f"found a sheet of more than {limits.characters:,} characters, expected fewer; "
                        "raise sync.max_document_mb to take it, or split it"
                    )
                yield cells
                row.clear()
                while row.getprevious() is not None:
                    del row.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise DocumentError(f"found malformed XML in {member} ({error}); save it again or leave it out") from None

    def _row(self, row: "_Element") -> list[str]:
        cells: list[str] = []
        for cell in row:
            if local_name(cell) != "c":
                continue
            value = self._value(cell)
            if value:
                column = min(_column(attribute(cell, "r") or "", len(cells)), _WIDEST - 1)
                cells += [""] * (column - len(cells)) + [value]
        return cells

    def _value(self, cell: "_Element") -> str:
        kind = attribute(cell, "t") or "n"
        if kind == "inlineStr":
            return "".join(_string(one) for one in cell if local_name(one) == "is")
        value = next((one.text or "" for one in cell if local_name(one) == "v"), "")
        if kind == "s":
            index = whole_number(value, len(self._strings))
            return self._strings[index] if index < len(self._strings) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        if kind == "n" and value:
            return self._number(value, whole_number(attribute(cell, "s")))
        return value

    def _number(self, value: str, style: int) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if style in self._dates and 0 <= number < _LATEST_DAY:
            moment = (self._epoch + timedelta(days=number) + timedelta(milliseconds=1)).replace(microsecond=0)
            if number < 1:
                return moment.strftime("%H:%M:%S")
            return moment.date().isoformat() if number.is_integer() else moment.isoformat(sep=" ")
        return f"{number:.15g}"  # as shown: 0.1 + 0.2 is stored as 0.30000000000000004


def _column(reference: str, following: int) -> int:
    """The index of a cell's column from its reference ("C7" is 2); without one, the next."""
    found = _COLUMN.match(reference)
    if found is None:
        return following
    index = 0
    for letter in found[0][:4]:
        index = index * 26 + ord(letter) - 64
    return max(index - 1, following)
