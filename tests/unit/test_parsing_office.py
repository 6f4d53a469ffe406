"""DOCX, PPTX, XLSX and EPUB: what each yields, and what is refused."""

import io
import re
import zipfile

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.made_documents import (
    W,
    archive,
    cell,
    docx,
    epub,
    grid,
    item,
    paragraph,
    pdf,
    pptx,
    shape,
    table,
    xlsx,
)

OFFICE = ("docx", "pptx", "xlsx", "epub")


def read(data: bytes, suffix: str, **limits: int) -> ParsedDocument:
    return parse(data, media_type(f"a.{suffix}") or "", f"a.{suffix}", ParseLimits(**limits))


def shown(document: ParsedDocument) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [(one.kind, document.text[one.start : one.end], one.heading, one.place) for one in document.blocks]


# ---- DOCX ---------------------------------------------------------------------------------------------------------


def test_a_docx_has_the_headings_of_its_styles_lists_and_tables() -> None:
    body = (
        paragraph("The title", "Titel")
        + paragraph("Chapter", "berschrift1")
        + paragraph("Text.")
        + paragraph("Section", "Ours")
        + item("one")
        + item("deeper", 1)
        + table(("Name", "Age"), ("Ann", "3"))
    )
    document = read(docx(body), "docx")
    assert document.title == "The title"
    assert shown(document) == [
        ("heading", "The title", (), ""),
        ("paragraph", "Text.", ("Chapter",), ""),
        ("list", "- one\n  - deeper", ("Chapter", "Section"), ""),
        ("table", "Name | Age\nAnn | 3", ("Chapter", "Section"), ""),
    ]


def test_an_outline_level_makes_a_heading_without_a_style() -> None:
    body = paragraph("Made by hand", properties='<w:outlineLvl w:val="0"/>') + paragraph("Text.")
    assert shown(read(docx(body), "docx")) == [("paragraph", "Text.", ("Made by hand",), "")]


def test_insertions_links_breaks_and_equations_are_text_deletions_and_field_codes_are_not() -> None:
    body = (
        "<w:p><w:ins><w:r><w:t>new </w:t></w:r></w:ins><w:del><w:r><w:delText>old </w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<w:r><w:br/><w:t>x</w:t><w:tab/><w:t>y</w:t></w:r>"
        '<m:oMath xmlns:m="m"><m:r><m:t>=2</m:t></m:r></m:oMath></w:p>'
    )
    assert read(docx(body), "docx").text == "new link\nx\ty=2"


def test_content_controls_are_opened() -> None:
    body = f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph('Inside.')}</w:sdtContent></w:sdt>"
    assert read(docx(body), "docx").text == "Inside."


# ---- PPTX ---------------------------------------------------------------------------------------------------------


def test_a_pptx_has_titles_text_tables_and_notes_in_the_order_of_the_slides() -> None:
    first = shape("Welcome", "ctrTitle") + shape("12", "sldNum") + shape("Line one\nLine two", "body")
    second = shape("Free text") + grid(("Team", "Cups"), ("Blues", "1"), ("Reds", "3"))
    document = read(pptx(first, second, notes={0: "Say hello."}), "pptx")
    assert shown(document) == [
        ("paragraph", "Line one\nLine two", ("Welcome",), "slide 1"),
        ("paragraph", "Say hello.", ("Welcome",), "slide 1"),
        ("paragraph", "Free text", ("Slide 2",), "slide 2"),
        ("table", "Team: Blues | Cups: 1\nTeam: Reds | Cups: 3", ("Slide 2",), "slide 2"),
    ]


def test_merged_cells_of_a_slide_belong_to_each_row_and_column() -> None:
    cells = [["Port", "Berths", "<H>"], ["Hamn", "long", "short"], ["<V>", "7", "9"], ["Vik", "3", "4"]]
    table = grid(*cells)
    for mark, attribute in (("&lt;H&gt;", "hMerge"), ("<H>", "hMerge"), ("<V>", "vMerge")):
        table = table.replace(
            f"<a:tc><a:txBody><a:p><a:r><a:t>{mark}", f'<a:tc {attribute}="1"><a:txBody><a:p><a:r><a:t>'
        )
    table = table.replace("<a:tbl>", '<a:tbl><a:tblPr firstRow="1"/>')
    assert shown(read(pptx(shape("Ports", "title") + table), "pptx")) == [
        (
            "table",
            "Port: Hamn | Berths: long | Berths: short\nPort: Hamn | Berths: 7 | Berths: 9\n"
            "Port: Vik | Berths: 3 | Berths: 4",
            ("Ports",),
            "slide 1",
        )
    ]


