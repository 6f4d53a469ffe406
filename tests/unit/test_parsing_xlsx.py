"""XLSX as Excel shows it: number formats, formulas without a result, notes and drawings beside the cells."""

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.office.number_formats import built_in, shown
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below
from tests.support.made_documents import A, S, archive, cell, relations, xlsx


def read(data: bytes) -> ParsedDocument:
    return parse(data, media_type("a.xlsx") or "", "a.xlsx", ParseLimits())


@pytest.mark.parametrize(
    ("number", "code", "expected"),
    [
        (27 / 24, "[h]:mm", "27:00"),
        (27 / 24, "[h]:mm:ss", "27:00:00"),
        (1.25, "[m]", "1800"),
        (0.5, "[s]", "43200"),
        (-0.25, "[h]:mm", "-6:00"),
        (1.9999999999, "[h]:mm", "48:00"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (0.0, "h:mm AM/PM", "12:00 AM"),
        (61.25 / 86400, "mm:ss.00", "01:01.25"),
        (0.0725, "0.0%", "7.3%"),
        (1.5, "0%", "150%"),
        (421, "000000", "000421"),
        (9876543.21, "#,##0.00", "9,876,543.21"),
        (9876543.21, "#,##0,", "9,877"),
        (2500000, '0.0,,"M"', "2.5M"),
        (12, "0.##", "12"),
        (0.5, "#.0", ".5"),
        (-3.5, "0.0;(0.0)", "(3.5)"),
        (-3.5, "$0.00", "-$3.50"),
        (0, '0;-0;"none"', "none"),
        (19.9, "[$€-407]#,##0.00", "€19.90"),
        (1234.5, '_-* #,##0.00\\ "kr"_-;-* #,##0.00\\ "kr"_-', "1,234.50 kr"),
        (2.75, "# ?/?", "2 3/4"),
        (2.5, "# ?/8", "2 4/8"),
        (2, "# ?/?", "2"),
        (0.000123, "0.00E+00", "1.23E-04"),
        (4930123456, "0000 000-000", "4930 123-456"),
        (7, '"Lot "0', "Lot 7"),
        (3, 'General" pcs"', "3 pcs"),
        (20, '[>=10]"many";[<10]0', "many"),
        (45000, "dd/mm/yy", "2023-03-15"),
        (45000.25, "d mmm yyyy hh:mm", "2023-03-15 06:00:00"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (5, ";;;", "5"),
        (-1, "yyyy-mm-dd", "-1"),
        (1e250, "#,##0.00", f"{1e250:.15g}"),
        (5, '"', "5"),
        (5, "[", "5"),
    ],
)
def test_a_number_is_written_as_its_format_shows_it(number: float, code: str, expected: str) -> None:
    assert shown(number, code) == expected


@pytest.mark.parametrize(
    ("identity", "expected"), [(10, "12.00%"), (4, "0.12"), (46, "2:52:48"), (0, "0.12"), (999, "0.12")]
)
def test_formats_that_are_built_in_have_their_codes(identity: int, expected: str) -> None:
    assert shown(0.12, built_in(identity)) == expected


def test_a_workbook_that_counts_from_1904_has_its_own_dates() -> None:
    made = xlsx(
        {"S": "<row>" + cell("A1", "366", style=1) + "</row>"}, formats=[0, 14], settings='<workbookPr date1904="1"/>'
    )
    assert read(made).text == "S\n\n1905-01-01"


def test_a_formula_without_a_result_stands_as_it_is_and_is_said() -> None:
    rows = '<row><c r="A1"><f>SUM(B1:B9)</f></c><c r="B1"><f>A1/2</f><v/></c><c r="C1"><f>A1</f><v>4</v></c></row>'
    document = read(xlsx({"Costs": rows, "Plain": "<row>" + cell("A1", "1") + "</row>"}))
    assert document.text.startswith("Costs\n\n=SUM(B1:B9) | =A1/2 | 4")
    assert document.left_out == ("sheet Costs: 2 formulas have no stored result and stand as formulas",)


def test_a_result_of_0_is_none_where_the_program_could_not_calculate() -> None:
    rows = '<row><c r="A1"><f>6*7</f><v>0</v></c></row>'
    assert read(xlsx({"S": rows})).text == "S\n\n0"
    assert read(xlsx({"S": rows}, settings='<calcPr fullCalcOnLoad="1"/>')).text == "S\n\n=6*7"


def test_an_empty_text_that_a_formula_yields_is_empty() -> None:
    rows = '<row><c r="A1" t="str"><f>IF(B1,1,"")</f><v></v></c><c r="B1" t="e"><v>#N/A</v></c></row>'
    document = read(xlsx({"S": rows}))
    assert "#N/A" in document.text
    assert document.left_out == ()


def test_phonetic_guides_are_left_out_and_rich_text_is_joined() -> None:
    rich = '<row><c r="A1" t="inlineStr"><is><r><t>two</t></r><r><t> halves</t></r><rPh><t>x</t></rPh></is></c></row>'
    assert read(xlsx({"S": rich})).text == "S\n\ntwo halves"


def test_notes_text_boxes_and_pictures_beside_the_cells_are_read_or_counted() -> None:
    note = '<comment ref="B2"><text><r><t>ask Ida</t></r></text></comment>'
    notes = f"<comments {S}><commentList>{note}</commentList></comments>"
    drawing = (
        f'<x:wsDr xmlns:x="x" xmlns:mc="mc" {A}><mc:AlternateContent><mc:Choice>'
        "<x:sp><x:txBody><a:p><a:r><a:t>Draft only</a:t></a:r></a:p></x:txBody></x:sp></mc:Choice><mc:Fallback>"
        "<x:sp><x:txBody><a:p><a:r><a:t>This shape is not available.</a:t></a:r></a:p></x:txBody></x:sp>"
        "</mc:Fallback></mc:AlternateContent>"
        '<x:pic><x:nvPicPr><x:cNvPr descr=""/></x:nvPicPr></x:pic></x:wsDr>'
    )
    made = xlsx({"S": "<row>" + cell("A1", "1") + "</row>"}, beside={"comments": notes, "drawing": drawing})
    document = read(made)
    assert document.text == "S\n\n1\n\n- B2: ask Ida\n\nDraft only"
    assert document.left_out == ("a picture without a description was not read (sheet S)",)


def test_a_million_styled_empty_cells_take_seconds() -> None:
    row = "<row>" + "".join(f'<c s="{n % 3}"/>' for n in range(100)) + "</row>"
    made = xlsx({"S": row * 10_000 + "<row>" + cell("A1", "9") + "</row>"})
    with cpu_seconds_below(10):
        assert read(made).text == "S\n\n9"


def test_a_binary_workbook_is_refused_with_advice() -> None:
    made = archive({"_rels/.rels": relations(r1="officeDocument:xl/workbook.bin"), "xl/workbook.bin": b"\x83"})
    with pytest.raises(DocumentError, match=r"holds a binary workbook .*; save it as an Excel workbook \(\.xlsx\)"):
        read(made)
