"""Plain text: blocks are separated by blank lines."""

import re

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.outline import Outline

_BLANK_LINES = re.compile(r"(?:\r\n?+|\n)[^\S\r\n]*(?:\r\n?|\n)\s*")  # possessive: CR LF is one line end
_ITEM = re.compile(r"[-*+\u2022] |\d{1,3}[.)] ")


def parse_plain(text: str, name: str) -> ParsedDocument:
    """Every run of lines without a blank one is a block; there are no headings."""
    outline = Outline(text)
    start = 0
    for gap in _BLANK_LINES.finditer(text):
        _add(outline, start, gap.start())
        start = gap.end()
    _add(outline, start, len(text))
    return ParsedDocument(text, name, outline.finish())


def _add(outline: Outline, start: int, end: int) -> None:
    outline.block(start, end, "list" if _ITEM.match(outline.text, start) else "paragraph")
