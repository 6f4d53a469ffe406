"""EPUB: the chapters in reading order (https://www.w3.org/TR/epub-33/), each read as HTML."""

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ragloop.corpus.parsing.archive import Archive, attribute, local_name, member_name
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import PageImages, page_images
from ragloop.corpus.parsing.markup.page import tree
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
_NCX = "application/x-dtbncx+xml"


def parse_epub(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the chapters in order, each under its own title or that of the table of contents.

    Raises DocumentError for what is no such document, for a protected one, and beyond the limits.
    """
    archive = Archive(data, "an EPUB", limits)
    _check_protection(archive)
    package = _package(archive)
    root = archive.xml(package)
    extraction, images = Extraction(limits.characters), page_images(limits, archive)
    titles = _contents(archive, package, root, extraction)
    for number, member in enumerate(_chapters(archive, package, root, extraction), start=1):
        page = archive.read(member)
        found = decode(page, member, declared_encoding(page))
        extraction.left_out += [f"{member}: {one}" for one in found.left_out]
        shown = PageImages(images, posixpath.dirname(member))
        chapter = html_parts(found.text, member, limits, shown)[1]
        extraction.left_out += [f"{member}: {one}" for one in chapter.left_out]
        titled = any(part.level for part in chapter.parts)
        if chapter.parts and not titled and (title := titles.get(member)):
            extraction.add(title, level=1, place=f"chapter {number}")
        extraction.include(chapter.parts, place=f"chapter {number}")
    images.finish(extraction)
    named = next((one_line(one.text or "") for one in root.iter() if local_name(one) == "title"), "")
    return extraction.document(name, title=named)


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
            return place if archive.has(place) else unquote(place)
    raise DocumentError("found no package document inside, expected an EPUB; save it again or leave it out")


def _chapters(archive: Archive, package: str, root: "_Element", into: Extraction) -> Iterator[str]:
    """Yield the chapters of the spine, those outside the linear order too; say which are missing."""
    folder = posixpath.dirname(package)
    items = {attribute(one, "id"): one for one in root.iter() if local_name(one) == "item"}
    read: set[str] = set()
    for reference in root.iter():
        if local_name(reference) != "itemref":
            continue
        item = items.get(attribute(reference, "idref"))
        if item is None:
            into.left_out.append(f"a chapter that is called {attribute(reference, 'idref')} is not in the book")
            continue
        member = member_name(folder, attribute(item, "href") or "")
        if member in read or (attribute(item, "media-type") or "") not in _PAGES:
            continue
        read.add(member)
        if archive.has(member):
            yield member
        else:
            into.left_out.append(f"{member} is missing from the book")


def _contents(archive: Archive, package: str, root: "_Element", into: Extraction) -> dict[str, str]:
    """Return the titles of chapters by member, from the table of contents of EPUB 3, else that of EPUB 2 (NCX)."""
    folder, titles = posixpath.dirname(package), dict[str, str]()
    items = [one for one in root.iter() if local_name(one) == "item"]
    navigation = [one for one in items if "nav" in (attribute(one, "properties") or "").split()]
    for item in navigation + [one for one in items if attribute(one, "media-type") == _NCX]:
        member = member_name(folder, attribute(item, "href") or "")
        if not archive.has(member):
            continue
        try:
            entries = list(_entries(archive.read(member), member))
        except DocumentError:
            into.left_out.append(f"the table of contents {member} cannot be read: chapters may lack their titles")
            continue
        for target, title in entries:
            place = member_name(posixpath.dirname(member), target.partition("#")[0])
            if title:
                titles.setdefault(place, title)
    return titles


def _entries(data: bytes, member: str) -> Iterator[tuple[str, str]]:
    """Yield (target, title) of a table of contents. It is read as HTML, which mends what is not well-formed."""
    root = tree(decode(data, member, declared_encoding(data)).text, member)
    if root is None:
        return
    for link in root.iter("a"):
        yield link.get("href", ""), one_line("".join(map(str, link.itertext())))
    label = ""
    for element in root.iter("navlabel", "content"):
        if element.tag == "navlabel":
            label = one_line("".join(map(str, element.itertext())))
        else:
            yield element.get("src", ""), label
