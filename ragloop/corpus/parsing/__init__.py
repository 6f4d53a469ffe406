"""Bytes to documents: which formats are read, and what text, title and blocks each yields.

For Markdown, reStructuredText and plain text the text is the decoded source, newlines as they are, so that offsets can
be checked against the file. For every other format it is the extracted text. Imports no parser: a question needs none.
A change of any output changes versions.PARSER.
"""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from ragloop.corpus.parsing.document import ParsedDocument

_OFFICE = "application/vnd.openxmlformats-officedocument"
_SUFFIXES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdx": "text/mdx",
    ".rst": "text/x-rst",
    ".rest": "text/x-rst",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".xml": "application/xml",
    ".eml": "message/rfc822",
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".docm": f"{_OFFICE}.wordprocessingml.document",
    ".dotx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".pptm": f"{_OFFICE}.presentationml.presentation",
    ".ppsx": f"{_OFFICE}.presentationml.presentation",
    ".potx": f"{_OFFICE}.presentationml.presentation",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xlsm": f"{_OFFICE}.spreadsheetml.sheet",
    ".xltx": f"{_OFFICE}.spreadsheetml.sheet",
    ".epub": "application/epub+zip",
}
_IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}


def media_type(name: str) -> str | None:
    """The media type that a file name's suffix stands for; None if no parser reads it."""
    suffix = _suffix(name)
    return _SUFFIXES.get(suffix) if suffix else None


def media_type_if_named(name: str) -> str | None:
    """The same, and images too: they are documents where somebody names them, not wherever they lie beside text."""
    return media_type(name) or _IMAGES.get(_suffix(name))


def _suffix(name: str) -> str:
    # Asked of every file of every listing: a path object would take most of the time of a listing.
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def taken_as(name: str) -> str:
    """The media type that a file is read as which a source takes; a name without a suffix, such as README, is text.

    Raises DocumentError for a suffix that no parser reads.
    """
    kind, suffix = media_type_if_named(name), PurePosixPath(name).suffix
    if kind is None and suffix:
        raise DocumentError(f"found {suffix}, expected a supported format; leave it out with sources.exclude")
    return kind or "text/plain"


def format_of(name: str) -> str:
    """The format of a file in a word, by its name: of several suffixes of one format the first that is listed."""
    try:
        kind = taken_as(name)
    except DocumentError:
        return PurePosixPath(name).suffix[1:].lower()
    return next(suffix for suffix, other in (_SUFFIXES | _IMAGES).items() if other == kind)[1:]


def parse(data: bytes, media_type: str, name: str, limits: ParseLimits | None = None) -> "ParsedDocument":
    """The document in `data`; one without blocks if it is empty. `name` serves messages and titles only.

    A text/plain document that holds reStructuredText markup is read as such. Runs in this process, so that the limits
    on time and memory are not kept; DocumentParser keeps them. Raises DocumentError if the media type has no parser,
    the bytes are no such document, or it exceeds a limit.
    """
    from ragloop.corpus.parsing.by_type import parser_of

    return parser_of(media_type, name)(data, PurePosixPath(name).name, limits or ParseLimits())
