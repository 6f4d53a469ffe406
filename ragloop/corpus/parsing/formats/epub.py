"""EPUB: the chapters in reading order (https://www.w3.org/TR/epub-33/), each read as HTML."""

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, member_name
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def parse_epub(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no such document, for a protected one, and beyond the limits."""
    archive = Archive(data, "an EPUB", limits)
    _check_protection(archive)
    package = _package(archive)
    root = archive.xml(package)
    titles = _contents(archive, package, root)
    extraction = Extraction(limits.characters)
    for number, member in enumerate(_chapters(archive, package, root), start=1):
        page = archive.read(member)
        found = decode(page, member, declared_encoding(page))
        extraction.left_out += [f"{member}: {one}" for one in found.left_out]
        parts = html_parts(found.text, member, limits)[1].parts
        titled = any(part.level for part in parts)
        if parts and not titled and member in titles:
            extraction.add(titles[member], level=1, place=f"chapter {number}")
        extraction.include(parts, place=f"chapter {number}")
    title = next((one_line(one.text or "") for one in root.iter() if local_name(one) == "title"), "")
    return extraction.document(name, title=title)


def _check_protection(archive: Archive) -> None:
    if not archive.has(_ENCRYPTION):
        return
    protected = archive.xml(_ENCRYPTION).iter()
    methods = {attribute(one, "Algorithm") for one in protected if local_name(one) == "EncryptionMethod"}
    if methods - set(_FONT_OBFUSCATION):
        raise DocumentError("is encrypted, expected an EPUB without copy protection; leave it out")


def _package(archive: Archive) -> str:
    for one in archive.xml(_CONTAINER).iter():
        if local_name(one) == "rootfile" and (place := attribute(one, "full-path")):
            return place
    raise DocumentError("found no package document inside, expected an EPUB; save it again or leave it out")


def _chapters(archive: Archive, package: str, root: "_Element") -> Iterator[str]:
    folder = posixpath.dirname(package)
    items = {attribute(one, "id"): one for one in root.iter() if local_name(one) == "item"}
    for reference in root.iter():
        item = items.get(attribute(reference, "idref")) if local_name(reference) == "itemref" else None
        if item is not None and (attribute(item, "media-type") or "") in _PAGES:
            member = member_name(folder, attribute(item, "href") or "")
            if archive.has(member):
                yield member


def _contents(archive: Archive, package: str, root: "_Element") -> dict[str, str]:
    """Titles of chapters by member, from the table of contents of EPUB 2 (NCX)."""
    folder, titles = posixpath.dirname(package), dict[str, str]()
    for item in root.iter():
        if local_name(item) == "item" and attribute(item, "media-type") == "application/x-dtbncx+xml":
            member = member_name(folder, attribute(item, "href") or "")
            for point in archive.xml(member).iter() if archive.has(member) else ():
                if local_name(point) == "navPoint":
                    label = next((one.text for one in point.iter() if local_name(one) == "text"), None)
                    target = next((attribute(one, "src") for one in point.iter() if local_name(one) == "content"), None)
                    place = member_name(posixpath.dirname(member), (target or "").partition("#")[0])
                    titles.setdefault(place, one_line(label or ""))
    return titles
