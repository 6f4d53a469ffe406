"""PDF through PDFium: the text layer page by page, with the outline's titles and the numbers of the pages.

docs/decisions/0002-formats.md compares what other libraries extract.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.document import Kind, ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.columns import by_columns
from ragloop.corpus.parsing.pages.enclosed import add_enclosed
from ragloop.corpus.parsing.pages.fields import filled
from ragloop.corpus.parsing.pages.fonts import readable_lines
from ragloop.corpus.parsing.pages.lines import ITEM, Hyphens, marked, paragraphs, without_running_lines
from ragloop.corpus.parsing.pages.recognised import Recognised
from ragloop.corpus.parsing.pages.recognition import Recogniser, doubts, scale_of
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError
from ragloop.wording import counted

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_CONTROLS = re.compile("[\x00\x01\x03-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\uffff]")
_NAME_OF_A_FILE = re.compile(r"\.\w{2,5}$|^\(|^untitled|^microsoft \w+ - ", re.IGNORECASE)
_PASSWORD = 4  # FPDF_ERR_PASSWORD, https://pdfium.googlesource.com/pdfium/+/main/public/fpdfview.h
_SECURITY = 5  # FPDF_ERR_SECURITY
_TEXT, _IMAGE = 1, 3  # FPDF_PAGEOBJ_*
_DYNAMIC_FORM = 2  # FORMTYPE_XFA_FULL, fpdf_formfill.h
_WAITING = re.compile(r"^\s*please wait\b.{0,5}\s+if this message is not eventually replaced", re.IGNORECASE)
_COVER = re.compile(r"\b(?:open this PDF (?:portfolio|package|collection)\b|PDF[- ]portfolio\b)", re.IGNORECASE)
_LONGEST_PLACEHOLDER = 1_200
_LITTLE_TEXT = 100
"""Characters that may be stamped on a scan."""
_MOST_OF_A_PAGE = 0.6
_SHOWN_RANGES = 20
_ADVICE = "set sync.ocr = true (extra: ragloop[ocr]) to recognise it, or run ocrmypdf over the file"
_ADVICE_BEYOND = "no text was recognised on them, or they are beyond sync.ocr_pages and sync.ocr_seconds"


@dataclass
class _Page:
    """What was read of a page, and what of it could not be."""

    number: int
    text: str
    lines: list[str] = field(default_factory=list)
    notes: int = 0
    unreadable: int = 0
    scanned: bool = False
    recognised: Recognised | None = None
    failed: str = ""

    @property
    def place(self) -> str:
        return f"page {self.number}"

    @property
    def confidence(self) -> float | None:
        return self.recognised.confidence if self.recognised and self.recognised.text else None


def parse_pdf(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for a file that needs a password, that holds no text at all, or too many pages."""
    document = _open(data)
    try:
        _check_pages(document, limits)
        recogniser = Recogniser(limits)
        pages, lost = _read(document, limits, recogniser)
        extraction = Extraction(limits.characters, recognised=recogniser.kept)
        placeholder = _placeholder(document, pages)
        if not placeholder:
            _add_pages(extraction, pages, _titles(document))
        add_enclosed(document, extraction, limits)
        said = [placeholder] if placeholder else list(_not_read(pages, lost, len(document)))
        if said and not any(not part.level for part in extraction.parts):
            raise DocumentError(_refusal(placeholder, pages, len(document), said))
        extraction.left_out[:0] = said
        return extraction.document(name, title=_title(document))
    finally:
        document.close()


def _open(data: bytes) -> "PdfDocument":
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_PASSWORD, _SECURITY):
            raise DocumentError("is encrypted, expected a PDF without a password; save it without one") from None
        raise DocumentError(f"found no PDF that can be read ({error}); save it again or leave it out") from None
    if document.get_formtype() != _DYNAMIC_FORM:
        document.init_forms()
    return document


def _check_pages(document: "PdfDocument", limits: ParseLimits) -> None:
    if len(document) > limits.pages:
        raise DocumentError(
            f"found {len(document):,} pages, expected at most {limits.pages:,}; raise sync.max_pages to take it"
        )


def _read(document: "PdfDocument", limits: ParseLimits, recogniser: Recogniser) -> tuple[list[_Page], list[int]]:
    """Return the pages, and the numbers of those that are damaged: they do not cost the others."""
    import pypdfium2

    pages: list[_Page] = []
    lost: list[int] = []
    characters = 0
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            lost.append(index + 1)
            continue
        try:
            read = _page(document, page, index + 1)
            if recogniser.may_go_on and (read.scanned or (read.unreadable and not read.text)):
                _recognise(read, page, recogniser)
            pages.append(read)
        finally:
            page.close()
        characters += len(pages[-1].text)
        if characters > limits.characters:
            raise DocumentError(
                f"found more than {limits.characters:,} characters of text, expected fewer; "
                "raise sync.max_document_mb to take it, or split the document"
            )
    return pages, lost


def _page(document: "PdfDocument", page: "PdfPage", number: int) -> _Page:
    words = page.get_textpage()
    try:
        text = _text(page, words)
        readable = readable_lines(words, text)
        found = filled(document, page, words)
    finally:
        words.close()
    text = _CONTROLS.sub("", readable.text).strip()
    text = "\n\n".join(filter(None, [marked(text), *found.texts]))
    scanned = len(text) < _LITTLE_TEXT and not found.lines and not readable.unreadable and _is_drawn(page, text)
    return _Page(number, text, found.lines, found.notes, readable.unreadable, scanned)