def test_too_many_slides_are_refused() -> None:
    with pytest.raises(DocumentError, match="found 2 slides, expected at most 1"):
        read(pptx(shape("a"), shape("b")), "pptx", pages=1)


# ---- XLSX ---------------------------------------------------------------------------------------------------------


def test_an_xlsx_has_sheets_as_headings_and_rows_that_name_their_columns() -> None:
    rows = (
        "<row>" + cell("A1", "0", "s") + cell("B1", "1", "s") + cell("C1", "2", "s") + "</row>"
        "<row>" + cell("A2", "3", "s") + cell("B2", "45292", style=1) + cell("C2", "0.30000000000000004") + "</row>"
        "<row>" + cell("A3", "3", "s") + cell("C3", "1", "b") + "</row>"
    )
    inline = '<row><c r="B1" t="inlineStr"><is><t>alone</t></is></c></row>'
    document = read(xlsx({"Cups": rows, "Notes": inline}, ["Team", "Day", "Share", "Blues"], [0, 14]), "xlsx")
    assert shown(document) == [
        ("table", "Team: Blues | Day: 2024-01-01 | Share: 0.3\nTeam: Blues | Share: TRUE", ("Cups",), ""),
        ("table", "alone", ("Notes",), ""),
    ]


def sheet(*rows: str, first: int = 1) -> str:
    """Rows of cells parted by "|", each at its number; an empty cell and an empty row are not written."""
    written = ""
    for number, row in enumerate(rows, start=first):
        cells = "".join(
            f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
            for at, text in enumerate(row.split("|"))
            if text
        )
        written += f'<row r="{number}">{cells}</row>' if cells else ""
    return written


def tables(data: bytes) -> list[str]:
    return [text for kind, text, _, _ in shown(read(data, "xlsx"))]


def test_tables_of_a_sheet_are_parted_by_empty_rows_and_columns_and_have_names_of_their_own() -> None:
    rows = sheet(
        "Stock of May", "", "Tool|Place", "Saw|left", "Axe|right", "", "Guest|Since|Room", "Eve|2019|attic", "",
        "Boat|Size||Pier|Depth", "Mira|4||A|3.5", "Nora|6||B|2.5", "Olga|2||C|4.5",
    )  # fmt: skip
    assert tables(xlsx({"All": rows})) == [
        "Stock of May",
        "Tool: Saw | Place: left\nTool: Axe | Place: right",
        "Guest: Eve | Since: 2019 | Room: attic",
        "Boat: Mira | Size: 4\nBoat: Nora | Size: 6\nBoat: Olga | Size: 2",
        "Pier: A | Depth: 3.5\nPier: B | Depth: 2.5\nPier: C | Depth: 4.5",
    ]


def test_rows_behind_an_empty_one_keep_the_names_where_they_hold_the_same() -> None:
    rows = sheet("Boat|Size", "Mira|4", "Nora|6", "", "Olga|2", "Rosa|3", "", "closed|on Monday", "open|else")
    assert tables(xlsx({"All": rows})) == [
        "Boat: Mira | Size: 4\nBoat: Nora | Size: 6",
        "Boat: Olga | Size: 2\nBoat: Rosa | Size: 3",
        "closed | on Monday\nopen | else",
    ]


def test_merged_cells_of_a_sheet_belong_to_each_row_and_column() -> None:
    rows = sheet("Fares of the ferry", "Zone|Single|", "|child|adult", "North|3|5", "|4|6", "South|5|8")
    merged = "".join(f'<mergeCell ref="{one}"/>' for one in ("A1:C1", "A2:A3", "B2:C2", "A4:A5"))
    assert tables(xlsx({"All": rows}, after=f"<mergeCells>{merged}</mergeCells>")) == [
        "Fares of the ferry",
        "Zone: North | Single child: 3 | Single adult: 5\nZone: North | Single child: 4 | Single adult: 6\n"
        "Zone: South | Single child: 5 | Single adult: 8",
    ]


def test_merged_cells_beyond_the_rows_cost_nothing() -> None:
    merged = "".join(f'<mergeCell ref="A{n}:XFD1048576"/>' for n in range(1, 2000))
    data = xlsx({"All": sheet("Boat|Size", "Mira|4", "Nora|6")}, after=f"<mergeCells>{merged}</mergeCells>")
    assert tables(data) == ["Boat: Mira | Size: 4\nBoat: Nora | Size: 6"]


FROZEN = '<sheetViews><sheetView><pane ySplit="1" state="frozen"/></sheetView></sheetViews>'
PLAIN = ("Lund|Gus", "Malmo|Hal", "Ystad|Ida")
NAMED = "Lund: Malmo | Gus: Hal\nLund: Ystad | Gus: Ida"


