"""E-mail (RFC 5322 and MIME): subject, people, date, the body, messages inside it, and attachments that have a parser.

Of the versions in `multipart/alternative` one is read: the plain text, unless it holds much less than the page does.
"""

import codecs
import email.policy
import re
from dataclasses import dataclass, replace
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from urllib.parse import unquote

from ragloop.corpus.parsing import media_type
from ragloop.corpus.parsing.by_type import parser_of
from ragloop.corpus.parsing.charsets import codec_of, declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.calendar import parse_calendar
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.formats.plain import parse_plain
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import PageImages, page_images
from ragloop.corpus.parsing.pages.images import InnerImages
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

_SHOWN = ("From", "To", "Cc", "Date")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_HEADER = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)  # RFC 5322, 2.2
_WORD = re.compile(r"\w+")
_HINT, _LONGEST_HINT = re.compile(r"\bHTML\b", re.IGNORECASE), 300
_ENOUGH = 0.5
"""Share of the page's words that plain text must hold to be a version of it, and not a hint that a page follows."""
_SILENT = frozenset(
    ("delivery-status", "disposition-notification", "pgp-signature", "pkcs7-signature", "pgp-encrypted")
)
_PGP = "-----BEGIN PGP MESSAGE-----"
_ENCRYPTED = frozenset(("pkcs7-mime", "x-pkcs7-mime"))
_TNEF = frozenset(("ms-tnef", "vnd.ms-tnef"))
_MAIL = "message/rfc822"
_DEEPEST = 4
"""Messages and attachments inside each other."""
_BROKEN = (ValueError, LookupError, IndexError, AttributeError, TypeError)
"""What the standard library's parser raises for headers that break its grammar."""