def _recognise(read: _Page, page: "PdfPage", recogniser: Recogniser) -> None:
    """Put the recognised text of a page in place of what it has, which is little or cannot be read."""
    scale = scale_of(*page.get_size())
    bitmap = page.render(scale=scale, rev_byteorder=False, prefer_bgrx=False)
    try:
        found = recogniser.read(bitmap.to_numpy()[:, :, :3].copy(), 1 / scale)
    except DocumentError as error:  # of this page alone
        read.failed = str(error)
        return
    finally:
        bitmap.close()
    read.recognised = found
    if found.text:
        read.text, read.unreadable, read.scanned = marked(found.text), 0, False


def _text(page: "PdfPage", words: "PdfTextPage") -> str:
    text: str = words.get_text_range(errors="replace")
    columns = by_columns(words, text) if page.get_rotation() in (0, 180) else None
    return text if columns is None else columns


def _is_drawn(page: "PdfPage", text: str) -> bool:
    """Return whether a page without text shows something, or one with little text is mostly an image."""
    if not text:
        return any(one.type != _TEXT for one in page.get_objects(max_depth=1))
    width, height = page.get_size()
    for one in page.get_objects(filter=[_IMAGE], max_depth=2):
        left, bottom, right, top = one.get_bounds()
        if (right - left) * (top - bottom) >= _MOST_OF_A_PAGE * width * height:
            return True
    return False


def _add_pages(extraction: Extraction, pages: Sequence[_Page], titles: dict[int, list[tuple[int, str]]]) -> None:
    texts = without_running_lines([page.text for page in pages])
    hyphens = Hyphens(texts)
    for page, text in zip(pages, texts, strict=True):
        for level, title in titles.get(page.number - 1, ()):
            extraction.add(title, level=level, place=page.place)
        for paragraph in paragraphs(text):
            kind: Kind = "list" if ITEM.match(paragraph) else "paragraph"
            extraction.add(hyphens.joined(paragraph), kind, place=page.place, confidence=page.confidence)
        extraction.add("\n".join(page.lines), "list", place=page.place)


def _placeholder(document: "PdfDocument", pages: Sequence[_Page]) -> str:
    """Return why the pages stand for a document that they do not show; empty where they are the document."""
    text = " ".join(page.text for page in pages[:3])
    if document.get_formtype() == _DYNAMIC_FORM or _WAITING.match(text):
        return "its pages only ask to wait: the form (XFA) behind them was not read; print it to a PDF file"
    if len(text) < _LONGEST_PLACEHOLDER and document.count_attachments() and _COVER.search(text):
        return "its page only asks to open the portfolio in Acrobat, and was left out"
    return ""


def _not_read(pages: Sequence[_Page], lost: Sequence[int], count: int) -> Iterator[str]:
    if scanned := [page.number for page in pages if page.scanned and not page.failed]:
        held = "holds no text; it may be a scan" if len(scanned) == 1 else "hold no text; they may be scans"
        was_on = any(page.recognised or page.failed for page in pages)
        yield f"{_ranges(scanned)} {held}: {_ADVICE_BEYOND if was_on else _ADVICE}"
    for why in dict.fromkeys(page.failed for page in pages if page.failed):
        numbers = [page.number for page in pages if page.failed == why]
        yield f"{_ranges(numbers)} {'was' if len(numbers) == 1 else 'were'} not recognised: {why}"
    if unreadable := [page.number for page in pages if page.unreadable and not page.text]:
        yield f"{_ranges(unreadable)}: the font does not say which characters it shows, so the text was left out"
    for page in pages:
        if page.unreadable and page.text:
            yield (
                f"{page.place}: {page.unreadable} lines were left out, "
                "since their font does not say which characters it shows"
            )
    for page in pages:
        yield from doubts(page.recognised, page.place) if page.recognised else ()
    if lost:
        yield f"{_ranges(lost)} of {count} could not be read: damaged"
    if notes := [page.number for page in pages if page.notes]:
        yield f"comments on {_ranges(notes)} were not read"


def _refusal(placeholder: str, pages: Sequence[_Page], count: int, said: Sequence[str]) -> str:
    if placeholder:
        return f"found no text of the document: {placeholder}"
    if any(page.failed for page in pages):
        return f"found {counted(count, 'page')} without text, and recognised none ({'; '.join(said)})"
    if any(page.unreadable for page in pages):
        return f"found no text that can be read ({'; '.join(said)}), expected some; run ocrmypdf --force-ocr over it"
    return f"found {counted(count, 'page')} without text (a scan?), expected a text layer; " + _ADVICE


def _ranges(numbers: Sequence[int]) -> str:
    """Return "page 3" or "pages 2-9, 12"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:_SHOWN_RANGES]]
    more = f" and {len(ranges) - _SHOWN_RANGES} more" if len(ranges) > _SHOWN_RANGES else ""
    return f"{'page' if len(numbers) == 1 else 'pages'} {', '.join(shown)}{more}"


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
