"""DOCX: paragraphs, lists and tables of the body, with the headings that its styles name; then foot- and endnotes.

Headers, footers, comments and deleted revisions are left out. The vocabulary is that of ECMA-376, part 1, chapter 17.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line, table_row

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_BODY_TEXT = 9  # the outline level that stands for none
_CONTAINERS = frozenset("sdt sdtContent customXml ins moveTo smartTag body".split())
_LEFT_OUT = frozenset("del moveFrom instrText delText Fallback pPr rPr sdtPr tblPr trPr tcPr".split())
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_NOTES = ("footnotes", "endnotes")
_SEPARATORS = ("separator", "continuationSeparator", "continuationNotice")


def parse_docx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "a DOCX document", limits)
    main = archive.main_part("word/document.xml")
    related = dict(archive.related(main).values())
    reading = _Reading(_Styles(archive, related.get("styles", "word/styles.xml")), Extraction(limits.characters))
    body = next((one for one in archive.xml(main) if local_name(one) == "body"), None)
    if body is not None:
        reading.read(body)
    for kind in _NOTES:
        if kind in related and archive.has(related[kind]):
            reading.notes(archive.xml(related[kind]))
    reading.end_list()
    return reading.extraction.document(name, title=reading.title or core_title(archive))


def core_title(archive: Archive) -> str:
    """The title in an office document's properties; empty where there is none."""
    if not archive.has("docProps/core.xml"):
        return ""
    found = (one.text for one in archive.xml("docProps/core.xml") if local_name(one) == "title")
    return one_line(next(found, None) or "")


class _Styles:
    """The heading level of paragraph styles, followed through the styles that they are based on."""

    def __init__(self, archive: Archive, member: str) -> None:
        self._level: dict[str, int] = {}
        self._based_on: dict[str, str] = {}
        self.titles: set[str] = set()
        for style in archive.xml(member) if archive.has(member) else ():
            self._add(style)

    def _add(self, style: "_Element") -> None:
        identity, name = attribute(style, "styleId") or "", ""
        for one in style:
            if local_name(one) == "name":
                name = attribute(one, "val") or ""
            elif local_name(one) == "basedOn":
                self._based_on[identity] = attribute(one, "val") or ""
            elif local_name(one) == "pPr" and (level := outline_level(one)) is not None:
                self._level[identity] = level
        if named := _HEADING.match(name):
            self._level[identity] = int(named[1])
        if name.lower() == "title":
            self.titles.add(identity)

    def level(self, style: str) -> int:
        """From 1; 0 for a style that is no heading."""
        seen: set[str] = set()
        while style and style not in seen:
            if style in self._level:
                return self._level[style]
            seen.add(style)
            style = self._based_on.get(style, "")
        return 0


def outline_level(properties: "_Element") -> int | None:
    """The heading level (from 1, 0 for body text) that paragraph properties name; None where they name none."""
    for one in properties:
        if local_name(one) == "outlineLvl":
            return (whole_number(attribute(one, "val"), _BODY_TEXT) + 1) % (_BODY_TEXT + 1)
    return None


class _Reading:
    def __init__(self, styles: _Styles, extraction: Extraction) -> None:
        self.title = ""
        self.extraction = extraction
        self._styles = styles
        self._items: list[str] = []

    def read(self, container: "_Element") -> None:
        for element in _flattened(container):
            if local_name(element) == "p":
                self._paragraph(element)
            else:
                self.end_list()
                self.extraction.add("\n".join(filter(None, map(table_row, _rows(element)))), "table")

    def notes(self, root: "_Element") -> None:
        for note in root:
            if attribute(note, "type") not in _SEPARATORS:
                self.end_list()
                self.extraction.add("\n".join(filter(None, (text(one).strip() for one in _flattened(note)))))

    def _paragraph(self, paragraph: "_Element") -> None:
        written = text(paragraph)
        style, level, item = self._described(paragraph)
        if style in self._styles.titles and not self.title and written.strip():
            self.title, level = one_line(written), 1
        if item is not None and not level and written.strip():
            self._items.append("  " * min(item, 8) + "- " + one_line(written))
            return
        self.end_list()
        self.extraction.add(one_line(written) if level else written, level=level)

    def _described(self, paragraph: "_Element") -> tuple[str, int, int | None]:
        """The style, the heading level, and the depth of a list item (None for none)."""
        style, level, item = "", None, None
        properties = next((one for one in paragraph if local_name(one) == "pPr"), None)
        if properties is not None:
            level = outline_level(properties)
            for one in properties:
                if local_name(one) == "pStyle":
                    style = attribute(one, "val") or ""
                elif local_name(one) == "numPr":
                    item = _depth(one)
        return style, self._styles.level(style) if level is None else level, item

    def end_list(self) -> None:
        if self._items:
            self.extraction.add("\n".join(self._items), "list")
        self._items = []


def _depth(numbering: "_Element") -> int | None:
    values = {local_name(one): attribute(one, "val") or "" for one in numbering}
    if values.get("numId") == "0":  # numbering that the paragraph takes away from its style
        return None
    return whole_number(values.get("ilvl"))


def _flattened(container: "_Element") -> Iterator["_Element"]:
    """Paragraphs and tables, those inside content controls and insertions too."""
    for element in container:
        name = local_name(element)
        if name in ("p", "tbl"):
            yield element
        elif name in _CONTAINERS:
            yield from _flattened(element)


def _rows(table: "_Element") -> Iterator[list[str]]:
    for row in _inside(table, "tr"):
        yield ["\n".join(text(one) for one in cell.iter() if local_name(one) == "p") for cell in _inside(row, "tc")]


def _inside(container: "_Element", wanted: str) -> Iterator["_Element"]:
    for element in container:
        if local_name(element) == wanted:
            yield element
        elif local_name(element) in _CONTAINERS:
            yield from _inside(element, wanted)


def text(element: "_Element") -> str:
    """What a reader sees of a paragraph: runs, links and equations, without field codes and deletions.

    Elements of DrawingML are named alike, so that slides are read by the same function. huge_tree=False bounds depth.
    """
    pieces: list[str] = []
    for one in element:
        name = local_name(one)
        if name == "t":
            pieces.append(one.text or "")
        elif name in _CHARACTERS:
            pieces.append(_CHARACTERS[name])
        elif name == "p":  # a text box
            pieces.append("\n" + text(one))
        elif name not in _LEFT_OUT:
            pieces.append(text(one))
    return "".join(pieces)
