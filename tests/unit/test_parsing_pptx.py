"""PPTX beyond its text: diagrams, charts, merged cells, descriptions, and what is said to be left out."""

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from tests.support.made_documents import A, pptx, shape

DGM = f'xmlns:dgm="dgm" {A}'
C = f'xmlns:c="c" {A}'


def read(data: bytes) -> ParsedDocument:
    return parse(data, media_type("a.pptx") or "", "a.pptx", ParseLimits())


def frame(content: str) -> str:
    return f"<p:graphicFrame><a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>"


def point(identity: str, said: str) -> str:
    lines = f"<a:p><a:r><a:t>{said}</a:t></a:r></a:p>" if said else ""
    return f'<dgm:pt modelId="{identity}"><dgm:t>{lines}</dgm:t></dgm:pt>'


def joined(parent: str, child: str, order: int) -> str:
    return f'<dgm:cxn srcId="{parent}" destId="{child}" srcOrd="{order}"/>'


DIAGRAM = frame('<dgm:relIds xmlns:dgm="dgm" r:dm="d1"/>')


def test_a_diagram_is_read_point_by_point_with_what_hangs_below_each() -> None:
    points = point("0", "") + point("1", "Harvest") + point("2", "Press") + point("3", "by hand")
    data = (
        f"<dgm:dataModel {DGM}>{points}{joined('0', '2', 1)}{joined('0', '1', 0)}{joined('1', '3', 0)}</dgm:dataModel>"
    )
    document = read(pptx(shape("Wine", "title") + DIAGRAM, parts={"d1": ("diagramData:diagrams/data1.xml", data)}))
    assert document.text == "Wine\n\n- Harvest\n  - by hand\n- Press"
    assert document.blocks[0].place == "slide 1"


def test_a_diagram_whose_points_hang_together_in_a_ring_is_read_once() -> None:
    points = point("1", "spring") + point("2", "autumn")
    data = f"<dgm:dataModel {DGM}>{points}{joined('1', '2', 0)}{joined('2', '1', 0)}</dgm:dataModel>"
    document = read(pptx(DIAGRAM, parts={"d1": ("diagramData:diagrams/data1.xml", data)}))
    assert document.text.split("\n")[2:] == ["- spring", "  - autumn"]


def test_a_diagram_and_objects_that_are_not_read_are_said_once_for_all_slides() -> None:
    slide = DIAGRAM + frame('<p:oleObj progId="Excel"/>')
    assert read(pptx(slide, slide)).left_out == (
        "2 diagrams were not read (slide 1, slide 2)",
        "2 embedded objects were not read (slide 1, slide 2)",
    )


def series(name: str, *values: str) -> str:
    cached = "".join(f'<c:pt idx="{n}"><c:v>{one}</c:v></c:pt>' for n, one in enumerate(values))
    years = "".join(f'<c:pt idx="{n}"><c:v>{one}</c:v></c:pt>' for n, one in enumerate(("2021", "2022")))
    return (
        f"<c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>{name}</c:v></c:pt></c:strCache></c:strRef></c:tx>"
        f"<c:cat><c:strCache>{years}</c:strCache></c:cat><c:val><c:numCache>{cached}</c:numCache></c:val></c:ser>"
    )


def test_a_chart_is_a_table_of_the_values_that_it_last_showed() -> None:
    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Catch</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    plotted = series("Cod", "12", "9.300000000000001") + series("Herring", "40", "44")
    part = f"<c:chartSpace {C}><c:chart>{title}<c:plotArea>{plotted}</c:plotArea></c:chart></c:chartSpace>"
    slide = frame('<c:chart xmlns:c="c" r:id="c1"/>')
    document = read(pptx(slide, parts={"c1": ("chart:charts/chart1.xml", part)}))
    assert document.text.startswith("Slide 1\n\nCatch\n\n")
    assert "2021 | Cod: 12 | Herring: 40\n2022 | Cod: 9.3 | Herring: 44" in document.text


def test_merged_cells_stand_in_each_row_and_column_that_they_span() -> None:
    def cell(said: str, merged: str = "") -> str:
        return f"<a:tc {merged}><a:txBody><a:p><a:r><a:t>{said}</a:t></a:r></a:p></a:txBody></a:tc>"

    rows = (
        f"<a:tr>{cell('Deck')}{cell('Cabin')}{cell('Beds')}</a:tr>"
        "<a:tr>" + cell("A", 'rowSpan="2"') + cell("1") + cell("2") + "</a:tr>"
        "<a:tr>" + cell("", 'vMerge="1"') + cell("closed", 'gridSpan="2"') + cell("", 'hMerge="1"') + "</a:tr>"
    )
    table = frame(f'<a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl>')
    assert read(pptx(table)).text.split("\n")[-2:] == [
        "Deck: A | Cabin: 1 | Beds: 2",
        "Deck: A | Cabin: closed | Beds: closed",
    ]


def picture(said: str, more: str = "") -> str:
    named = f'<p:cNvPr id="1" name="Picture 1" descr="{said}"/>'
    return f"<p:pic><p:nvPicPr>{named}<p:nvPr>{more}</p:nvPr></p:nvPicPr></p:pic>"


def test_pictures_in_groups_say_what_they_show_or_are_counted_with_their_slides() -> None:
    group = f"<p:grpSp>{picture('The crew in 1931')}{picture('')}</p:grpSp>"
    document = read(pptx(group, picture("logo.png"), picture("", "<a:videoFile/>")))
    assert "Picture: The crew in 1931" in document.text
    assert document.left_out == (
        "2 pictures without a description were not read (slide 1, slide 2)",
        "a video or sound was not read (slide 3)",
    )


def test_powers_and_symbols_on_a_slide_read_as_they_are_seen() -> None:
    line = (
        '<a:p><a:r><a:rPr><a:sym typeface="Wingdings"/></a:rPr><a:t>\uf0fc</a:t></a:r><a:r><a:t> 10</a:t></a:r>'
        '<a:r><a:rPr baseline="30000"/><a:t>9</a:t></a:r><a:r><a:t> kg</a:t></a:r></a:p>'
    )
    assert "✓ 10^9 kg" in read(pptx(f"<p:sp><p:txBody>{line}</p:txBody></p:sp>")).text
