"""Bytes to documents: which formats are read, and what text, title and blocks each yields.

For Markdown, reStructuredText and plain text the text is the decoded source, newlines as they are, so that offsets can
be checked against the file. For every other format it is the extracted text. Imports no parser: a question needs none.
A change of any output changes versions.PARSER.
"""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.media_types import HTML
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from ragloop.corpus.parsing.document import ParsedDocument

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPENDOCUMENT = "application/vnd.oasis.opendocument"
_SUFFIXES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdx": "text/mdx",
    ".rst": "text/x-rst",
    ".rest": "text/x-rst",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".adoc": "text/plain",
    ".asciidoc": "text/plain",
    ".org": "text/plain",
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".xml": "application/xml",
    ".opml": "application/xml",
    ".rss": "application/xml",
    ".atom": "application/xml",
    ".dbk": "application/xml",
    ".eml": "message/rfc822",
    ".msg": "application/vnd.ms-outlook",
    ".mht": "message/rfc822",
    ".mhtml": "message/rfc822",
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
    ".ipynb": "application/x-ipynb+json",
    ".odt": _OPENDOCUMENT,
    ".ods": _OPENDOCUMENT,
    ".odp": _OPENDOCUMENT,
    ".rtf": "application/rtf",
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".ics": "text/calendar",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}
_ARCHIVES = frozenset((".gz", ".zip"))
_CODE_SUFFIXES = {
    **dict.fromkeys(".cfg .conf .ini .log .properties".split(), "text/plain"),
    **dict.fromkeys(
        """.bash .c .cc .cpp .cs .css .dart .ex .go .graphql .h .hpp .hs .java .jl .js .jsx .kt .lua .php .pl .proto
        .ps1 .py .r .rb .rs .scala .sh .sql .swift .tf .ts .tsx .vue""".split(),
        "text/x-source-code",
    ),
}
"""Source code, logs and settings of programs, which lie beside documents in great numbers: a source reads them
where its `include` takes them."""
_LOCK_FILES = frozenset(("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml"))
"""Data that package managers write for themselves: megabytes of hashes, read where `include` takes them."""
_TEXT_NAMES = frozenset(
    """authors changelog changes contributing contributors copying credits faq history install licence license
    maintainers news notice readme security thanks todo""".split()
)
"""Files of text that by custom have no suffix."""
_IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}
"""Documents where somebody names them, not wherever they lie beside text."""
_SUCCESSORS = {
    ".numbers": ".xlsx",
    ".pages": ".docx",
    ".xlsb": ".xlsx",
}
"""Formats that their own programs can save as one that is read."""
_BY_SUFFIX = {**_SUFFIXES, **_CODE_SUFFIXES}
_NAMED_BY_SUFFIX = (_OPENDOCUMENT, "text/plain", "text/x-source-code")
"""Media types that stand for several formats."""


def media_type(name: str) -> str | None:
    """Return the media type that a file's name stands for; None if no parser reads it, and for images."""
    suffix = _suffix(name)
    return _BY_SUFFIX.get(suffix) if suffix else _without_suffix(name)


def is_document(name: str) -> bool:
    """Return whether a file is read without being asked for: it has a parser, and is no source code, log or setting.

    What is compressed is a document if what it holds is one.
    """
    suffix = _suffix(name)
    if suffix == ".gz":
        inner = name[: -len(suffix)]
        return _suffix(inner) not in _ARCHIVES and is_document(inner)
    if not suffix:
        return _without_suffix(name) is not None
    return suffix in _SUFFIXES and name.rpartition("/")[2].lower() not in _LOCK_FILES


def is_archive(name: str) -> bool:
    """Return whether a file holds other files, or another file, in compressed form."""
    return _suffix(name) in _ARCHIVES


def _suffix(name: str) -> str:
    # Asked of every file of every listing: a path object would take most of the time of a listing.
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def _without_suffix(name: str) -> str | None:
    return "text/plain" if name.rpartition("/")[2].lower() in _TEXT_NAMES else None


def taken_as(name: str) -> str:
    """Return the media type that a file is read as which a source takes; a name without a suffix is text.

    Raises DocumentError for a suffix that no parser reads.
    """
    suffix = _suffix(name)
    kind = media_type(name) or _IMAGES.get(suffix)
    if kind is None and suffix:
        advice = f"save it as {_SUCCESSORS[suffix]}, or leave" if suffix in _SUCCESSORS else "leave"
        raise DocumentError(f"found {suffix}, expected a supported format; {advice} it out with sources.exclude")
    return kind or "text/plain"


def format_of(name: str) -> str:
    """Return the format of a file in a word, by its name: of several suffixes of one format the first."""
    suffix = _suffix(name)
    kind = _BY_SUFFIX.get(suffix)
    if kind is None or kind in _NAMED_BY_SUFFIX:
        return suffix[1:] or "txt"
    return next(one for one, other in _BY_SUFFIX.items() if other == kind)[1:]


def parse(data: bytes, media_type: str, name: str, limits: ParseLimits | None = None) -> "ParsedDocument":
    """The document in `data`; one without blocks if it is empty. `name` serves messages and titles only.

    A text/plain document that holds reStructuredText markup is read as such. Runs in this process, so that the limits
    on time and memory are not kept; DocumentParser keeps them. Raises DocumentError if the media type has no parser,
    the bytes are no such document, or it exceeds a limit.
    """
    from ragloop.corpus.parsing.by_type import parser_of

    return parser_of(media_type, name)(data, PurePosixPath(name).name, limits or ParseLimits())
