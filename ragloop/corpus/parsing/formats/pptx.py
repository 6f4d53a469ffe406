"""PPTX: slide by slide the title, the text, the tables, charts and diagrams, and the speaker's notes.

Shapes are read in the order in which the slide lists them, which is that of screen readers. Hidden slides are read.
What slides take from their layout is not. The vocabulary is that of ECMA-376, part 1, chapters 19 to 21.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.drawings import chart, description, diagram, is_decorative, paragraphs
from ragloop.corpus.parsing.office.package import NotRead, core_title, main_part
from ragloop.corpus.parsing.office.paragraphs import alternative
from ragloop.corpus.parsing.pages.images import InnerImages
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_SHAPES = ("sp", "graphicFrame", "pic")
_GROUPS = ("cSld", "spTree", "grpSp")
_ON = ("1", "true")


def parse_pptx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "a PPTX document", limits)
    slides = list(_slides(archive))
    if len(slides) > limits.pages:
        raise DocumentError(
            f"found {len(slides):,} slides, expected at most {limits.pages:,}; raise sync.max_pages to take it"
        )
    extraction, not_read, images = Extraction(limits.characters), NotRead(), InnerImages(archive, limits)
    for number, member in enumerate(slides, start=1):
        _Slide(archive, member, f"slide {number}", extraction, not_read, images).read()
    extraction.left_out += not_read.sentences()
    images.finish(extraction)
    return extraction.document(name, title=core_title(archive))


def _slides(archive: Archive) -> Iterator[str]:
    """The slides' members in the order in which they are shown."""
    main, root = main_part(archive, "ppt/presentation.xml", "presentation")
    related = archive.related(main)
    for element in root.iter():
        if local_name(element) == "sldId":
            # Two attributes are called id; the one with a namespace names the relationship.
            identity = next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")
            if identity in related and archive.has(related[identity][1]):
                yield related[identity][1]


class _Slide:
    def __init__(
        self,
        archive: Archive,
        member: str,
        place: str,
        extraction: Extraction,
        not_read: NotRead,
        images: InnerImages,
    ) -> None:
        self._archive, self._place, self._extraction = archive, place, extraction
        self._not_read, self._images = not_read, images
        self._related = archive.related(member)
        self._shapes = list(_shapes(archive.xml(member)))

    def read(self) -> None:
        title = next((one_line(paragraphs(one)) for one in self._shapes if _placeholder(one) in _TITLES), "")
        self._extraction.add(title or self._place.capitalize(), level=1, place=self._place)
        for shape in self._shapes:
            if local_name(shape) == "pic":
                self._picture(shape)
            elif local_name(shape) == "graphicFrame":
                self._graphic(shape)
            elif _placeholder(shape) not in (*_TITLES, *_FURNITURE):
                self._extraction.add(paragraphs(shape), place=self._place)
        for kind, member in self._related.values():
            if kind == "notesSlide" and self._archive.has(member):
                for shape in _shapes(self._archive.xml(member)):
                    if local_name(shape) == "sp" and _placeholder(shape) not in _FURNITURE:
                        self._extraction.add(paragraphs(shape), place=self._place)
            elif kind == "comments" and self._archive.has(member):
                comments = sum(local_name(one) in ("cm", "reply") for one in self._archive.xml(member).iter())
                self._leave_out("a comment", "comments", comments)

    def _graphic(self, frame: "_Element") -> None:
        for one in frame.iter():
            name = local_name(one)
            if name == "tbl":
                self._table(one)
                return
            if name == "chart" and (identity := attribute(one, "id")):
                root = self._target(identity)
                title, rows = chart(root) if root is not None else ("", [])
                self._extraction.add(title, place=self._place)
                self._extraction.table(rows, header=1, place=self._place, named=True)
                self._leave_out("a chart without values", "charts without values", int(not rows))
                return
            if name == "relIds":
                root = self._target(attribute(one, "dm") or "")
                found = diagram(root) if root is not None else ""
                self._extraction.add(found, "list", place=self._place)
                self._leave_out("a diagram", "diagrams", int(not found))
                return
            if name in ("oleObj", "control"):
                self._leave_out("an embedded object", "embedded objects")
                return

    def _table(self, table: "_Element") -> None:
        properties = next((one for one in table if local_name(one) == "tblPr"), None)
        has_header = properties is not None and attribute(properties, "firstRow") in _ON
        cells = _grid(table)
        header = 1 if has_header and len(cells) > 1 else None
        self._extraction.table(cells, header=header, place=self._place, named=True)

    def _picture(self, picture: "_Element") -> None:
        properties = next((one for one in picture.iter() if local_name(one) == "cNvPr"), None)
        said = description(properties) if properties is not None else ""
        if said:
            self._extraction.add(f"Picture: {said}", place=self._place)
        if any(local_name(one) in ("videoFile", "audioFile") for one in picture.iter()):
            self._leave_out("a video or sound", "videos or sounds")
        elif properties is None or not is_decorative(properties):
            shown = next((attribute(one, "embed") for one in picture.iter() if local_name(one) == "blip"), None)
            _, member = self._related.get(shown or "", ("", ""))
            found = self._images.add(member, self._extraction, self._place)
            if not (found and found.text) and not said:
                self._leave_out("a picture without a description", "pictures without a description")

    def _target(self, identity: str) -> "_Element | None":
        _, member = self._related.get(identity, ("", ""))
        return self._archive.xml(member) if member and self._archive.has(member) else None

    def _leave_out(self, one: str, many: str, count: int = 1) -> None:
        self._not_read.add(one, many, self._place, count)


def _shapes(container: "Iterable[_Element]") -> Iterator["_Element"]:
    for element in container:
        name = local_name(element)
        if name in _SHAPES:
            yield element
        elif name in _GROUPS:
            yield from _shapes(element)
        elif name == "AlternateContent":
            yield from _shapes(alternative(element))


def _placeholder(shape: "_Element") -> str:
    """What kind of placeholder a shape fills; empty for a shape that fills none."""
    found = next((one for one in shape.iter() if local_name(one) == "ph"), None)
    return "" if found is None else attribute(found, "type") or "obj"


def _grid(table: "_Element") -> list[list[str]]:
    """Return the cells of a table by row; those that are merged into one have its text."""
    grid: list[list[str]] = []
    for row in table:
        if local_name(row) != "tr":
            continue
        cells: list[str] = []
        for one in row:
            if local_name(one) != "tc":
                continue
            if attribute(one, "vMerge") in _ON and grid and len(cells) < len(grid[-1]):
                cells.append(grid[-1][len(cells)])
            elif attribute(one, "hMerge") in _ON and cells:
                cells.append(cells[-1])
            else:
                cells.append(paragraphs(one))
        grid.append(cells)
    return grid
