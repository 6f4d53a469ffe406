"""A page of HTML and the images that lie beside it in its source, in one archive: the page comes first.

Sources make such an archive of a page where the text in images is recognised; see ragloop.corpus.sources.whole.
"""

import posixpath
from dataclasses import replace

from ragloop.corpus.parsing.archive import Archive
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import PageImages, page_images
from ragloop.corpus.parsing.pages.images import InnerImages


def parse_page_with_images(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the page with the text of its images where they stand. Raises DocumentError as `parse_html` does."""
    archive = Archive(data, "a page with its images", limits)
    images = page_images(limits, archive)
    page = page_of(archive, archive.names()[0], name, limits, images)
    left = Extraction(limits.characters)
    images.finish(left)
    return replace(page, left_out=(*page.left_out, *left.left_out), recognised=tuple(left.recognised))


def page_of(archive: Archive, member: str, name: str, limits: ParseLimits, images: InnerImages) -> ParsedDocument:
    """Return a page of an archive. `images` are those of all its pages; whoever has them says what was not read."""
    source = archive.read(member)
    found = decode(source, name, declared_encoding(source))
    title, parts = html_parts(found.text, name, limits, PageImages(images, posixpath.dirname(member)))
    return noting(found, parts.document(name, root=title))
