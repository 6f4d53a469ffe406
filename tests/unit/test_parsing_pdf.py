"""PDF: pages, outline, paragraphs from lines, and what is refused."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.fonts import is_plausible
from ragloop.corpus.parsing.pages.lines import Hyphens, marked, paragraphs
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below
from tests.support.made_documents import drawn_at, drawn_lines, drawn_pdf, pdf, stream


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
    assert Hyphens([]).joined("The hyphen\ufffeation of words") == "The hyphenation of words"


@pytest.mark.parametrize(
    ("split", "whole", "elsewhere"),
    [
        ("a well-\nmeant plan", "a well-meant plan", ""),
        ("short-\nand long-term", "short- and long-term", ""),
        ("the pre-\nCambrian era", "the pre-Cambrian era", ""),
        ("an e-\nmail", "an e-mail", ""),
        ("CAR-\n2 cells", "CAR-2 cells", ""),
        ("state-of-\nthe-art pumps", "state-of-the-art pumps", ""),
        ("INFOR-\nMATION", "INFORMATION", ""),
        ("a tide-\nlock", "a tidelock", ""),
        ("a tide-\nlock", "a tide-lock", "Each tide-lock is opened twice."),
        ("a well-\nhead", "a wellhead", "The wellhead leaks."),
    ],
)
def test_how_a_document_writes_a_word_elsewhere_tells_whether_its_hyphen_stays(
    split: str, whole: str, elsewhere: str
) -> None:
    text = marked(split)
    assert Hyphens([text, elsewhere]).joined(text) == whole


def test_pages_that_split_words_at_every_line_take_time_in_proportion() -> None:
    text = marked("ab-\n" * 100_000 + "c" * 500_000 + "-\nd")
    with cpu_seconds_below(3):
        assert "\ufffe" not in Hyphens([text]).joined(text)


LEFT = "The ferry leaves the eastern|landing at dawn and crosses|the sound in forty minutes|when the tide allows it."
RIGHT = (
    "Tickets are sold on board by|the mate, who also takes the|parcels that farms along the|shore hand in for the town."
)


def test_columns_that_were_drawn_row_by_row_are_read_one_after_the_other() -> None:
    placed = [(60, 740, "The ferry and its tickets")]
    for n, (left, right) in enumerate(zip(LEFT.split("|"), RIGHT.split("|"), strict=True)):
        placed += [(60, 700 - 14 * n, left), (320, 700 - 14 * n, right)]
    texts = [text for text, *_ in shown(read(drawn_pdf(drawn_at(*placed))))]
    whole = " ".join("\n".join(texts).split())
    assert LEFT.replace("|", " ") in whole
    assert RIGHT.replace("|", " ") in whole
    assert whole.startswith("The ferry and its tickets")


def test_the_rows_of_a_table_stay_together() -> None:
    rows = [("Bollard, cast iron", "Pier two, by the crane"), ("Ladder of six rungs", "Pier three, at its head")]
    rows += [("Life ring with line", "Both piers, every 50 m"), ("Hose, thirty metres", "Pump house, left door")]
    placed = [(x, 700 - 14 * n, text) for n, row in enumerate(rows) for x, text in zip((60, 320), row, strict=True)]
    text = read(drawn_pdf(drawn_at(*placed))).text
    assert all(" ".join(row) in " ".join(text.split()) for row in rows)


def test_what_was_filled_into_a_form_is_read_with_its_label() -> None:
    fields = {
        50: b"/FT/Tx/T(f1)/V(Marsh Harrier)/Rect[200 697 400 712]",
        51: b"/FT/Tx/T(f2)/TU(Draught in metres)/V(1.9)/Rect[200 683 400 697]",
        52: b"/FT/Btn/T(f3)/V/Yes/AS/Yes/Rect[200 669 212 681]",
        53: b"/FT/Btn/T(f4)/V/Off/AS/Off/Rect[200 655 212 667]",
        54: b"/FT/Ch/Ff 131072/T(f5)/Opt[[(a)(Anchor)][(b)(Buoy)]]/V(b)/Rect[200 641 400 653]",
        55: b"/FT/Tx/Ff 8192/T(f6)/V(secret)/Rect[200 627 400 639]",
    }
    widgets = b"".join(b"%d 0 obj\n<</Type/Annot/Subtype/Widget%s/F 4>>\nendobj\n" % one for one in fields.items())
    kids = b" ".join(b"%d 0 R" % number for number in fields)
    note = b"60 0 obj\n<</Type/Annot/Subtype/FreeText/Contents(Seen by the master)/Rect[50 100 200 120]>>\nendobj\n"
    labels = ["Name of boat:", "Draught:", "Insured:", "Abroad:", "Mooring:", "Code:"]
    document = read(
        drawn_pdf(
            drawn_at(*[(50, 700 - 14 * n, label) for n, label in enumerate(labels)]),
            catalog=b"/AcroForm<</Fields[%s]>>" % kids,
            page=b"/Annots[%s 60 0 R]" % kids,
            extra=[widgets, note],
        )
    )
    assert shown(document)[-1][0].split("\n") == [
        "Name of boat: Marsh Harrier",
        "Draught in metres: 1.9",
        "Insured: yes",
        "Abroad: no",
        "Mooring: Buoy",
    ]
    assert "Seen by the master" in document.text
    assert "secret" not in document.text


def test_a_form_whose_pages_only_ask_to_wait_is_refused() -> None:
    page = drawn_at((50, 700, "Please wait..."))
    with pytest.raises(DocumentError, match=r"only ask to wait: the form \(XFA\).*print it to a PDF"):
        read(drawn_pdf(page, catalog=b"/AcroForm<</Fields[]/XFA 70 0 R>>/NeedsRendering true", extra=[XFA]))


XFA = b"70 0 obj\n" + stream(b"<xdp/>") + b"\nendobj\n"
COVER = "For the best experience, open this PDF portfolio in a newer reader."


def portfolio(name: str, data: bytes) -> bytes:
    files = b"70 0 obj\n<</Type/Filespec/F(%s)/EF<</F 71 0 R>>>>\nendobj\n71 0 obj\n" % name.encode()
    names = b"/Collection<<>>/Names<</EmbeddedFiles<</Names[(%s) 70 0 R]>>>>" % name.encode()
    return drawn_pdf(
        drawn_at((50, 700, COVER)),
        catalog=names,
        extra=[files + stream(data, b"/Type/EmbeddedFile") + b"\nendobj\n"],
    )


def test_the_documents_of_a_portfolio_are_read_in_place_of_its_cover() -> None:
    document = read(portfolio("lease.txt", b"The lease ends in March."))
    assert shown(document) == [("The lease ends in March.", ("lease.txt",), "")]
    assert any("portfolio" in one for one in document.left_out)


def test_portfolios_inside_each_other_are_read_to_a_depth() -> None:
    data = b"The lease ends in March."
    for _ in range(6):
        data = portfolio("lease.txt" if data.startswith(b"The") else "inner.pdf", data)
    with pytest.raises(DocumentError, match="portfolio"):
        read(data)


def test_a_page_whose_font_names_no_characters_is_left_out_and_said() -> None:
    codes = "".join(
        f"{ord(char) - 29:04x}" for char in "The boats that sail at dawn return before the tide turns again."
    )
    nameless = (
        b"60 0 obj\n<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+Own/Encoding/Identity-H"
        b"/DescendantFonts[61 0 R]>>\nendobj\n"
        b"61 0 obj\n<</Type/Font/Subtype/CIDFontType2/BaseFont/ABCDEF+Own/DW 600/FontDescriptor 62 0 R"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>\nendobj\n"
        b"62 0 obj\n<</Type/FontDescriptor/FontName/ABCDEF+Own/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0"
        b"/Ascent 800/Descent -200/CapHeight 700/StemV 80>>\nendobj\n"
    )
    shifted = f"BT /G 12 Tf 50 600 Td <{codes}> Tj ET".encode()
    document = read(drawn_pdf(drawn_lines("A page to read."), shifted, fonts=b"/G 60 0 R", extra=[nameless]))
    assert shown(document) == [("A page to read.", (), "page 1")]
    assert document.left_out == ("page 2: the font does not say which characters it shows, so the text was left out",)
    mixed = read(drawn_pdf(drawn_lines("A line to read.") + shifted, fonts=b"/G 60 0 R", extra=[nameless]))
    assert mixed.text == "A line to read."
    assert "page 1: 1 lines were left out" in mixed.left_out[0]


@pytest.mark.parametrize(
    "text", ["1,204.50 3,811.00 77.25 (12.00) 4,410.75", "Piers ........................ 14", "XK-22 PVC DN50"]
)
def test_figures_leaders_and_codes_are_plausible(text: str) -> None:
    assert is_plausible(text, mapped=True)


def test_headers_and_page_numbers_that_repeat_are_kept_once_or_left_out() -> None:
    bodies = ["Of eels.", "Of 12 terns.", "Of seals.", "Of crabs."]
    pages = [f"Wildlife of the sound\n{body}\nPage {n} of 4" for n, body in enumerate(bodies, start=1)]
    assert [text for text, *_ in shown(read(pdf(*pages)))] == ["Wildlife of the sound\nOf eels.", *bodies[1:]]


def test_first_lines_that_differ_or_are_all_of_a_page_stay() -> None:
    assert read(pdf("Rule 1\nBe kind.", "Rule 4\nBe brief.", "Rule 9\nBe still.")).text.count("Rule") == 3
    assert read(pdf("Closed.", "Closed.", "Closed.")).text.count("Closed.") == 3


def test_rows_of_figures_and_items_keep_their_lines() -> None:
    rows = "SKU-8847 A-12 450 289 23 2024-11-15\nSKU-9201 B-07 780 778 12 2024-11-16"
    assert list(paragraphs(rows)) == [rows]
    long = "an item that fills its line from the left margin to the right"
    assert list(paragraphs(f"\u2022 {long}\r\n\u2022 {long}")) == [f"\u2022 {long}\n\u2022 {long}"]


def test_a_scan_is_refused_with_what_to_do() -> None:
    with pytest.raises(DocumentError, match=r"found 2 pages without text \(a scan\?\).*ocrmypdf"):
        read(pdf("", ""))


def test_scanned_pages_among_others_are_left_out_and_said() -> None:
    document = read(pdf("", "Text.", "", ""))
    assert shown(document) == [("Text.", (), "page 2")]
    assert [one.partition(":")[0] for one in document.left_out] == ["pages 1, 3-4 hold no text; they may be scans"]


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


PROSE = "the boats that sail at dawn return before the tide turns, and the warden counts them at the upper lock."


@pytest.mark.parametrize("moved", [1, 2, 3, 5, 6])
def test_letters_that_stand_for_others_are_no_text_where_the_font_names_no_characters(moved: int) -> None:
    letters = [chr((ord(one) - ord("a") + moved) % 26 + ord("a")) if one.isalpha() else one for one in PROSE]
    assert is_plausible(PROSE, mapped=False)
    assert not is_plausible("".join(letters), mapped=False)


def test_letters_without_blanks_or_far_beyond_ascii_are_no_text_where_the_font_names_no_characters() -> None:
    assert not is_plausible(PROSE.replace(" ", ""), mapped=False)
    assert not is_plausible("".join(chr(ord(one) + 100) if one.isalpha() else one for one in PROSE), mapped=False)


def test_codes_of_shapes_that_fall_into_many_scripts_are_no_text() -> None:
    assert not is_plausible("".join(chr(code) for code in range(0x0102, 0x0D00, 0x51)), mapped=False)


@pytest.mark.parametrize(
    "text",
    [
        "Boats that sail at dawn return before the tide turns.",
        "Łodzie wypływające o świcie wracają przed zmianą przypływu, a strażnik liczy je przy śluzie.",
        "Şafakta yola çıkan tekneler gelgit dönmeden önce geri gelir ve bekçi onları sayar.",
        "Bátarnir sem sigla í dögun koma aftur áður en fallið snýst, og vörðurinn telur þá.",
        "Những chiếc thuyền ra khơi lúc bình minh trở về trước khi thủy triều đổi chiều.",
        "夜明けに出るボートは潮が変わる前に戻る。",
        "Лодки, уходящие на рассвете, возвращаются до прилива (CTO 9001).",
    ],
)
def test_prose_of_any_language_is_plausible_though_its_font_names_no_characters(text: str) -> None:
    assert is_plausible(text, mapped=False)
