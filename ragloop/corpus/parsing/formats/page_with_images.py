"""A page of HTML and the images that lie beside it in its source, in one archive: the page comes first.

Sources make such an archive of a page where the text in images is recognised; see ragloop.corpus.sources.whole.
"""

import posixpath

from ragloop.corpus.parsing.archive import Archive
from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.html import html_parts
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import PageImages, page_images


def parse_page_with_images(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the page with the text of its images where they stand. Raises DocumentError as `parse_html` does."""
    archive = Archive(data, "a page with its images", limits)
    page = archive.names()[0]
    source = archive.read(page)
    found, images = decode(source, name, declared_encoding(source)), page_images(limits, archive)
    title, parts = html_parts(found.text, name, limits, PageImages(images, posixpath.dirname(page)))
    images.finish(parts)
    return noting(found, parts.document(name, root=title))