def parse_mail(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what has no header, and for a body in no known encoding."""
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        data = decode(data, name).text.encode("utf-8", "surrogateescape")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        return ParsedDocument("", name, ())
    if not _HEADER.search(data[:65_536]):
        raise DocumentError("found no header, expected an e-mail (RFC 5322); leave it out or name it .txt")
    message = _message(data)
    extraction, images = Extraction(limits.characters), page_images(limits, _Related(message, limits))
    _Reading(extraction, name, limits, images).message(message)
    images.finish(extraction)
    return extraction.document(name, title=header(message, "Subject"))


def _message(data: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(data)


def header(message: MIMEPart, key: str) -> str:
    """A header's text; empty where there is none or it cannot be read."""
    try:
        value = message[key]
    except _BROKEN:
        return ""
    return one_line(str(value)).encode("utf-8", "replace").decode() if value is not None else ""


class _Related:
    """The images of a message that its pages show, by how they are named there (RFC 2392, RFC 2557)."""

    def __init__(self, message: EmailMessage, limits: ParseLimits) -> None:
        self.left = limits.unpacked_bytes
        self._parts: dict[str, MIMEPart] = {}
        for part in message.walk() if limits.recognises_inside else ():
            if isinstance(part, MIMEPart) and part.get_content_maintype() == "image":
                self._parts[f"cid:{header(part, 'Content-ID').strip('<>')}"] = part
                self._parts[header(part, "Content-Location")] = part

    def has(self, name: str) -> bool:
        """Return whether there is such an image."""
        return bool(name) and unquote(name) in self._parts

    def size(self, name: str) -> int:
        """Return how many bytes it has at most."""
        return len(str(self._parts[unquote(name)].get_payload()))

    def read(self, name: str) -> bytes:
        """Return its bytes."""
        data = _payload(self._parts[unquote(name)])
        self.left -= len(data)
        return data


@dataclass(frozen=True)
class _Reading:
    """Adds a message to an extraction; `level` is that of its subject, `images` are those that its pages show."""

    into: Extraction
    name: str
    limits: ParseLimits
    images: InnerImages
    level: int = 1

    def message(self, message: EmailMessage) -> None:
        self.into.add(header(message, "Subject"), level=self.level)
        self.into.add("\n".join(f"{key}: {value}" for key in _SHOWN if (value := header(message, key))))
        names = [one for part in message.walk() if part is not message and (one := _attachment(part))]
        self.part(message, body=True)
        self.into.add("Attachments: " + ", ".join(names) if names else "")

    def part(self, part: MIMEPart, *, body: bool = False) -> None:
        """Add one part and what it holds. `body` is true of a message as a whole."""
        kind, subtype = part.get_content_maintype(), part.get_content_subtype()
        if subtype == "alternative" and part.is_multipart():
            self._alternative(part)
        elif subtype == "related" and part.is_multipart():
            self._related(part)
        elif kind == "message" and part.is_multipart() and subtype not in _SILENT:
            self._enclosed(part)
        elif part.is_multipart():
            for one in part.iter_parts():
                self.part(one)
        elif (kind in ("text", "multipart")) and (body or not _attachment(part)):
            self._text(part)
        elif subtype in _ENCRYPTED:
            self.into.left_out.append("the message is encrypted and was not read")
        elif subtype in _TNEF or _attachment(part).lower() == "winmail.dat":
            self.into.left_out.append("winmail.dat, in which Outlook keeps text and attachments, was not read")
        elif subtype not in _SILENT and (name := _attachment(part)):
            self._attached(part, name)

    def _alternative(self, part: MIMEPart) -> None:
        """Add the version with the most to read: the last is the richest (RFC 2046, 5.1.4), plain text the cleanest."""
        versions = [(one.get_content_type(), self._aside(one)) for one in part.iter_parts()]
        pages = [aside for kind, aside in versions if kind != "text/calendar"] or [aside for _, aside in versions]
        pages = [one for one in pages if _words(one) and not _is_hint(one)] or pages
        richest = max(reversed(pages), key=lambda aside: len(_words(aside)), default=Extraction(self.into.most))
        plain = [
            aside for kind, aside in versions if kind == "text/plain" and aside in pages and _holds(aside, richest)
        ]
        read = plain[0] if plain else richest
        self.into.include(read.parts)
        self.into.left_out += read.left_out

    def _aside(self, part: MIMEPart) -> Extraction:
        aside = Extraction(self.into.most)
        replace(self, into=aside).part(part)
        return aside

    def _related(self, part: MIMEPart) -> None:
        """Add the page; what it refers to, such as its images, is no text of its own."""
        for number, one in enumerate(part.iter_parts()):
            if number == 0 or one.get_content_disposition() == "attachment":
                self.part(one)

    def _enclosed(self, part: MIMEPart) -> None:
        inside = part.get_payload(0)
        if self.level >= _DEEPEST:
            self.into.left_out.append(f"messages more than {_DEEPEST} deep inside each other were not read")
        elif isinstance(inside, EmailMessage):
            replace(self, level=self.level + 1).message(inside)

    def _text(self, part: MIMEPart) -> None:
        data = _payload(part)
        label = part.get_content_charset("") or ""
        declared = None if "ascii" in label else codec_of(label)  # what says ASCII is often UTF-8
        subtype = part.get_content_subtype()
        found = decode(data, self.name, declared or (declared_encoding(data) if subtype == "html" else None))
        self.into.left_out += found.left_out
        text = found.text.replace("\r\n", "\n")
        if subtype == "html":
            page = html_parts(text, self.name, self.limits, PageImages(self.images))[1]
            self.into.include(page.parts, below=self.level)
            self.into.left_out += page.left_out
        elif subtype == "calendar":
            self.into.add(parse_calendar(text))
        elif text.lstrip().startswith(_PGP):
            self.into.left_out.append("the message is encrypted and was not read")
        else:
            for block in parse_plain(text, self.name).blocks:
                self.into.add(text[block.start : block.end], block.kind)

    def _attached(self, part: MIMEPart, name: str) -> None:
        """Add an attachment that has a parser; of any other say that it was not read."""
        kind = media_type(name)
        if part.get_content_maintype() == "image" and kind is None:
            return  # logos and signatures, as a rule
        if kind is None or self.level >= _DEEPEST:
            why = f"no parser reads {part.get_content_type()}" if kind is None else f"it lies more than {_DEEPEST} deep"
            self.into.left_out.append(f"the attachment {name} was not read: {why}")
            return
        if kind == _MAIL:  # read here, since its parser would count levels from the top
            self.into.add(name, level=self.level + 1)
            replace(self, level=self.level + 1).message(_message(_payload(part)))
            return
        try:
            document = parser_of(kind, name)(_payload(part), name, self.limits)
        except DocumentError as error:
            self.into.left_out.append(f"the attachment {name} was not read: {error}")
            return
        self.into.enclose(document, name, level=self.level + 1)


def _words(aside: Extraction) -> set[str]:
    return {word for part in aside.parts for word in _WORD.findall(part.text)}


def _is_hint(version: Extraction) -> bool:
    """Return whether a version says no more than that another one, in HTML, is the message."""
    text = " ".join(part.text for part in version.parts)
    return len(text) < _LONGEST_HINT and _HINT.search(text) is not None


def _holds(version: Extraction, other: Extraction) -> bool:
    """Return whether a version holds enough of the words of another."""
    words = _words(other)
    return len(words & _words(version)) >= _ENOUGH * len(words)


def _payload(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attachment(part: MIMEPart) -> str:
    """The name of an attachment; empty for any other part."""
    if part.is_multipart():
        return ""
    try:
        name = part.get_filename()
        attached = part.get_content_disposition() == "attachment"
    except _BROKEN:
        return ""
    return one_line(name or "without a name") if attached or (name and part.get_content_maintype() != "text") else ""
