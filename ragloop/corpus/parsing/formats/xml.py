"""XML of no known vocabulary: elements with text become lines, each named by its element, siblings in one block.

An element that holds both text and elements is prose: elements that stand in a sentence are part of it, the others
part it. Which they are is told by names that many vocabularies share (DocBook, JATS, DITA, TEI, HTML).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import local_name, xml_root
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line, table_row
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_DECLARATION = re.compile(r"(?<!\s)\s*+<\?xml[^<>]*\?>")
_TAG_START = re.compile(r"</?[a-zA-Z]")
_INLINE = frozenset(
    """a abbr acronym b bdi bdo big bold cite citation citetitle cmdname code codeph command computeroutput constant dfn
    del em emph emphasis envar ext-link filename filepath firstterm font footnote foreign foreignphrase function
    guibutton guilabel guimenu hi i ins italic italics kbd keyword keycap link literal mark markup menuchoice
    monospace named-content option parameter ph phrase productname prompt q quote ref replaceable s sc sgmltag
    small span strike strong styled-content sub subscript sup superscript symbol systemitem tag term tt type u uicontrol
    ulink underline uri user userinput var varname wbr wintitle xref""".split()
)
_BLOCKS = frozenset(
    """p para simpara title head heading li listitem list-item item row entry cell td th tr br lb line l label dt dd
    caption note""".split()
)
_TITLES = frozenset(("title", "head", "heading", "article-title", "chaptitle", "caption"))
_SECTIONS = frozenset(
    """article book chapter part preface appendix section sect1 sect2 sect3 sect4 sect5 simplesect refsect1 refsect2 sec
    topic concept task reference body div div1 div2 div3 item entry channel feed fig table-wrap example note""".split()
)
_SAID = ("text", "title", "label", "caption", "summary", "description", "alt", "_note")
"""Attributes that people read: an outline (OPML) has nothing else."""
_BREAK, _SEAM = "\n", "\x0b"
"""Where a line ends, and where two words may meet; XML has no vertical tab."""
_MET = re.compile(rf"(?<=\w){_SEAM}++(?=\w)")
_DEEPEST_TITLE = 6


def parse_xml(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the text of the elements; what is no XML is read as plain text."""
    found = decode(data, name, declared_encoding(data))
    return noting(found, _parsed(found.text, name, limits))


def _parsed(text: str, name: str, limits: ParseLimits) -> ParsedDocument:
    if not text.strip():
        return ParsedDocument("", name, ())
    try:
        root = xml_root(_DECLARATION.sub("", text, count=1).strip().encode("utf-8", "replace"), name)
    except DocumentError:
        return replace(parse_plain(text, name), left_out=("its XML is not well-formed: it was read as plain text",))
    extraction = Extraction(limits.characters)
    _add(root, name, limits, extraction, 0)
    return extraction.document(name)


def _add(element: "_Element", name: str, limits: ParseLimits, extraction: Extraction, depth: int) -> None:
    """Add the children without elements of their own as one block, the others each by itself, in order."""
    said = _attributes(element)
    if _is_prose(element):
        extraction.add("\n".join(filter(None, [said, *_lines(element, name, limits)])))
        return
    depth += local_name(element).lower() in _SECTIONS
    lines = [said] if said else []
    for child in element:
        if local_name(child).lower() in _TITLES and depth and local_name(element).lower() in _SECTIONS:
            extraction.add("\n".join(lines))
            extraction.add(one_line(_text(child)), level=min(depth, _DEEPEST_TITLE))
            lines = []
        elif _is_prose(child) or not len(child):
            lines += filter(None, [_attributes(child), *_lines(child, name, limits)])
        else:
            extraction.add("\n".join(lines))
            lines = []
            _add(child, name, limits, extraction, depth)
    extraction.add("\n".join(lines))


def _is_prose(element: "_Element") -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _attributes(element: "_Element") -> str:
    """Return what an element says in its attributes, named by the element: of one that holds nothing else, all."""
    texts = [one_line(element.get(key, "")) for key in _SAID if key in element.attrib]
    if not texts and not len(element) and not (element.text or "").strip():
        names = [str(key) for key in element.attrib if str(key)[0] != "{"]
        texts = [table_row([element.get(name, "") for name in names], names)]
    texts = list(dict.fromkeys(text for text in texts if text))
    return f"{local_name(element)}: {' | '.join(texts)}" if texts else ""


def _text(element: "_Element") -> str:
    """Return the text of an element: what stands in a sentence is joined to it, all else is a line of its own."""
    from lxml import etree

    texts: list[str] = []
    for event, one in etree.iterwalk(element, events=("start", "end")):
        if one is not element:
            texts.append(_boundary(one))
        texts.append(_spaced(one.text if event == "start" else one.tail if one is not element else ""))
    return _MET.sub(" ", "".join(texts)).replace(_SEAM, "")


def _boundary(element: "_Element") -> str:
    name = local_name(element).lower()
    if name in _INLINE:
        return ""
    return _BREAK if name in _BLOCKS or len(element) else _SEAM


def _spaced(text: str | None) -> str:
    return " ".join(("." + text + ".").split())[1:-1] if text else ""


def _lines(element: "_Element", name: str, limits: ParseLimits) -> Iterator[str]:
    """Yield the lines of an element's text; where that is a page itself, as in a news feed, what a reader would see."""
    whole = "".join(map(str, element.itertext())) if len(element) == 0 else _text(element)
    if _TAG_START.search(whole, 0, max(0, whole.rfind(">"))):
        whole = "\n".join(part.text for part in html_parts(whole, name, replace(limits, recognise=False))[1].parts)
    lines = [one_line(line) for line in whole.split(_BREAK)] if len(element) or "\n" in whole else [one_line(whole)]
    lines = [line for line in lines if line]
    if lines:
        yield f"{local_name(element)}: {lines[0]}"
        yield from lines[1:]
