"""Files inside a PDF: its attachments, and the documents of a portfolio."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ragloop.corpus.parsing import media_type
from ragloop.corpus.parsing.by_type import parser_of
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MOST = 200
"""Files that are read from one PDF."""


def add_enclosed(document: "PdfDocument", into: Extraction, limits: ParseLimits) -> None:
    """Add each file inside that has a parser, as a section; of any other say that it was not read."""
    left = limits.unpacked_bytes
    for name, number in _names(document):
        kind = media_type(name)
        if kind is None or limits.depth <= 1 or number >= _MOST:
            into.left_out.append(f"the attachment {name} was not read: {_why(kind, limits, number)}")
            continue
        data = _bytes(document, number, left)
        if data is None:
            into.left_out.append(f"the attachment {name} was not read: it is damaged or unpacks to too much")
            continue
        left -= len(data)
        within = replace(limits, depth=limits.depth - 1, unpacked_bytes=max(left, 1))
        try:
            inside = parser_of(kind, name)(data, name, within)
        except DocumentError as error:
            into.left_out.append(f"the attachment {name} was not read: {error}")
            continue
        into.enclose(inside, name, level=1)


def _why(kind: str | None, limits: ParseLimits, number: int) -> str:
    if kind is None:
        return "no parser reads files of its kind"
    return f"only {_MOST} are read" if limits.depth > 1 and number >= _MOST else "it lies too deep inside others"


def _names(document: "PdfDocument") -> Iterator[tuple[str, int]]:
    for number in range(document.count_attachments()):
        try:
            name = one_line(document.get_attachment(number).get_name().replace("\0", ""))
        except _failure():
            name = ""  # its bytes may be there all the same
        yield name or "without a name", number


def _bytes(document: "PdfDocument", number: int, most: int) -> bytes | None:
    """Return the bytes of an attachment; None where there are none, or more than `most`."""
    from ctypes import byref, c_ulong

    from pypdfium2 import raw

    try:
        attachment = document.get_attachment(number)
        size = c_ulong()
        if not raw.FPDFAttachment_GetFile(attachment, None, 0, byref(size)) or size.value > most:
            return None
        return bytes(attachment.get_data())
    except _failure():
        return None


def _failure() -> type[Exception]:
    from pypdfium2 import PdfiumError

    failure: type[Exception] = PdfiumError
    return failure
