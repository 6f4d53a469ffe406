"""HTML: the content of a page as a reader sees it, one block per paragraph, list, table or preformatted text.

The text of an HTML document is not a slice of its source: it is the extracted text, blocks joined by blank lines.
"""

from ragloop.corpus.parsing.charsets import declared_encoding
from ragloop.corpus.parsing.decoding import decode, noting
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import PageImages, page_images
from ragloop.corpus.parsing.markup.page import main_content, tree, without_scripts
from ragloop.corpus.parsing.markup.reading import read_page
from ragloop.corpus.parsing.table import one_line


def parse_page(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Decode a page and read it; raises as `parse_html` does."""
    found = decode(data, name, declared_encoding(data))
    return noting(found, parse_html(found.text, name, limits))


def parse_html(source: str, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the page without navigation, notices, scripts and what nobody sees; content that a click shows is read.

    Raises DocumentError if elements are nested too deep for the parser, or the text is too long.
    """
    title, extraction = html_parts(source, name, limits)
    return extraction.document(name, root=title)


def html_parts(source: str, name: str, limits: ParseLimits, images: PageImages | None = None) -> tuple[str, Extraction]:
    """Return the title of a page and its parts.

    `images` are those that it shows; whoever gives them says at the end which were beyond the limits. Without, only
    those are read that it holds as data.
    """
    parts = Extraction(limits.characters)
    root = tree(source, name)
    if root is None:
        return "", parts
    title = next(root.iter("title"), None)
    named = "" if title is None else one_line("".join(map(str, title.itertext())))
    content, heading = main_content(without_scripts(root), source)
    parts.add(heading, level=1)
    shown = images or PageImages(page_images(limits))
    read_page(content, source, parts, shown)
    shown.finish(parts)
    if images is None:
        shown.inner.finish(parts)
    return named, parts