@pytest.mark.parametrize(
    "data",
    [
        xlsx({"All": sheet(*PLAIN)}, after='<autoFilter ref="A1:B3"/>'),
        xlsx(
            {"All": sheet(*PLAIN)},
            before='<sheetViews><sheetView><pane ySplit="1" state="frozen"/></sheetView></sheetViews>',
        ),
        xlsx({"All": sheet(*PLAIN)}, t1='<table id="1" ref="A1:B3" totalsRowShown="0"></table>'),
    ],
)
def test_the_row_that_a_sheet_marks_names_the_columns(data: bytes) -> None:
    assert tables(data) == [NAMED]


def test_a_table_that_a_sheet_says_has_no_header_has_none() -> None:
    data = xlsx({"All": sheet(*PLAIN)}, t1='<table id="1" ref="A1:B3" headerRowCount="0"></table>')
    assert tables(data) == ["\n".join(PLAIN).replace("|", " | ")]


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("yyyy\\-mm\\-dd", "45292.5", "2024-01-01 12:00:00"),
        ("hh:mm", "0.25", "06:00"),
        ('0.0"days"', "12.5", "12.5days"),
        ("[Red]0", "7", "7"),
    ],
)
def test_a_number_is_a_date_where_its_format_says_so(code: str, value: str, expected: str) -> None:
    codes = f"<numFmts><numFmt numFmtId='170' formatCode='{code}'/></numFmts>"
    sheet = {"S": "<row>" + cell("A1", value, style=1) + "</row>"}
    assert read(xlsx(sheet, formats=[0, 170], codes=codes), "xlsx").text.endswith(f"\n{expected}")


# ---- EPUB ---------------------------------------------------------------------------------------------------------


def test_an_epub_whose_package_is_named_as_an_address_is_read() -> None:
    data = archive(
        {
            "META-INF/container.xml": '<container><rootfile full-path="O%20P/book.opf"/></container>',
            "O P/book.opf": '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
            '</manifest><spine><itemref idref="a"/></spine></package>',
            "O P/a.xhtml": "<p>Eels climb it.</p>",
        }
    )
    assert read(data, "epub").text == "Eels climb it."


def test_an_epub_is_read_in_the_order_of_its_spine_with_titles_from_its_contents() -> None:
    chapters = {"b.xhtml": "<h1>One</h1><p>First.</p>", "a.xhtml": "<p>Second.</p>"}
    document = read(epub(chapters, {"a.xhtml": "Two"}), "epub")
    assert document.title == "The book"
    assert shown(document) == [
        ("paragraph", "First.", ("One",), "chapter 1"),
        ("paragraph", "Second.", ("Two",), "chapter 2"),
    ]


def package(items: str, spine: str) -> str:
    named = "<metadata><title>The book</title></metadata>"
    return f"<package>{named}<manifest>{items}</manifest><spine>{spine}</spine></package>"


def test_the_contents_of_epub_3_give_titles_and_are_no_chapter() -> None:
    page = 'media-type="application/xhtml+xml"'
    items = f'<item id="n" href="nav.xhtml" properties="nav" {page}/><item id="a" href="a.xhtml" {page}/>'
    contents = '<nav epub:type="toc"><h2>Contents</h2><ol><li><a href="a.xhtml#s">The <i>weir</i></a></li></ol></nav>'
    members = {"OPS/book.opf": package(items, '<itemref idref="n"/><itemref idref="a" linear="no"/>')}
    document = read(epub({"a.xhtml": "<p>Eels climb it.</p>", "nav.xhtml": contents}, **members), "epub")
    assert [one[1:3] for one in shown(document)] == [("Eels climb it.", ("The weir",))]


@pytest.mark.parametrize("contents", ["<ncx><navMap><navPoint>", "", "\x00", "<ncx>&unknown;</ncx>"])
def test_a_broken_table_of_contents_costs_titles_and_no_chapter(contents: str) -> None:
    document = read(epub({"a.xhtml": "<p>Text.</p>"}, **{"OPS/toc.ncx": contents}), "epub")
    assert document.text == "Text."


def test_titles_are_read_from_contents_that_are_not_well_formed() -> None:
    contents = (
        "<ncx><navMap><navPoint><navLabel><text>Eel & weir</text></navLabel><content src='a.xhtml'/></navMap></ncx>"
    )
    document = read(epub({"a.xhtml": "<p>Text.</p>"}, **{"OPS/toc.ncx": contents}), "epub")
    assert document.blocks[0].heading == ("Eel & weir",)


def test_chapters_that_are_missing_from_a_book_are_said() -> None:
    page = 'media-type="application/xhtml+xml"'
    items = f'<item id="a" href="a.xhtml" {page}/><item id="b" href="b.xhtml" {page}/>'
    spine = '<itemref idref="b"/><itemref idref="a"/><itemref idref="c"/>'
    document = read(epub({"a.xhtml": "<p>Text.</p>"}, **{"OPS/book.opf": package(items, spine)}), "epub")
    assert document.text == "Text."
    assert document.left_out == (
        "OPS/b.xhtml is missing from the book",
        "a chapter that is called c is not in the book",
    )


