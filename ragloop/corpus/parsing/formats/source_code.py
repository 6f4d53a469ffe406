"""Source code as it is written: a block ends where blank lines are followed by a line that is not indented.

That is where a definition begins in languages that are laid out as usual; the chunker follows indentation below.
"""

import re

from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.outline import Outline, line_spans

_CLOSING = re.compile(r"[)\]}]|end\b|else\b")


def parse_source_code(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read each definition of the outermost level, with the comments above it, as a block."""
    found = decode(data, name)
    text = found.text
    outline = Outline(text)
    begun = last = 0
    after_blank = False
    for start, end in line_spans(text):
        if not text[start:end].strip():
            after_blank = True
            continue
        if after_blank and not text[start].isspace() and not _CLOSING.match(text, start):
            outline.block(begun, last, "code")
            begun = start
        after_blank, last = False, end
    outline.block(begun, last, "code")
    return noting(found, ParsedDocument(text, name, outline.finish()))
