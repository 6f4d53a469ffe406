"""Outlook messages (.msg): MAPI properties in a compound file, read as the e-mail that they describe.

The properties are those of MS-OXPROPS, their streams those of MS-OXMSG. olefile (BSD) reads the compound file.
"""

import io
import mimetypes
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import HeaderParser
from email.utils import format_datetime
from typing import Any

import olefile

from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.mail import parse_mail
from ragloop.corpus.parsing.formats.rtf import parse_rtf
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.compressed_rtf import decompressed
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

_HEADERS = "007D"
_SUBJECT, _SENDER, _SENDER_ADDRESS, _TO, _CC = "0037", "0C1A", "0C1F", "0E04", "0E03"
_BODY, _HTML, _RTF = "1000", "1013", "1009"
_FILE_NAME, _SHORT_NAME, _CONTENT, _TYPE = "3707", "3704", "3701", "370E"
_SENT = 0x00390040
_RTF_START = b"{\\rtf"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of FILETIME, in steps of 100 ns
_DEEPEST = 5
"""Messages inside each other that are unfolded; the reader of e-mail stops before."""
_COPIED = ("From", "To", "Cc", "Date")


def parse_outlook(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such message and for what unpacks to too much."""
    try:
        file = olefile.OleFileIO(io.BytesIO(data))
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise DocumentError(f"found no compound file ({error}), expected an Outlook message; leave it out") from error
    with file:
        storage = _Storage(file, [], limits.unpacked_bytes)
        if not storage.holds("__properties_version1.0"):
            raise DocumentError("found a compound file without properties, expected an Outlook message; leave it out")
        try:
            message, left_out = _message(storage, _DEEPEST, limits), _left_out(storage)
        except (OSError, IndexError, TypeError, struct.error) as error:
            raise DocumentError(f"found a damaged Outlook message ({error}); save it again or leave it out") from error
    document = parse_mail(message.as_bytes(policy=policy.default), name, limits)
    return replace(document, left_out=(*document.left_out, *left_out))


class _Storage:
    """The properties of a message or an attachment: the streams below one path of a compound file."""

    def __init__(self, file: "olefile.OleFileIO[Any]", path: list[str], most: int) -> None:
        self._file, self._path, self._most = file, path, most

    def holds(self, name: str) -> bool:
        return bool(self._file.exists([*self._path, name]))

    def below(self, name: str) -> "_Storage":
        return _Storage(self._file, [*self._path, name], self._most)

    def attachments(self) -> Iterator["_Storage"]:
        """Yield the attachments in their order."""
        depth = len(self._path)
        names = {one[depth] for one in self._file.listdir() if one[:depth] == self._path and len(one) > depth}
        for name in sorted(names):
            if name.startswith("__attach_version1.0_"):
                yield self.below(name)

    def bytes_of(self, property_id: str) -> bytes:
        """Return a binary property, empty where it is not there."""
        return self._stream(f"__substg1.0_{property_id}0102")

    def text_of(self, property_id: str) -> str:
        """Return a text property, in Unicode or in the codepage of its writer; empty where it is not there."""
        wide = self._stream(f"__substg1.0_{property_id}001F")
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._stream(f"__substg1.0_{property_id}001E").rstrip(b"\0")
        return _encodable(decode(narrow, "").text) if narrow else ""

    def time_of(self, tag: int, header: int) -> datetime | None:
        """Return a time among the properties of fixed length, which follow a header of so many bytes."""
        properties = self._stream("__properties_version1.0")
        for at in range(header, len(properties) - 15, 16):
            found, _, value = struct.unpack_from("<IIQ", properties, at)
            if found == tag and 0 < value < 1 << 60:
                return _EPOCH + timedelta(microseconds=value // 10)
        return None

    def _stream(self, name: str) -> bytes:
        if not self.holds(name):
            return b""
        path = [*self._path, name]
        if self._file.get_size(path) > self._most:
            raise DocumentError(
                f"found a part of {self._file.get_size(path):,} bytes, expected at most {self._most:,}; "
                "raise sync.max_unpacked_mb to take it"
            )
        with self._file.openstream(path) as stream:
            return bytes(stream.read())


def _message(storage: _Storage, depth: int, limits: ParseLimits) -> EmailMessage:
    message = EmailMessage(policy=policy.default)
    for key, value in _headers(storage, top=depth == _DEEPEST).items():
        if value:
            message[key] = value
    html = storage.bytes_of(_HTML)
    page = decode(html, "", declared_encoding(html)).text if html else storage.text_of(_HTML)
    text = storage.text_of(_BODY) or ("" if page else _rich_text(storage.bytes_of(_RTF), limits))
    message.set_content(_encodable(text))
    if page:
        message.add_alternative(_encodable(page), subtype="html")
    for attachment in storage.attachments():
        _attach(message, attachment, depth, limits)
    return message


def _headers(storage: _Storage, *, top: bool) -> dict[str, str]:
    """Return subject, people and date: those of the transport, else what Outlook says itself."""
    sent = storage.time_of(_SENT, 32 if top else 24)
    sender, address = one_line(storage.text_of(_SENDER)), one_line(storage.text_of(_SENDER_ADDRESS))
    found = {
        "Subject": one_line(storage.text_of(_SUBJECT)),
        "From": f"{sender} ({address})" if "@" in address and address != sender else sender,
        "To": one_line(storage.text_of(_TO)),
        "Cc": one_line(storage.text_of(_CC)),
        "Date": format_datetime(sent) if sent else "",
    }
    transported = HeaderParser().parsestr(storage.text_of(_HEADERS).strip())
    found |= {key: one_line(str(transported[key])) for key in _COPIED if transported[key]}
    return {key: _encodable(value) for key, value in found.items()}


def _rich_text(stored: bytes, limits: ParseLimits) -> str:
    """Return the text of a body that is RTF; none where what is stored is none."""
    rtf = decompressed(stored)
    return parse_rtf(rtf, "", limits).text if rtf.startswith(_RTF_START) else ""


def _left_out(storage: _Storage) -> tuple[str, ...]:
    stored = storage.bytes_of(_RTF)
    has_body = storage.text_of(_BODY) or storage.bytes_of(_HTML) or storage.text_of(_HTML)
    is_unread = stored and not has_body and not decompressed(stored).startswith(_RTF_START)
    return ("its body is RTF in an unknown form, which was not read",) if is_unread else ()


def _attach(message: EmailMessage, attachment: _Storage, depth: int, limits: ParseLimits) -> None:
    name = one_line(attachment.text_of(_FILE_NAME) or attachment.text_of(_SHORT_NAME)) or "attachment"
    if attachment.holds(f"__substg1.0_{_CONTENT}000D"):
        if depth:
            message.add_attachment(_message(attachment.below(f"__substg1.0_{_CONTENT}000D"), depth - 1, limits))
        return
    kind = mimetypes.guess_type(name)[0] or one_line(attachment.text_of(_TYPE))
    main, _, sub = kind.partition("/")
    if not (main.isalnum() and sub) or main in ("text", "message", "multipart"):
        main, sub = "application", "octet-stream"  # the name says what it is
    content = attachment.bytes_of(_CONTENT)
    message.add_attachment(content, maintype=main, subtype=sub, filename=_encodable(name))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