def test_a_protected_epub_is_refused_but_obfuscated_fonts_are_not_protection() -> None:
    encryption = '<encryption><EncryptedData><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
    fonts = {"META-INF/encryption.xml": encryption.format("http://www.idpf.org/2008/embedding")}
    assert read(epub({"a.xhtml": "<p>Text.</p>"}, **fonts), "epub").text == "Text."
    protected = {"META-INF/encryption.xml": encryption.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    with pytest.raises(DocumentError, match=r"is encrypted.*copy protection"):
        read(epub({"a.xhtml": "<p>Text.</p>"}, **protected), "epub")


# ---- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "kind"), [("dotx", "docx"), ("ppsx", "pptx"), ("potx", "pptx"), ("xltx", "xlsx")])
def test_templates_and_shows_are_read_like_the_documents_that_they_are(suffix: str, kind: str) -> None:
    assert media_type(f"a.{suffix}") == media_type(f"a.{kind}")


@pytest.mark.parametrize("suffix", OFFICE)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "found no ZIP archive"),
        (b"PK\x03\x04 and no more", "found no ZIP archive"),
        (archive({"readme.txt": "another archive"}), "found no .* inside, expected an? "),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "holds an old Microsoft Office file"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600,
            "is encrypted, expected .* without a password",
        ),
    ],
)
def test_what_is_no_such_document_is_refused_with_the_reason(suffix: str, data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read(data, suffix)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("docx", docx("")),
        ("pptx", pptx()),
        ("xlsx", xlsx({})),
        ("epub", epub({"a.xhtml": ""})),
        ("pdf", pdf(" ")),
        ("csv", b""),
        ("csv", b",,\n,,\n"),
        ("xml", b" \n"),
        ("xml", b"<a><b/></a>"),
        ("eml", b"\n \n"),
        ("mdx", b"import A from 'a'\n\n<A/>\n"),
    ],
)
def test_an_empty_document_has_no_blocks(suffix: str, data: bytes) -> None:
    assert read(data, suffix).blocks == ()


def test_a_member_of_unknown_compression_is_damaged_and_not_encrypted() -> None:
    data = bytearray(docx(paragraph("alpha")))
    for header, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        for found in re.finditer(re.escape(header), bytes(data)):
            data[found.start() + at : found.start() + at + 2] = (97).to_bytes(2, "little")
    with pytest.raises(DocumentError, match=r"^found a damaged .* inside \(That compression method is not supported\)"):
        read(bytes(data), "docx")


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(docx(paragraph("secret")))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
        offsets = [one.header_offset for one in file.infolist()]
    for offset in offsets:
        data[offset + 6] |= 1
    start = data.index(b"PK\x01\x02")
    while start >= 0:
        data[start + 8] |= 1
        start = data.find(b"PK\x01\x02", start + 1)
    with pytest.raises(DocumentError, match="is encrypted"):
        read(bytes(data), "docx")


def test_what_unpacks_to_too_much_is_refused() -> None:
    data = docx(paragraph("x" * 100_000))
    with pytest.raises(DocumentError, match=r"unpacks to more than 50,000 bytes.*sync\.max_unpacked_mb"):
        read(data, "docx", unpacked_bytes=50_000)


def test_too_much_text_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"found more than 1,000 characters of text.*sync\.max_document_mb"):
        read(docx(paragraph("word " * 500)), "docx", characters=1_000)


def test_entities_do_not_expand_and_no_file_is_read() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE d [<!ENTITY l0 "lol">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    members = {"_rels/.rels": "<Relationships/>", "word/document.xml": f"{bomb}<w:document {W}><w:body>"}
    members["word/document.xml"] += "<w:p><w:r><w:t>a &l9; &f;</w:t></w:r></w:p></w:body></w:document>"
    try:
        text = read(archive(members), "docx").text
    except DocumentError:
        return
    assert text == "a"


@pytest.mark.parametrize("value", ["²", ".5", "nan", "-1", "999999999999", ""])
def test_numbers_that_are_none_do_not_stop_a_sheet(value: str) -> None:
    codes = f"<numFmts><numFmt numFmtId='{value}' formatCode='yy'/></numFmts>"
    row = f'<row><c r="A1" s="{value}"><v>{value}</v></c><c r="B1" t="s"><v>{value}</v></c>{cell("C1", "7")}</row>'
    assert read(xlsx({"S": row}, ["a"], codes=codes), "xlsx").text.endswith("7")
