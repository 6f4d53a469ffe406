"""PPTX: slide by slide the title, the text, the tables and the speaker's notes.

The vocabulary is that of ECMA-376, part 1, chapters 19 and 21. Text in charts, diagrams and pictures is left out.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.docx import core_title, text
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_SHAPES = frozenset("sp graphicFrame grpSp spTree AlternateContent Choice".split())


def parse_pptx(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for an encrypted one, and beyond the limits."""
    archive = Archive(data, "a PPTX document", limits)
    slides = list(_slides(archive))
    if len(slides) > limits.pages:
        raise DocumentError(
            f"found {len(slides):,} slides, expected at most {limits.pages:,}; raise sync.max_pages to take it"
        )
    extraction = Extraction(limits.characters)
    for number, member in enumerate(slides, start=1):
        _slide(archive, member, f"slide {number}", extraction)
    return extraction.document(name, title=core_title(archive))


def _slides(archive: Archive) -> Iterator[str]:
    """The slides' members in the order in which they are shown."""
    main = archive.main_part("ppt/presentation.xml")
    related = archive.related(main)
    for element in archive.xml(main).iter():
        if local_name(element) == "sldId":
            # Two attributes are called id; the one with a namespace names the relationship.
            identity = next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")
            if identity in related and archive.has(related[identity][1]):
                yield related[identity][1]


def _slide(archive: Archive, member: str, place: str, extraction: Extraction) -> None:
    shapes = list(_shapes(archive.xml(member)))
    title = next((one_line(_paragraphs(one)) for one in shapes if _placeholder(one) in _TITLES), "")
    extraction.add(title or place.capitalize(), level=1, place=place)
    for shape in shapes:
        if _placeholder(shape) not in (*_TITLES, *_FURNITURE):
            _add_shape(shape, place, extraction)
    for kind, notes in archive.related(member).values():
        if kind == "notesSlide" and archive.has(notes):
            for shape in _shapes(archive.xml(notes)):
                if _placeholder(shape) not in _FURNITURE:
                    extraction.add(_paragraphs(shape), place=place)


def _shapes(container: "_Element") -> Iterator["_Element"]:
    for element in container:
        name = local_name(element)
        if name in ("sp", "graphicFrame"):
            yield element
        elif name in _SHAPES or name == "cSld":
            yield from _shapes(element)


def _placeholder(shape: "_Element") -> str:
    """What kind of placeholder a shape fills; empty for a shape that fills none."""
    found = next((one for one in shape.iter() if local_name(one) == "ph"), None)
    return "" if found is None else attribute(found, "type") or "obj"


def _add_shape(shape: "_Element", place: str, extraction: Extraction) -> None:
    table = next((one for one in shape.iter() if local_name(one) == "tbl"), None)
    if table is None:
        extraction.add(_paragraphs(shape), place=place)
        return
    properties = next((one for one in table if local_name(one) == "tblPr"), None)
    marked = properties is not None and attribute(properties, "firstRow") in ("1", "true")
    cells = _cells(table)
    extraction.table(cells, header=1 if marked and len(cells) > 1 else None, place=place, named=True)


def _cells(table: "_Element") -> list[list[str]]:
    """Return the cells of a table by row; those that are merged into one have its text."""
    cells: list[list[str]] = []
    for row in table:
        if local_name(row) != "tr":
            continue
        texts: list[str] = []
        for cell in row:
            if local_name(cell) != "tc":
                continue
            if attribute(cell, "vMerge") in ("1", "true") and cells and len(texts) < len(cells[-1]):
                texts.append(cells[-1][len(texts)])
            elif attribute(cell, "hMerge") in ("1", "true") and texts:
                texts.append(texts[-1])
            else:
                texts.append(_paragraphs(cell))
        cells.append(texts)
    return cells


def _paragraphs(shape: "_Element") -> str:
    lines = (text(one).replace("\v", "\n").strip() for one in shape.iter() if local_name(one) == "p")
    return "\n".join(line for line in lines if line)
