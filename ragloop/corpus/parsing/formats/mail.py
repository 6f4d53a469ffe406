"""E-mail (RFC 5322 and MIME): subject, people, date, and the body, as plain text where the sender gave it.

Attachments are named, not read.
"""

import codecs
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser

from ragloop.corpus.parsing.charsets import codec_of, declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction, one_line
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

_SHOWN = ("From", "To", "Cc", "Date")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_HEADER = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)  # RFC 5322, 2.2


def parse_mail(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what has no header, and for a body in no known encoding."""
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        data = decode(data, name).encode("utf-8", "surrogateescape")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        return ParsedDocument("", name, ())
    if not _HEADER.search(data[:65_536]):
        raise DocumentError("found no header, expected an e-mail (RFC 5322); leave it out or name it .txt")
    message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(data)
    extraction = Extraction(limits.characters)
    subject = header(message, "Subject")
    extraction.add(subject, level=1)
    extraction.add("\n".join(f"{key}: {value}" for key in _SHOWN if (value := header(message, key))))
    _add_body(message, name, limits, extraction)
    names = [one for part in message.walk() if part is not message and (one := _attachment(part))]
    extraction.add("Attachments: " + ", ".join(names) if names else "")
    return extraction.document(name, title=subject)


def header(message: EmailMessage, key: str) -> str:
    """A header's text; empty where there is none or it cannot be read."""
    try:
        value = message[key]
    except (ValueError, LookupError, IndexError, AttributeError, TypeError):  # the standard parser fails on some
        return ""
    return one_line(str(value)).encode("utf-8", "replace").decode() if value is not None else ""


def _add_body(message: EmailMessage, name: str, limits: ParseLimits, extraction: Extraction) -> None:
    parts = list(_texts(message))
    plain = [part for part in parts if part.get_content_subtype() != "html"]
    for part in parts:
        html = part.get_content_subtype() == "html"
        if html and plain:
            continue  # the alternative to the plain text
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        label = part.get_content_charset("") or ""
        declared = None if "ascii" in label else codec_of(label)  # what says ASCII is often UTF-8
        if html:
            page = html_parts(decode(data, name, declared or declared_encoding(data)), name, limits)[1]
            extraction.include(page.parts, below=1)
        else:
            text = decode(data, name, declared).replace("\r\n", "\n")
            for block in parse_plain(text, name).blocks:
                extraction.add(text[block.start : block.end], block.kind)


def _texts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts with text that are no attachments; what says that it has parts and has none is text."""
    for part in message.walk():
        textual = part.get_content_maintype() in ("text", "multipart") and not part.is_multipart()
        if textual and (part is message or not _attachment(part)):
            yield part


def _attachment(part: EmailMessage) -> str:
    """The name of an attachment; empty for any other part."""
    if part.is_multipart():
        return ""
    try:
        name = part.get_filename()
        attached = part.get_content_disposition() == "attachment"
    except (ValueError, LookupError, IndexError, AttributeError, TypeError):
        return ""
    return one_line(name or "without a name") if attached or (name and part.get_content_maintype() != "text") else ""
