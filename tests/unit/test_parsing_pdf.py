"""PDF: pages, outline, paragraphs from lines, and what is refused."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.corpus.parsing.pages.lines import Hyphens, marked, paragraphs
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.made_documents import pdf


def read(data: bytes, **limits: int) -> ParsedDocument:
    return parse(data, "application/pdf", "a.pdf", ParseLimits(**limits))


def shown(document: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(document.text[one.start : one.end], one.heading, one.place) for one in document.blocks]


def test_pages_are_places_and_the_outline_gives_the_headings() -> None:
    document = read(pdf("Before.", "Of cats.", "Of more cats.", outline=[("Cats", 1), ("Dogs", 2)]))
    assert shown(document) == [
        ("Before.", (), "page 1"),
        ("Of cats.", ("Cats",), "page 2"),
        ("Of more cats.", ("Dogs",), "page 3"),
    ]
    assert document.title == "Cats"


def test_a_page_that_is_inserted_changes_no_heading() -> None:
    one, two = read(pdf("Alpha.", "Beta.")), read(pdf("Alpha.", "New.", "Beta."))
    assert [block.heading for block in (*one.blocks, *two.blocks)] == [()] * 5
    assert two.blocks[-1].place == "page 3"


def test_lines_become_paragraphs() -> None:
    full = "A line of prose that is as long as all the lines of this page are"
    assert list(paragraphs(f"A heading\r\n{full}\r\n{full}\r\nends here.\r\n{full}\r\nand there.")) == [
        f"A heading\n{full} {full} ends here.",
        f"{full} and there.",
    ]


def test_a_word_that_was_hyphenated_is_whole() -> None:
    assert list(paragraphs("The hyphen\ufffeation of words")) == ["The hyphenation of words"]


def test_rows_of_figures_and_items_keep_their_lines() -> None:
    rows = "SKU-8847 A-12 450 289 23 2024-11-15\nSKU-9201 B-07 780 778 12 2024-11-16"
    assert list(paragraphs(rows)) == [rows]
    long = "an item that fills its line from the left margin to the right"
    assert list(paragraphs(f"\u2022 {long}\r\n\u2022 {long}")) == [f"\u2022 {long}\n\u2022 {long}"]


def test_a_scan_is_refused_with_what_to_do() -> None:
    with pytest.raises(DocumentError, match=r"found 2 pages without text \(a scan\?\).*ocrmypdf"):
        read(pdf("", ""))


def test_one_scanned_page_among_others_is_left_out() -> None:
    assert shown(read(pdf("", "Text."))) == [("Text.", (), "page 2")]


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"found 3 pages, expected at most 2; raise sync\.max_pages"):
        read(pdf("a", "b", "c"), pages=2)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\x00\xff" * 500, b"no PDF at all"])
def test_what_is_no_pdf_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="found no PDF that can be read"):
        read(data)


def test_blocks_lie_in_the_text() -> None:
    document = read(pdf("One.\nTwo.", "Three."))
    assert all(isinstance(one, Block) and document.text[one.start : one.end].strip() for one in document.blocks)
