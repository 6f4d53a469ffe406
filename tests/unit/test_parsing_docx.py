"""DOCX as Word shows it: numbers, lists, notes, boxes, symbols, merged cells, and documents inside documents."""

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.numbering import numeral
from ragloop.errors import DocumentError
from tests.support.made_documents import STYLES, W, archive, docx, item, paragraph, pptx, relations, table

M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def read(data: bytes, **limits: int) -> ParsedDocument:
    return parse(data, media_type("a.docx") or "", "a.docx", ParseLimits(**limits))


def text(data: bytes) -> str:
    return read(data).text


def run(written: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{written}</w:t></w:r>'


def level(depth: int, style: str, shown: str, more: str = "") -> str:
    counted = f'<w:start w:val="1"/><w:numFmt w:val="{style}"/>{more}<w:lvlText w:val="{shown}"/>'
    return f'<w:lvl w:ilvl="{depth}">{counted}</w:lvl>'


def numbering(*levels: str, nums: str = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>') -> str:
    return f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>{nums}</w:numbering>'


def numbered(written: str, depth: int = 0, identity: int = 1) -> str:
    return paragraph(written, properties=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{identity}"/></w:numPr>')


# ---- numbers and lists --------------------------------------------------------------------------------------------


def test_clauses_have_the_numbers_that_word_counts() -> None:
    levels = level(0, "decimal", "%1."), level(1, "decimal", "%1.%2"), level(2, "lowerLetter", "(%3)")
    body = numbered("Rent") + numbered("Due dates", 1) + numbered("monthly", 2) + numbered("in advance", 2)
    body += numbered("Deposit", 1) + numbered("Repairs") + numbered("Roof", 1)
    assert text(docx(body, numbering=numbering(*levels))).split("\n") == [
        "1. Rent",
        "  1.1 Due dates",
        "    (a) monthly",
        "    (b) in advance",
        "  1.2 Deposit",
        "2. Repairs",
        "  2.1 Roof",
    ]


def test_a_heading_has_its_number_in_the_text_and_a_compound_one_in_the_path() -> None:
    bound = '<w:pStyle w:val="{}"/>'.format
    part = numbering(
        level(0, "upperRoman", "%1.", bound("berschrift1")),
        level(1, "decimal", "%1.%2", "<w:isLgl/>" + bound("berschrift2")),
    )
    by_style = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = STYLES
    for name in ('<w:name w:val="heading 1"/>', '<w:name w:val="heading 2"/>'):
        styles = styles.replace(name, name + by_style)
    body = paragraph("Moorings", "berschrift1") + paragraph("Winter", "Ours") + paragraph("Lines are doubled.")
    document = read(docx(body, numbering=part, styles=styles))
    assert document.text == "I. Moorings\n\n1.1 Winter\n\nLines are doubled."
    assert [one.heading for one in document.blocks] == [("Moorings",), *[("Moorings", "1.1 Winter")] * 2]
    assert document.blocks[1].kind == "heading"


def test_a_list_that_overrides_its_start_begins_anew_and_one_that_does_not_goes_on() -> None:
    nums = (
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/>'
        "</w:lvlOverride></w:num>"
    )
    body = numbered("a") + numbered("b", identity=2) + numbered("c", identity=3) + numbered("d", identity=3)
    found = text(docx(body, numbering=numbering(level(0, "decimal", "%1)"), nums=nums)))
    assert found == "1) a\n2) b\n7) c\n8) d"


def test_a_level_that_never_restarts_counts_on() -> None:
    levels = level(0, "decimal", "Part %1"), level(1, "decimal", "§ %2", '<w:lvlRestart w:val="0"/>')
    body = numbered("A") + numbered("one", 1) + numbered("B") + numbered("two", 1)
    assert "§ 2 two" in text(docx(body, numbering=numbering(*levels)))


def test_numbering_that_a_paragraph_takes_away_from_its_style_is_none() -> None:
    styles = STYLES.replace(
        "</w:styles>", '<w:style w:styleId="L"><w:name w:val="List Bullet 2"/></w:style></w:styles>'
    )
    off = paragraph("plain", "L", '<w:numPr><w:numId w:val="0"/></w:numPr>')
    document = read(docx(paragraph("bread", "L") + paragraph("salt", "L") + off, styles=styles))
    assert document.text == "- bread\n  - salt\n\nplain"
    assert [one.kind for one in document.blocks] == ["list", "paragraph"]


@pytest.mark.parametrize(
    ("number", "style", "expected"),
    [(4, "lowerRoman", "iv"), (28, "upperLetter", "BB"), (3, "decimalZero", "03"), (22, "ordinal", "22nd"),
     (11, "ordinal", "11th"), (12, "chineseCounting", "十二"), (2, "aStyleOfTheFuture", "2"),
     (9999, "upperRoman", "9999")],
)  # fmt: skip
def test_numerals(number: int, style: str, expected: str) -> None:
    assert numeral(number, style) == expected


# ---- what stands in a paragraph -----------------------------------------------------------------------------------


def test_powers_indices_and_ordinals_read_as_they_are_meant() -> None:
    up, down = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
    body = run("10") + run("12", up) + run(" cells, H") + run("2", down) + run("O, the 3") + run("rd", up) + run(", x")
    body += run("max", down)
    assert text(docx(f"<w:p>{body}</w:p>")) == "10^12 cells, H2O, the 3rd, x_max"


def test_a_reading_above_a_word_is_left_out() -> None:
    ruby = f"<w:r><w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby></w:r>"
    assert text(docx(f"<w:p>{ruby}{run('は雨')}</w:p>")) == "東京は雨"


def test_boxes_are_ticked_or_empty_whatever_made_them() -> None:
    sign = '<w:r><w:sym w:font="Wingdings" w:char="{}"/></w:r>'.format
    form = (
        '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{}</w:checkBox></w:ffData></w:fldChar></w:r>'
        '<w:r><w:instrText>FORMCHECKBOX</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    ).format
    body = (
        run("paid ") + sign("F0FE") + run(" open ") + sign("006F") + run(" late ") + form('<w:default w:val="1"/>')
        + run(" lost ") + form('<w:default w:val="1"/><w:checked w:val="0"/>') + run(" by font ")
        + run("\uf0fc", '<w:rFonts w:ascii="Wingdings"/>')
    )  # fmt: skip
    assert text(docx(f"<w:p>{body}</w:p>")) == "paid ☑ open ☐ late ☒ lost ☐ by font ✓"


def test_the_chosen_entry_of_a_list_is_its_value() -> None:
    entries = '<w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="green"/></w:ddList>'
    field = f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{entries}</w:ffData></w:fldChar></w:r>'
    field += '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    assert text(docx(f"<w:p>{run('Colour: ')}{field}</w:p>")) == "Colour: green"


def test_a_field_shows_its_result_and_not_a_field_inside_its_code() -> None:
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'.format
    inner = mark("begin") + "<w:r><w:instrText>REF a</w:instrText></w:r>" + mark("separate") + run("5") + mark("end")
    body = mark("begin") + "<w:r><w:instrText>IF </w:instrText></w:r>" + inner + mark("separate") + run("yes")
    assert text(docx(f"<w:p>{body}{mark('end')}{run('!')}</w:p>{paragraph('Next.')}")) == "yes!\n\nNext."


def test_a_field_that_never_ends_does_not_hide_the_rest() -> None:
    begin = '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r></w:p>'
    assert text(docx(begin + paragraph("Still here."))) == "Still here."


def test_unknown_symbols_and_hidden_text_are_said() -> None:
    body = run("secret", "<w:vanish/>") + '<w:r><w:sym w:font="Marlett" w:char="F0AA"/></w:r>' + run("open")
    document = read(docx(f"<w:p>{body}</w:p>"))
    assert document.text == "open"
    assert document.left_out == ("a hidden text was not read", "a sign of a symbol font was not read")


def test_equations_read_as_a_line() -> None:
    def m(name: str, *inner: str) -> str:
        return f"<m:{name}>{''.join(inner)}</m:{name}>"

    def r(written: str) -> str:
        return m("r", m("t", written))

    half = m("f", m("num", r("a+b")), m("den", r("2")))
    root = m("rad", m("deg"), m("e", m("sSup", m("e", r("x")), m("sup", r("2")))))
    body = f"<w:p {M}><m:oMathPara><m:oMath>{half}{r('=')}{root}</m:oMath></m:oMathPara></w:p>"
    assert text(docx(body)) == "(a+b)/2=sqrt(x^2)"


def test_a_dropped_capital_belongs_to_its_word() -> None:
    capital = paragraph("O", properties='<w:framePr w:dropCap="drop" w:lines="3"/>')
    assert text(docx(capital + paragraph("nce there was a ferry."))) == "Once there was a ferry."


# ---- notes, boxes, pictures ---------------------------------------------------------------------------------------


def test_a_note_follows_the_paragraph_that_refers_to_it_and_no_heading_holds_its_mark() -> None:
    refer = '<w:r><w:footnoteReference w:id="{}"/></w:r>'.format
    notes = f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>' + "".join(
        f'<w:footnote w:id="{n}">{paragraph(said)}</w:footnote>' for n, said in ((1, "By law."), (2, "Since 1990."))
    )
    heading = f'<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr>{run("Fees")}{refer(1)}</w:p>'
    body = heading + f"<w:p>{run('Ten crowns')}{refer(2)}{run(' a day.')}</w:p>" + paragraph("Later.")
    document = read(docx(body, footnotes=notes + "</w:footnotes>"))
    assert document.text == "Fees\n\n[^1]: By law.\n\nTen crowns[^2] a day.\n\n[^2]: Since 1990.\n\nLater."
    assert {one.heading for one in document.blocks} == {("Fees",)}


BOX = "<w:drawing><wps:txbx><w:txbxContent>{0}</w:txbxContent></wps:txbx></w:drawing>"
TWICE = (
    "<w:r><mc:AlternateContent><mc:Choice>" + BOX + "</mc:Choice><mc:Fallback><w:pict><w:txbxContent>{0}"
    "</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
)


def test_a_text_box_stands_once_behind_the_paragraph_that_anchors_it_and_heads_nothing() -> None:
    boxed = TWICE.format(paragraph("Mind the step", "berschrift1") + item("low beam"))
    heading = f'<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr>{boxed}{run("Cellar")}</w:p>'
    document = read(docx(heading + f"<w:p>{run('Pull the ')}{boxed}{run('lever.')}</w:p>"))
    box = "Mind the step\n\n- low beam"
    assert document.text == f"Cellar\n\n{box}\n\nPull the lever.\n\n{box}"
    assert {one.heading for one in document.blocks} == {("Cellar",)}


def test_pictures_say_what_they_show_or_are_counted() -> None:
    shape = '<wp:docPr descr="{}"/><a:graphic><pic:pic><a:blip/></pic:pic></a:graphic>'
    drawn = f"<w:r><w:drawing><wp:inline>{shape}</wp:inline></w:drawing></w:r>"
    body = "".join(f"<w:p>{drawn.format(one)}</w:p>" for one in ("Plan of the harbour", "IMG_0042.JPG", "Picture 7"))
    document = read(docx(body))
    assert document.text == "Picture: Plan of the harbour"
    assert document.left_out == ("2 pictures without a description were not read",)


def test_comments_and_embedded_objects_are_said() -> None:
    comments = f'<w:comments {W}><w:comment w:id="0">{paragraph("why?")}</w:comment></w:comments>'
    body = "<w:p><w:r><w:object><v:shape><v:imagedata/></v:shape><o:OLEObject/></w:object></w:r></w:p>"
    assert read(docx(body, comments=comments)).left_out == (
        "an embedded object was not read",
        "a comment was not read",
    )


def test_a_contents_list_that_repeats_the_headings_is_left_out() -> None:
    styles = STYLES.replace("</w:styles>", '<w:style w:styleId="T"><w:name w:val="toc 1"/></w:style></w:styles>')
    lines = paragraph("Boats 3", "T") + paragraph("Oars 9", "T")
    body = paragraph("Boats", "berschrift1") + paragraph("Wood.") + paragraph("Oars", "berschrift1")
    assert text(docx(lines + body, styles=styles)) == "Boats\n\nWood.\n\nOars"
    assert text(docx(lines, styles=styles)) == "Boats 3\n\nOars 9"


# ---- tables -------------------------------------------------------------------------------------------------------


def cell(written: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(written)}</w:tc>"


def test_merged_cells_stand_in_each_row_and_column_that_they_span() -> None:
    begun, wide = '<w:vMerge w:val="restart"/>', '<w:gridSpan w:val="2"/>'
    rows = (
        f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cell('Pier')}{cell('Depth')}{cell('Length')}</w:tr>"
        f"<w:tr>{cell('South', begun)}{cell('4 m')}{cell('30 m')}</w:tr>"
        f"<w:tr>{cell('', '<w:vMerge/>')}{cell('closed', wide)}</w:tr>"
        '<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>' + cell("5 m") + cell("40 m") + "</w:tr>"
    )
    found = text(docx(f"<w:tbl>{rows}</w:tbl>")).split("\n")
    assert found == ["Pier | Depth | Length", "South | 4 m | 30 m", "South | closed | closed", " | 5 m | 40 m"]


def test_a_table_that_only_arranges_text_is_read_as_text() -> None:
    inner = table(("Key", "Lock"), ("7", "shed"))
    cells = f"<w:tc>{paragraph('Keys', 'berschrift1')}{inner}</w:tc><w:tc>{item('oil them')}</w:tc>"
    body = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    document = read(docx(body))
    assert document.text == "Keys\n\nKey | Lock\n7 | shed\n\n- oil them"
    assert [one.heading for one in document.blocks] == [("Keys",), ("Keys",)]


def test_a_deleted_row_is_left_out() -> None:
    gone = f"<w:tr><w:trPr><w:del/></w:trPr>{cell('old')}{cell('1')}</w:tr>"
    kept = f"<w:tr>{cell('new')}{cell('2')}</w:tr>"
    assert text(docx(f"<w:tbl>{gone}{kept}</w:tbl>")) == "new | 2"


def test_cells_have_their_automatic_numbers() -> None:
    number = f"<w:tc>{numbered('')}</w:tc>"
    rows = "".join(f"<w:tr>{number}{cell(one)}{cell('x')}</w:tr>" for one in ("rope", "hook"))
    assert "2. | hook | x" in text(docx(f"<w:tbl>{rows}</w:tbl>", numbering=numbering(level(0, "decimal", "%1."))))


# ---- documents inside the document --------------------------------------------------------------------------------

INSERTED = '<w:altChunk xmlns:r="r" r:id="rA"/>'
PAGE = "<html><body><h1>Tides</h1><p>High water at noon.</p></body></html>"
WEB_ARCHIVE = (
    'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n--b\nContent-Type: text/html\n\n'
    f"{PAGE}\n--b--\n"
)
NESTED = docx(paragraph("Tides", "berschrift1") + paragraph("High water at noon."))


@pytest.mark.parametrize(
    ("name", "content"),
    [("c.html", PAGE), ("c.mht", WEB_ARCHIVE), ("c.docx", NESTED)],
)
def test_an_inserted_document_is_read_in_its_place(name: str, content: str | bytes) -> None:
    body = paragraph("Before.") + INSERTED + paragraph("After.")
    document = read(docx(body, {"rA": (f"aFChunk:{name}", content)}))
    assert document.text == "Before.\n\nTides\n\nHigh water at noon.\n\nAfter."
    assert document.blocks[1].heading == ("Tides",)


def test_an_inserted_document_of_another_kind_is_said() -> None:
    document = read(docx(INSERTED + paragraph("Text."), {"rA": ("aFChunk:c.xyz", "?")}))
    assert document.left_out == ("an inserted document (.xyz) was not read",)


def test_a_damaged_inserted_document_does_not_stop_the_rest() -> None:
    document = read(docx(INSERTED + paragraph("Text."), {"rA": ("aFChunk:c.docx", b"PK no archive")}))
    assert document.text == "Text."
    assert document.left_out[0].startswith("the inserted document word/c.docx was not read: found no ZIP archive")


def test_documents_deep_inside_each_other_are_said_and_not_followed() -> None:
    data = docx(paragraph("innermost"))
    for _ in range(5):
        data = docx(INSERTED, {"rA": ("aFChunk:c.docx", data)})
    assert read(data).left_out == ("an inserted document (.docx) was not read",)


# ---- the archive --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/WORD/Document.xml", "word\\document.xml", "word/document.xml"])
def test_members_are_found_whatever_way_their_names_are_written(target: str) -> None:
    content = f"<w:document {W}><w:body>{paragraph('Found.')}</w:body></w:document>"
    members = {"_rels\\.rels": relations(r1=f"officeDocument:{target}"), "word\\document.xml": content}
    assert text(archive(members)) == "Found."


def test_a_document_of_another_format_is_refused_by_name() -> None:
    with pytest.raises(DocumentError, match=r"found a document of the format PPTX, expected a DOCX document; give"):
        read(pptx())
