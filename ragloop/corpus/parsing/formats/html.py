"""HTML: the content of a page as a reader sees it, one block per paragraph, list, table or preformatted text.

The text of an HTML document is not a slice of its source: it is the extracted text, blocks joined by blank lines.
"""

from typing import TYPE_CHECKING

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.page import main_content, tree, without_scripts
from ragloop.corpus.parsing.markup.reading import read_page
from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_html(source: str, name: str, limits: ParseLimits) -> ParsedDocument:
    """Return the page without navigation, notices, scripts and what nobody sees; content that a click shows is read.

    Raises DocumentError if elements are nested too deep for the parser, or the text is too long.
    """
    title, extraction = html_parts(source, name, limits)
    return extraction.document(name, root=title)


def html_parts(source: str, name: str, limits: ParseLimits) -> tuple[str, Extraction]:
    """Return the title of a page and its parts; its images are files of their own, and said to be left out."""
    parts = Extraction(limits.characters)
    root = tree(source, name)
    if root is None:
        return "", parts
    title = next(root.iter("title"), None)
    named = "" if title is None else one_line("".join(map(str, title.itertext())))
    content, heading = main_content(without_scripts(root), source)
    parts.add(heading, level=1)
    if limits.recognises_inside:
        parts.left_out += _images(content)
    read_page(content, source, parts)
    return named, parts


def _images(content: "_Element") -> list[str]:
    """Say how many images of a page were not read, those apart that it marks as decoration."""
    count = sum(bool(one.get("src")) and one.get("alt") != "" for one in content.iter("img"))
    said = "1 image of the page was" if count == 1 else f"{count:,} images of the page were"
    return [f"{said} not read; an image file that sources.include names is read as a document"] if count else []
