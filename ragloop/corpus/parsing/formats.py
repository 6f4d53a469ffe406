"""The parser of each media type. Libraries are imported by the parsers when they first run."""

from collections.abc import Callable

from ragloop.corpus.document import ParsedDocument
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.docx import parse_docx
from ragloop.corpus.parsing.epub import parse_epub
from ragloop.corpus.parsing.html import parse_html
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.mail import parse_mail
from ragloop.corpus.parsing.markdown import parse_markdown
from ragloop.corpus.parsing.mdx import parse_mdx
from ragloop.corpus.parsing.pdf import parse_pdf
from ragloop.corpus.parsing.plain import parse_plain
from ragloop.corpus.parsing.pptx import parse_pptx
from ragloop.corpus.parsing.restructuredtext import looks_like_restructuredtext, parse_restructuredtext
from ragloop.corpus.parsing.tables import parse_separated
from ragloop.corpus.parsing.xlsx import parse_xlsx
from ragloop.corpus.parsing.xml import parse_xml
from ragloop.errors import DocumentError

Parser = Callable[[bytes, str, ParseLimits], ParsedDocument]
"""(bytes, name, limits) to the document."""


def parser_of(media_type: str, name: str) -> Parser:
    """Raises DocumentError for a media type that no parser reads."""
    try:
        return _PARSERS[media_type]
    except KeyError:
        known = ", ".join(sorted(_PARSERS))
        raise DocumentError(
            f"{name} is of type {media_type}; expected one of {known}: convert it or leave it out"
        ) from None


def _of_text(parse: Callable[[str, str], ParsedDocument]) -> Parser:
    return lambda data, name, limits: parse(decode(data, name), name)


def _plain(text: str, name: str) -> ParsedDocument:
    return (parse_restructuredtext if looks_like_restructuredtext(text) else parse_plain)(text, name)


def _html(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    return parse_html(decode(data, name, declared_encoding(data)), name, limits)


def _separated(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    return parse_separated(decode(data, name), name, limits)


_OFFICE = "application/vnd.openxmlformats-officedocument"
_PARSERS: dict[str, Parser] = {
    "text/markdown": _of_text(parse_markdown),
    "text/mdx": _of_text(parse_mdx),
    "text/x-rst": _of_text(parse_restructuredtext),
    "text/plain": _of_text(_plain),
    "text/html": _html,
    "text/csv": _separated,
    "application/xml": parse_xml,
    "message/rfc822": parse_mail,
    "application/pdf": parse_pdf,
    f"{_OFFICE}.wordprocessingml.document": parse_docx,
    f"{_OFFICE}.presentationml.presentation": parse_pptx,
    f"{_OFFICE}.spreadsheetml.sheet": parse_xlsx,
    "application/epub+zip": parse_epub,
}
