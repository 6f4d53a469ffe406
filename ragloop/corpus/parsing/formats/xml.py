"""XML of no known vocabulary: elements with text become lines, each named by its element, siblings in one block."""

import re
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import local_name, xml_root
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_DECLARATION = re.compile(r"(?<!\s)\s*+<\?xml[^<>]*\?>")
_TAG_START = re.compile(r"</?[a-zA-Z]")


def parse_xml(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """What is no XML is read as plain text."""
    found = decode(data, name, declared_encoding(data))
    return noting(found, _parsed(found.text, name, limits))


def _parsed(text: str, name: str, limits: ParseLimits) -> ParsedDocument:
    if not text.strip():
        return ParsedDocument("", name, ())
    try:
        root = xml_root(_DECLARATION.sub("", text, count=1).strip().encode("utf-8", "replace"), name)
    except DocumentError:
        return parse_plain(text, name)
    extraction = Extraction(limits.characters)
    _add(root, name, limits, extraction)
    return extraction.document(name)


def _add(element: "_Element", name: str, limits: ParseLimits, extraction: Extraction) -> None:
    """The children without elements of their own as one block, the others each by itself, in order."""
    if _has_text(element):
        extraction.add(_line(element, name, limits))
        return
    lines: list[str] = []
    for child in element:
        if _has_text(child):
            lines.append(_line(child, name, limits))
        else:
            extraction.add("\n".join(lines))
            lines = []
            _add(child, name, limits, extraction)
    extraction.add("\n".join(lines))


def _has_text(element: "_Element") -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _line(element: "_Element", name: str, limits: ParseLimits) -> str:
    """The element's text; where that is a page itself, as in a news feed, what a reader of it would see."""
    text = "".join(map(str, element.itertext()))
    if _TAG_START.search(text, 0, max(0, text.rfind(">"))):
        text = "\n".join(part.text for part in html_parts(text, name, limits)[1].parts)
    else:
        text = one_line(text)
    return f"{local_name(element)}: {text}" if text else ""
