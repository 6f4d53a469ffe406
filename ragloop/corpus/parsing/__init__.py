"""Bytes to documents: which formats are read, and what text, title and blocks each yields.

For Markdown, reStructuredText and plain text the text is the decoded source, newlines as they are, so that offsets can
be checked against the file. For HTML it is the extracted text.
"""

from collections.abc import Callable
from pathlib import PurePosixPath

from ragloop.corpus.document import Block, ParsedDocument
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.html import declared_encoding, parse_html
from ragloop.corpus.parsing.markdown import parse_markdown
from ragloop.corpus.parsing.plain import parse_plain
from ragloop.corpus.parsing.restructuredtext import looks_like_restructuredtext, parse_restructuredtext
from ragloop.errors import DocumentError

__all__ = ["PARSER", "Block", "ParsedDocument", "media_type", "parse"]

PARSER = "2"
"""Version of what the parsers yield; part of the index fingerprint, so change it whenever any output changes."""

_SUFFIXES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdx": "text/markdown",
    ".rst": "text/x-rst",
    ".rest": "text/x-rst",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
}


def media_type(name: str) -> str | None:
    """The media type that a file name's suffix stands for; None if no parser reads it."""
    return _SUFFIXES.get(PurePosixPath(name.lower()).suffix)


def parse(data: bytes, media_type: str, name: str) -> ParsedDocument:
    """The document in `data`; one without blocks if it is empty. `name` serves messages and titles only.

    A text/plain document that holds reStructuredText markup is read as such.
    Raises DocumentError if the media type has no parser or the bytes are no text.
    """
    title = PurePosixPath(name).name
    if media_type == "text/html":
        return parse_html(decode(data, name, declared_encoding(data)), title)
    if media_type not in _PARSERS:
        known = ", ".join(sorted(set(_SUFFIXES.values())))
        raise DocumentError(f"{name} is of type {media_type}; expected one of {known}: convert it or leave it out")
    return _PARSERS[media_type](decode(data, name), title)


def _parse_text(text: str, name: str) -> ParsedDocument:
    return (parse_restructuredtext if looks_like_restructuredtext(text) else parse_plain)(text, name)


_PARSERS: dict[str, Callable[[str, str], ParsedDocument]] = {
    "text/markdown": parse_markdown,
    "text/x-rst": parse_restructuredtext,
    "text/plain": _parse_text,
}
