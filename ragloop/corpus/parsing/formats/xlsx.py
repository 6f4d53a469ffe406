"""XLSX: sheet by sheet the rows, as they were last calculated, then notes, text boxes and charts' titles.

Hidden sheets, rows and columns are read; headers, footers and the lists of validation are not. The vocabulary is that
of ECMA-376, part 1, chapter 18.
"""

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.grids.sheets import heading_rows, merged_cells, spread
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.cells import Cells, cell_formats, shared_strings, string
from ragloop.corpus.parsing.office.drawings import chart, description, diagram, is_decorative, paragraphs
from ragloop.corpus.parsing.office.package import NotRead, core_title, main_part
from ragloop.corpus.parsing.office.paragraphs import alternative
from ragloop.corpus.parsing.office.sheet_tables import add_sheet
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_ON = ("1", "true")
_LEFT_OUT = {
    "macrosheet": ("a sheet of macros", "sheets of macros"),
    "dialogsheet": ("a sheet that is a dialog", "sheets that are dialogs"),
}


def parse_xlsx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "an XLSX document", limits)
    main, workbook = main_part(archive, "xl/workbook.xml", "workbook")
    related = archive.related(main)
    by_kind = dict(related.values())
    cells = Cells(
        shared_strings(archive, by_kind.get("sharedStrings", "xl/sharedStrings.xml")),
        cell_formats(archive, by_kind.get("styles", "xl/styles.xml")),
        from_1904=_sets(workbook, "workbookPr", "date1904"),
        recalculates=_sets(workbook, "calcPr", "fullCalcOnLoad"),
    )
    extraction, not_read = Extraction(limits.characters), NotRead()
    for title, identity in _sheets(workbook):
        kind, member = related.get(identity, ("", ""))
        if kind in ("worksheet", "chartsheet") and archive.has(member):
            extraction.add(title, level=1)
            if kind == "worksheet":
                _add_cells(extraction, archive, member, cells, limits, title)
            _Beside(archive, member, extraction, not_read, f"sheet {title}").read(with_values=kind == "chartsheet")
        elif kind.lower().endswith(("macrosheet", "dialogsheet")):
            one, many = _LEFT_OUT["dialogsheet" if kind.lower().startswith("dialog") else "macrosheet"]
            not_read.add(one, many, f"sheet {title}")
    extraction.left_out += not_read.sentences()
    return extraction.document(name, title=core_title(archive))


def _sets(workbook: "_Element", element: str, name: str) -> bool:
    return any(local_name(one) == element and attribute(one, name) in _ON for one in workbook)


def _add_cells(
    extraction: Extraction, archive: Archive, member: str, cells: Cells, limits: ParseLimits, title: str
) -> None:
    sheet = archive.read(member)
    related = archive.related(member).values()
    tables = [archive.read(one) for kind, one in related if kind == "table" and archive.has(one)]
    before = cells.formulas
    rows = spread(list(_rows(cells, sheet, member, limits)), merged_cells(sheet))
    add_sheet(extraction, rows, heading_rows(sheet, tables))
    if count := cells.formulas - before:
        formulas = f"{count:,} formulas have" if count > 1 else "one formula has"
        extraction.left_out.append(f"sheet {title}: {formulas} no stored result and stand as formulas")


def _sheets(workbook: "_Element") -> Iterator[tuple[str, str]]:
    for element in workbook.iter():
        if local_name(element) == "sheet":
            identity = next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")
            yield attribute(element, "name") or "", identity


def _rows(cells: Cells, sheet: bytes, member: str, limits: ParseLimits) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each row that has text, and free the row before the next: there may be a million."""
    from lxml import etree

    steps = etree.iterparse(
        io.BytesIO(sheet), events=("end",), tag="{*}row",
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
    )  # fmt: skip
    characters = number = 0
    try:
        for _, row in steps:
            number = max(whole_number(attribute(row, "r"), number + 1), number + 1)
            found = cells.row(row)
            characters += sum(map(len, found))
            if characters > limits.characters:
                raise DocumentError(
                    f"found a sheet of more than {limits.characters:,} characters, expected fewer; "
                    "raise sync.max_document_mb to take it, or split it"
                )
            if found:
                yield number, found
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"found malformed XML in {member} ({error}); save it again or leave it out") from None


class _Beside:
    """What stands on a sheet beside its cells: notes of cells, text boxes, pictures and charts."""

    def __init__(self, archive: Archive, member: str, into: Extraction, not_read: NotRead, place: str) -> None:
        self._archive, self._into, self._not_read, self._place = archive, into, not_read, place
        self._related = archive.related(member)

    def read(self, *, with_values: bool) -> None:
        """Add all of it; charts with their values on a sheet of its own, since elsewhere those stand in cells."""
        kinds = {kind for kind, _ in self._related.values()}
        for kind, member in self._related.values():
            if not self._archive.has(member):
                continue
            if kind == "threadedComment" or (kind == "comments" and "threadedComment" not in kinds):
                self._notes(self._archive.xml(member))
            elif kind == "drawing":
                self._drawing(member, with_values=with_values)

    def _notes(self, root: "_Element") -> None:
        notes = []
        for one in root.iter():
            if local_name(one) in ("comment", "threadedComment"):
                text = next((child for child in one if local_name(child) == "text"), None)
                said = one_line((text.text or "") + string(text)) if text is not None else ""
                notes.append(f"- {attribute(one, 'ref') or ''}: {said}" if said else "")
        self._into.add("\n".join(filter(None, notes)), "list")

    def _drawing(self, member: str, *, with_values: bool) -> None:
        related = self._archive.related(member)
        for one in _drawn(self._archive.xml(member)):
            name = local_name(one)
            if name == "txBody":
                self._into.add(paragraphs(one))
            elif name == "chart" and (root := self._target(related, attribute(one, "id"))) is not None:
                title, rows = chart(root)
                self._into.add(title)
                self._into.table(rows if with_values else [], header=1, named=True)
            elif name == "relIds" and (root := self._target(related, attribute(one, "dm"))) is not None:
                self._into.add(diagram(root), "list")
            elif name == "pic":
                self._picture(one)

    def _target(self, related: dict[str, tuple[str, str]], identity: str | None) -> "_Element | None":
        _, member = related.get(identity or "", ("", ""))
        return self._archive.xml(member) if member and self._archive.has(member) else None

    def _picture(self, picture: "_Element") -> None:
        properties = next((one for one in picture.iter() if local_name(one) == "cNvPr"), None)
        said = description(properties) if properties is not None else ""
        if said:
            self._into.add(f"Picture: {said}")
        elif not (properties is not None and is_decorative(properties)):
            self._not_read.add("a picture without a description", "pictures without a description", self._place)


def _drawn(element: "Iterable[_Element]") -> Iterator["_Element"]:
    """Yield the elements of a drawing, of alternatives the one that is shown."""
    for one in element:
        if local_name(one) == "AlternateContent":
            yield from _drawn(alternative(one))
        else:
            yield one
            yield from _drawn(one)
