"""OpenDocument text, sheets and slides (ODF 1.3): headings, lists, tables, notes; values of cells as they are shown.

Tracked deletions, comments, headers and footers are left out. Images, charts and embedded objects are said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.sheet_tables import add_sheet
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_LEFT_OUT = frozenset(
    """tracked-changes annotation annotation-end forms sequence-decls table-of-content alphabetical-index note-citation
    desc title event-listeners shapes dde-source date-time header footer""".split()
)
_CHARACTERS = {"tab": "\t", "line-break": "\n"}
_MOST_SPACES = 1_000
_WIDEST = 16_384
"""Columns of a sheet."""
_DEEPEST_ITEM = 8


def parse_opendocument(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "an OpenDocument file", limits)
    if archive.has("META-INF/manifest.xml") and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise DocumentError("is encrypted, expected an OpenDocument file without a password; save it without one")
    reading = _Reading(Extraction(limits.characters), limits)
    for body in archive.xml("content.xml"):
        if local_name(body) == "body":
            reading.children(body)
    reading.notes()
    return reading.document(name, _title(archive))


def _title(archive: Archive) -> str:
    if not archive.has("meta.xml"):
        return ""
    return next((one_line(one.text or "") for one in archive.xml("meta.xml").iter() if local_name(one) == "title"), "")


@dataclass
class _Reading:
    extraction: Extraction
    limits: ParseLimits
    _title: str = ""
    _place: str = ""
    _slides: int = 0
    _cells: int = 0
    _notes: list[str] = field(default_factory=list)
    _images: int = 0
    _objects: int = 0

    def document(self, name: str, title: str) -> ParsedDocument:
        for count, what in ((self._images, "image"), (self._objects, "embedded object")):
            if count:
                many = f"1 {what} was" if count == 1 else f"{count:,} {what}s were"
                self.extraction.left_out.append(f"{many} not read")
        return self.extraction.document(name, title=title or self._title)

    def notes(self) -> None:
        """Add the foot- and endnotes."""
        self.extraction.add("\n".join(self._notes))
        self._notes = []

    def children(self, container: "_Element") -> None:
        for element in container:
            self._element(element)

    def _element(self, element: "_Element") -> None:
        name = local_name(element)
        if name in _LEFT_OUT:
            return
        if name == "h":
            level = max(1, whole_number(attribute(element, "outline-level"), 1))
            self.extraction.add(one_line(self._text(element)), level=level, place=self._place)
        elif name == "p":
            self._paragraph(element)
        elif name == "list":
            self.extraction.add("\n".join(self._items(element, 0)), "list", place=self._place)
        elif name == "table":
            self._table(element)
        elif name == "page":
            self._slide(element)
        else:
            self._note_object(name)
            self.children(element)

    def _note_object(self, name: str) -> None:
        self._images += name == "image"
        self._objects += name in ("object", "object-ole")

    def _paragraph(self, element: "_Element") -> None:
        text = self._text(element)
        if attribute(element, "style-name") == "Title" and not self._title and text.strip():
            self._title = one_line(text)
            self.extraction.add(self._title, level=1)
        else:
            self.extraction.add(text, place=self._place)

    def _slide(self, page: "_Element") -> None:
        """Add a slide: its title is a heading, the notes of its speaker follow."""
        self._slides += 1
        if self._slides > self.limits.pages:
            raise DocumentError(
                f"found more than {self.limits.pages:,} slides, expected fewer; raise sync.max_pages to take it"
            )
        self._place = f"slide {self._slides}"
        frames = list(page)
        titles = [one for one in frames if attribute(one, "class") == "title"]
        title = one_line(" ".join(self._text(one) for one in titles))
        self.extraction.add(title or attribute(page, "name") or self._place, level=1, place=self._place)
        for one in frames:
            if one not in titles:
                self._element(one)

    def _items(self, container: "_Element", depth: int) -> Iterator[str]:
        for item in container:
            for one in item:
                if local_name(one) == "list":
                    yield from self._items(one, depth + 1)
                elif local_name(one) in ("p", "h") and (text := one_line(self._text(one))):
                    yield "  " * min(depth, _DEEPEST_ITEM) + "- " + text

    def _table(self, table: "_Element") -> None:
        name = attribute(table, "name")
        parent = table.getparent()
        is_sheet = parent is not None and local_name(parent) == "spreadsheet"
        if name and is_sheet:
            self.extraction.add(name, level=1)
        header = sum(1 for one in table if local_name(one) == "table-header-rows" for _ in one)
        rows = list(self._rows(table))
        if is_sheet:
            add_sheet(self.extraction, rows, {header})
        else:
            self.extraction.table([row for _, row in rows], header=header or None, place=self._place)

    def _rows(self, table: "_Element") -> Iterator[tuple[int, list[str]]]:
        """Yield the rows with a value by number; those of one that is repeated too, as far as the limits go."""
        spread: dict[int, tuple[int, str]] = {}
        number = 0
        for element in _row_elements(table):
            cells = self._cells_of(element, spread)
            repeated = max(1, whole_number(attribute(element, "number-rows-repeated"), 1))
            for at in range(repeated if any(cells) else 0):
                self._count(sum(map(len, cells)) + len(cells))
                yield number + at + 1, cells
            number += repeated

    def _cells_of(self, row: "_Element", spread: dict[int, tuple[int, str]]) -> list[str]:
        """Return the cells of a row. `spread` is what cells above extend into it: column to (rows left, text)."""
        cells: list[str] = []
        column = 0
        for cell in row:
            covered = local_name(cell) == "covered-table-cell"
            if not covered and local_name(cell) != "table-cell":
                continue
            repeated = max(1, whole_number(attribute(cell, "number-columns-repeated"), 1))
            text = "" if covered else self._cell(cell)
            wide = max(1, whole_number(attribute(cell, "number-columns-spanned"), 1))
            tall = max(1, whole_number(attribute(cell, "number-rows-spanned"), 1))
            for at in range(column, min(column + max(repeated, wide if text else 1), _WIDEST)):
                left, above = spread.get(at, (0, ""))
                shown = text if text else (above if covered and left else "")
                if text and tall > 1:
                    spread[at] = (tall - 1, text)
                elif left:
                    spread[at] = (left - 1, above)
                if shown and at >= len(cells):
                    cells += [""] * (at - len(cells)) + [shown]
                elif shown and not cells[at]:
                    cells[at] = shown
            column += repeated
        return cells

    def _cell(self, cell: "_Element") -> str:
        return "\n".join(filter(None, (self._text(one) for one in cell if local_name(one) not in _LEFT_OUT)))

    def _count(self, characters: int) -> None:
        self._cells += characters
        if self._cells > self.limits.characters:
            raise DocumentError(
                f"found tables of more than {self.limits.characters:,} characters, expected fewer; "
                "raise sync.max_document_mb to take it, or split it"
            )

    def _text(self, element: "_Element") -> str:
        """Return what a reader sees of an element; notes are kept for the end."""
        pieces = [element.text or ""]
        for one in element:
            name = local_name(one)
            if name == "s":
                pieces.append(" " * min(max(1, whole_number(attribute(one, "c"), 1)), _MOST_SPACES))
            elif name in _CHARACTERS:
                pieces.append(_CHARACTERS[name])
            elif name == "note":
                bodies = [self._text(body) for body in one if local_name(body) == "note-body"]
                self._notes.append(one_line(" ".join(bodies)))
            elif name not in _LEFT_OUT:
                self._note_object(name)
                inner = self._text(one)
                pieces.append(
                    f"\n{inner}" if name in ("p", "h", "list", "list-item", "text-box", "table-row") else inner
                )
            pieces.append(one.tail or "")
        return "".join(pieces)


def _row_elements(container: "_Element") -> "Iterator[_Element]":
    """Yield the rows of a table, those in groups too."""
    for element in container:
        if local_name(element) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _row_elements(element)
        elif local_name(element) == "table-row":
            yield element
