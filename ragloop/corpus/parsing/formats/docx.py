"""DOCX: paragraphs, lists and tables of the body, with the headings that its styles name, and notes where they stand.

Headers, footers, deleted revisions and hidden text are left out; so is a table of contents that repeats the headings.
The vocabulary is that of ECMA-376, part 1, chapter 17.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from email.errors import MessageError
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.archive import Archive, attribute, local_name, whole_number
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.drawings import chart, description, diagram, is_decorative, paragraphs
from ragloop.corpus.parsing.office.numbering import BULLET, Numbering
from ragloop.corpus.parsing.office.package import NotRead, core_title, main_part
from ragloop.corpus.parsing.office.paragraphs import NOTE, Line, ParagraphReader
from ragloop.corpus.parsing.office.styles import Properties, Styles, properties_of
from ragloop.corpus.parsing.pages.images import InnerImages
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINERS = frozenset("sdt sdtContent customXml ins moveTo smartTag body AlternateContent Choice".split())
_SEPARATORS = ("separator", "continuationSeparator", "continuationNotice")
_NOTE_MARK = re.compile(r"\[\^\d{1,9}\]")
_LONE_COUNTER = re.compile(r"[^\w§]*\w+[^\w§]*")
_MOST_SPANNED = 64  # columns of a table in Word
_DEEPEST = 3  # documents inside each other
_INSIDE = ("p", "tbl", "altChunk")


def parse_docx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    return _parse(data, name, limits, depth=1)


def _parse(data: bytes, name: str, limits: ParseLimits, *, depth: int) -> ParsedDocument:
    archive = Archive(data, "a DOCX document", limits)
    main, root = main_part(archive, "word/document.xml", "document")
    reading = _Reading(archive, main, limits, depth)
    body = next((one for one in root if local_name(one) == "body"), None)
    if body is not None:
        reading.read(body)
    reading.finish()
    return reading.extraction.document(name, title=reading.title or core_title(archive))


class _Reading:
    def __init__(self, archive: Archive, main: str, limits: ParseLimits, depth: int) -> None:
        self.title = ""
        self.extraction = Extraction(limits.characters)
        self._archive, self._limits, self._depth = archive, limits, depth
        self._related = archive.related(main)
        self._styles = Styles(self._part("styles", "word/styles.xml"))
        self._numbering = Numbering(self._part("numbering", "word/numbering.xml"))
        self._notes = {kind: self._notes_of(kind) for kind in ("footnote", "endnote")}
        self._images = InnerImages(archive, limits)
        self._not_read = NotRead()
        self._paragraphs = ParagraphReader()
        self._items: list[str] = []
        self._pending: list[str | _Element] = []
        self._said = 0
        self._dropped_capital = ""
        self._contents: set[int] = set()
        self._in_contents = self._in_box = False

    def _part(self, kind: str, usual: str = "") -> "_Element | None":
        named = next((member for found, member in self._related.values() if found == kind), usual)
        return self._archive.xml(named) if named and self._archive.has(named) else None

    def _notes_of(self, kind: str) -> "dict[str, _Element]":
        root = self._part(f"{kind}s")
        notes = (one for one in (root if root is not None else ()) if attribute(one, "type") not in _SEPARATORS)
        return {attribute(one, "id") or "": one for one in notes}

    def read(self, container: "_Element") -> None:
        """Read the paragraphs, tables and inserted documents of a container, those inside content controls too."""
        for element in container:
            name = local_name(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self._table(element)
            elif name == "altChunk":
                self._inserted(element)
            elif name in _CONTAINERS:
                within, self._in_contents = self._in_contents, self._in_contents or _is_contents(element)
                self.read(element)
                self._in_contents = within

    def finish(self) -> None:
        """End the document: what is pending, what repeats the headings, and what was not read."""
        self._end_list()
        parts = self.extraction.parts
        if sum(bool(part.level) for at, part in enumerate(parts) if at not in self._contents) * 2 >= len(
            self._contents
        ):
            parts[:] = [part for at, part in enumerate(parts) if at not in self._contents]
        comments = self._part("comments")
        self._not_read.add("a comment", "comments", count=len(comments) if comments is not None else 0)
        self.extraction.left_out += self._not_read.sentences()
        self._images.finish(self.extraction)

    # ---- paragraphs ------------------------------------------------------------------------------------------------

    def _paragraph(self, paragraph: "_Element") -> None:
        own = properties_of(paragraph)
        of_list, self._pending = self._pending, []
        written = self._written(paragraph)
        of_paragraph, self._pending = self._pending, of_list
        if own.is_dropped_capital:
            self._dropped_capital = written.strip()
            return
        label, item = self._label(own) if written.strip() else ("", None)
        level = 0 if self._in_box else self._level(own)
        if self._styles.is_title(own.style) and not self.title and written.strip():
            self.title, level = one_line(written), 0 if self._in_box else 1
        if item is not None and not level:
            self._items.append(f"{'  ' * item}{label} {one_line(written)}")
            self._pending += of_paragraph
            return
        self._end_list()
        self._pending = of_paragraph
        before = len(self.extraction.parts)
        if level:
            self._heading(label, one_line(written), level)
        else:
            self.extraction.add(written)
        if (self._in_contents or self._styles.is_contents(own.style)) and len(self.extraction.parts) > before:
            self._contents.add(before)
        self._add_pending()

    def _level(self, own: Properties) -> int:
        return self._styles.level(own.style) if own.level is None else own.level

    def _heading(self, label: str, written: str, level: int) -> None:
        """Add a heading. A number such as 2.1 belongs to its title; a lone counter such as 3. stands in its text."""
        text = _NOTE_MARK.sub("", written)
        if not label or not text:
            self.extraction.add(text, level=level)
            return
        title = text if label == BULLET or _LONE_COUNTER.fullmatch(label) else f"{label} {text}"
        self.extraction.add(text if label == BULLET else f"{label} {text}", level=level, title=title)

    def _written(self, paragraph: "_Element") -> str:
        """Return the text of a paragraph; its notes and what is anchored in it are read once its block has ended."""
        line = self._paragraphs.read(paragraph)
        self._not_read.add("a hidden text", "hidden texts", count=int(line.hidden))
        self._not_read.add("a sign of a symbol font", "signs of symbol fonts", count=line.unknown_symbols)
        self._pending += line.anchored
        capital, self._dropped_capital = self._dropped_capital, ""
        return capital + (self._with_notes(line) if line.notes else line.text)

    def _with_notes(self, line: Line) -> str:
        pieces = line.text.split(NOTE)
        text = pieces[0]
        for (kind, identity), piece in zip(line.notes, pieces[1:], strict=True):
            note = self._notes.get(kind, {}).pop(identity, None)
            if note is not None:
                self._said += 1
                lines = filter(None, (self._written(one).strip() for one in _flattened(note, ("p",))))
                self._pending.append(f"[^{self._said}]: " + "\n".join(lines))
                text += f"[^{self._said}]"
            text += piece
        return text

    def _label(self, own: Properties) -> tuple[str, int | None]:
        """Return what stands before a paragraph, and its depth in a list; None for one that is no item."""
        named, depth = own.numbering or (None, None)
        identity, styled, namer = self._styles.numbering(own.style)
        if named is not None:
            identity = named
        elif identity is not None and depth is None:
            bound = self._numbering.depth_of_style(identity, own.style)
            depth = styled if bound is None else bound
            depth = self._numbering.depth_of_style(identity, namer) if depth is None else depth
        if identity == "0":  # numbering that the paragraph takes away from its style
            return "", None
        if identity is None or not self._numbering.has(identity):
            listed = self._styles.list_depth(own.style)
            return (BULLET, depth or listed or 0) if identity is not None or listed is not None else ("", None)
        label = self._numbering.next_label(identity, depth or 0)
        return label, (depth or 0) if label else None

    def _end_list(self) -> None:
        if self._items:
            self.extraction.add("\n".join(self._items), "list")
            self._items = []
        self._add_pending()

    # ---- what is anchored in paragraphs ----------------------------------------------------------------------------

    def _add_pending(self) -> None:
        pending, self._pending = self._pending, []
        for one in pending:
            if isinstance(one, str):
                self.extraction.add(one)
            else:
                self._anchored(one)

    def _anchored(self, element: "_Element") -> None:
        name = local_name(element)
        if name == "txbxContent":
            within, self._in_box = self._in_box, True
            self.read(element)
            self._end_list()
            self._in_box = within
        elif name == "txBody":
            self.extraction.add(paragraphs(element))
        elif name == "textpath":
            self.extraction.add(attribute(element, "string") or "")
        elif name == "chart":
            self._chart(element)
        elif name == "relIds":
            self._diagram(element)
        elif name == "OLEObject":
            self._not_read.add("an embedded object", "embedded objects")
        else:
            self._picture(element)

    def _chart(self, element: "_Element") -> None:
        root = self._target(attribute(element, "id"))
        title, rows = chart(root) if root is not None else ("", [])
        self.extraction.add(title)
        self.extraction.table(rows, header=1, named=True)
        self._not_read.add("a chart without values", "charts without values", count=int(not rows))

    def _diagram(self, element: "_Element") -> None:
        root = self._target(attribute(element, "dm"))
        found = diagram(root) if root is not None else ""
        self.extraction.add(found, "list")
        self._not_read.add("a diagram", "diagrams", count=int(not found))

    def _target(self, identity: str | None) -> "_Element | None":
        _, member = self._related.get(identity or "", ("", ""))
        return self._archive.xml(member) if member and self._archive.has(member) else None

    def _picture(self, element: "_Element") -> None:
        """Add what a picture is said to show, and its text; pictures of embedded objects are counted as those."""
        said, decorative = "", False
        for above in element.iterancestors():
            name = local_name(above)
            if name == "object":
                return
            if name in ("drawing", "pict", "p"):
                break
            for one in above:
                if local_name(one) in ("docPr", "cNvPr", "nvPicPr"):
                    described = next((child for child in one.iter() if local_name(child) in ("docPr", "cNvPr")), one)
                    said, decorative = said or description(described), decorative or is_decorative(described)
            if name == "shape":
                said = said or one_line(attribute(above, "alt") or "")
        if said:
            self.extraction.add(f"Picture: {said}")
        if decorative:
            return
        _, member = self._related.get(attribute(element, "embed") or attribute(element, "id") or "", ("", ""))
        found = self._images.add(member, self.extraction)
        if not (found and found.text) and not said:
            self._not_read.add("a picture without a description", "pictures without a description")

    # ---- tables and inserted documents -----------------------------------------------------------------------------

    def _table(self, table: "_Element") -> None:
        self._end_list()
        rows = [one for one in _flattened(table, ("tr",)) if not _is_deleted(one)]
        if self._is_layout(rows):
            for row in rows:
                for one in _flattened(row, ("tc",)):
                    self.read(one)
            self._end_list()
            return
        header = next((at for at, row in enumerate(rows) if not _is_header(row)), 0)
        self.extraction.table(self._grid(rows), header=header or None)
        self._add_pending()

    def _is_layout(self, rows: "Sequence[_Element]") -> bool:
        """Return whether a table only arranges text: one column, or cells with tables, headings or documents inside."""
        widest = 0
        for row in rows:
            cells = list(_flattened(row, ("tc",)))
            widest = max(widest, len(cells))
            for one in cells:
                for inner in _flattened(one, _INSIDE):
                    if local_name(inner) != "p" or self._level(properties_of(inner)):
                        return True
        return widest == 1

    def _grid(self, rows: "Sequence[_Element]") -> list[list[str]]:
        """Return the cells of a table, a merged one in each row and column that it spans."""
        grid: list[list[str]] = []
        for row in rows:
            cells = [""] * min(_number(_child(row, "trPr"), "gridBefore", 0), _MOST_SPANNED)
            for one in _flattened(row, ("tc",)):
                properties = _child(one, "tcPr")
                merged = _child(properties, "vMerge")
                above = grid[-1][len(cells)] if grid and len(cells) < len(grid[-1]) else ""
                continues = merged is not None and attribute(merged, "val") != "restart"
                text = above if continues else self._cell(one)
                cells += [text] * min(max(_number(properties, "gridSpan", 1), 1), _MOST_SPANNED)
            grid.append(cells)
        return grid

    def _cell(self, cell: "_Element") -> str:
        lines = []
        for one in _flattened(cell, ("p",)):
            written, own = self._written(one).strip(), properties_of(one)
            # A cell without text may hold its number all the same, as the first column of a list of parts does.
            label, _ = self._label(own) if written or own.numbering else ("", None)
            lines.append(f"{label} {written}".strip() if written else "" if label == BULLET else label)
        return "\n".join(filter(None, lines))

    def _inserted(self, element: "_Element") -> None:
        """Read a document that is kept whole inside this one and shown in its place."""
        self._end_list()
        _, member = self._related.get(attribute(element, "id") or "", ("", ""))
        if not member or not self._archive.has(member):
            self._not_read.add("an inserted document that is missing", "inserted documents that are missing")
            return
        suffix = PurePosixPath(member).suffix.lower() or "no suffix"
        try:
            found = self._document(self._archive.read(member), member)
        except DocumentError as error:
            self.extraction.left_out.append(f"the inserted document {member} was not read: {error}")
            return
        if found is None:
            self._not_read.add(f"an inserted document ({suffix})", f"inserted documents ({suffix})")
            return
        self.extraction.enclose(found, "", level=0)

    def _document(self, data: bytes, member: str) -> ParsedDocument | None:
        limits = replace(self._limits, unpacked_bytes=max(self._archive.left, 1))
        name = PurePosixPath(member).name
        kind = media_type(name)
        if name.lower().endswith((".mht", ".mhtml")):
            return _web_archive(data, name, limits)
        if data.startswith(b"PK"):
            return _parse(data, name, limits, depth=self._depth + 1) if self._depth < _DEEPEST else None
        return parse(data, kind, name, limits) if kind else None


def _web_archive(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument | None:
    """Return the page of a web archive (MHTML), which is a message that holds a page and its pictures."""
    try:
        page = message_from_bytes(data, policy=policy.default).get_body(("html", "plain"))
        content = page.get_content() if page is not None else None
    except (MessageError, LookupError, ValueError):
        return None
    if page is None or not isinstance(content, str):
        return None
    return parse(content.encode(), page.get_content_type(), name, limits)


def _flattened(container: "_Element", wanted: Sequence[str]) -> Iterator["_Element"]:
    """Yield the elements of these names in a container, those inside content controls and insertions too."""
    for element in container:
        name = local_name(element)
        if name in wanted:
            yield element
        elif name in _CONTAINERS:
            yield from _flattened(element, wanted)


def _child(element: "_Element | None", name: str) -> "_Element | None":
    if element is not None:
        for one in element:
            if local_name(one) == name:
                return one
    return None


def _value(properties: "_Element | None", name: str) -> str:
    found = _child(properties, name)
    return (attribute(found, "val") or "") if found is not None else ""


def _number(properties: "_Element | None", name: str, otherwise: int) -> int:
    return whole_number(_value(properties, name), otherwise)


def _is_deleted(row: "_Element") -> bool:
    return _child(_child(row, "trPr"), "del") is not None


def _is_header(row: "_Element") -> bool:
    return _child(_child(row, "trPr"), "tblHeader") is not None


def _is_contents(control: "_Element") -> bool:
    """Return whether a content control is the table of contents that Word makes."""
    part = _child(_child(control, "sdtPr"), "docPartObj")
    return _value(part, "docPartGallery") == "Table of Contents"
