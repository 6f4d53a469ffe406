"""PDF through PDFium: the text layer page by page, with the outline's titles and the numbers of the pages.

docs/decisions/0002-formats.md compares what other libraries extract.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_HYPHEN = re.compile("[\ufffe\x02]")  # where PDFium joined a word that was hyphenated at the end of a line
_CONTROLS = re.compile("[\x00\x01\x03-\x08\x0b\x0e-\x1f\x7f\uffff]")
_ITEM = re.compile(r"(?:[-*\u2022\u2023\u25aa\u25cf\u25e6\uf0b7]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_SENTENCE_END = re.compile(r"[.!?:\u2026\u3002][\"'\u201d\u2019)\]]*$")
_NAME_OF_A_FILE = re.compile(r"\.\w{2,5}$|^\(|^untitled|^microsoft \w+ - ", re.IGNORECASE)
_SHORTEST_FULL_LINE = 30
_FULL = 0.8
_MOST_DIGITS = 0.15
_UNREADABLE_PASSWORD = 4  # FPDF_ERR_PASSWORD, https://pdfium.googlesource.com/pdfium/+/main/public/fpdfview.h
_UNREADABLE_SECURITY = 5  # FPDF_ERR_SECURITY
_TEXT = 1  # FPDF_PAGEOBJ_TEXT: white space, on a page without text


def parse_pdf(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for a file that needs a password, that has pages but no text layer, or too many pages."""
    document = _open(data)
    try:
        _check_pages(document, limits)
        titles = _titles(document)
        extraction = Extraction(limits.characters)
        drawn = False
        for number, page in _pages(document):
            place = f"page {number + 1}"
            for level, title in titles.get(number, ()):
                extraction.add(title, level=level, place=place)
            text = _text(page)
            drawn = drawn or (not text and any(one.type != _TEXT for one in page.get_objects(max_depth=1)))
            for paragraph in paragraphs(text):
                extraction.add(paragraph, "list" if _ITEM.match(paragraph) else "paragraph", place=place)
        if drawn and not any(not part.level for part in extraction.parts):
            raise DocumentError(
                f"found {len(document):,} pages without text (a scan?), expected a text layer; "
                "run text recognition over it, for instance ocrmypdf"
            )
        return extraction.document(name, title=_title(document))
    finally:
        document.close()


def _open(data: bytes) -> "PdfDocument":
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_UNREADABLE_PASSWORD, _UNREADABLE_SECURITY):
            raise DocumentError("is encrypted, expected a PDF without a password; save it without one") from None
        raise DocumentError(f"found no PDF that can be read ({error}); save it again or leave it out") from None


def _check_pages(document: "PdfDocument", limits: ParseLimits) -> None:
    if len(document) > limits.pages:
        raise DocumentError(
            f"found {len(document):,} pages, expected at most {limits.pages:,}; raise sync.max_pages to take it"
        )


def _pages(document: "PdfDocument") -> Iterator[tuple[int, "PdfPage"]]:
    """Pages that can be loaded, by index from 0; one that is damaged does not cost the others."""
    import pypdfium2

    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            continue
        try:
            yield number, page
        finally:
            page.close()


def _text(page: "PdfPage") -> str:
    words = page.get_textpage()
    try:
        text: str = words.get_text_range(errors="replace")
    finally:
        words.close()
    return _CONTROLS.sub("", text).strip()


def _titles(document: "PdfDocument") -> dict[int, list[tuple[int, str]]]:
    """The outline: by the index of the page, (level from 1, title)."""
    found: dict[int, list[tuple[int, str]]] = {}
    for bookmark in document.get_toc(max_depth=6):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        title = one_line(_CONTROLS.sub("", bookmark.get_title()))
        if page is not None and title:
            found.setdefault(page, []).append((bookmark.level + 1, title))
    return found


def _title(document: "PdfDocument") -> str:
    """The title in the metadata, where it is one: writers put the name of the source file there."""
    title = one_line(_CONTROLS.sub("", document.get_metadata_value("Title")))
    return "" if _NAME_OF_A_FILE.search(title) else title


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a page, from its lines: a PDF does not mark them.

    A line about as long as most goes on in the next one, after a space. A shorter one that ends a sentence ends its
    paragraph; any other (a heading, a row of a table, an address) keeps its line end. A word that PDFium joined counts
    as the end of a line.
    """
    lines = [one_line(line) for line in text.splitlines()]
    lengths = sorted(len(line) for line in _HYPHEN.sub("\n", text).splitlines())
    full = max(_SHORTEST_FULL_LINE, _FULL * lengths[len(lengths) // 2]) if lengths else 0
    paragraph = ""
    goes_on = False
    for line in lines:
        if paragraph and (not line or (_ITEM.match(line) and not _ITEM.match(paragraph))):
            yield _HYPHEN.sub("", paragraph)
            paragraph = ""
        separator = " " if goes_on and not (_ITEM.match(line) or _is_row(line)) else "\n"
        paragraph = f"{paragraph}{separator}{line}" if paragraph else line
        last = _HYPHEN.split(line)[-1]
        goes_on = len(last) >= full and not _is_row(line)
        if len(last) < full and _SENTENCE_END.search(line):
            yield _HYPHEN.sub("", paragraph)
            paragraph = ""
    if paragraph:
        yield _HYPHEN.sub("", paragraph)


def _is_row(line: str) -> bool:
    """Whether a line is a row of figures rather than prose."""
    return sum(map(str.isdigit, line)) > _MOST_DIGITS * len(line)
