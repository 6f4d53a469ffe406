"""OpenDocument: text, sheets and slides."""

import io
import zipfile

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below

NAMESPACES = " ".join(
    f'xmlns:{name}="urn:{name}"' for name in "office text table draw presentation dc xlink svg style".split()
)


def packed(**members: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return held.getvalue()


def made(kind: str, body: str, **members: str) -> bytes:
    content = f"<office:d {NAMESPACES}><office:body><office:{kind}>{body}</office:{kind}></office:body></office:d>"
    return packed(content_xml=content, **members)


def read(data: bytes, suffix: str = "odt", **limits: int) -> ParsedDocument:
    return parse(data, media_type(f"a.{suffix}") or "", f"a.{suffix}", ParseLimits(**limits))


def blocks(document: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(one.kind, one.heading, document.text[one.start : one.end]) for one in document.blocks]


def test_headings_lists_and_notes_are_read_and_deletions_are_not() -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
    note += "<text:p>See the log.</text:p></text:note-body></text:note>"
    body = (
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">Locks</text:h>'
        f'<text:p>A<text:s text:c="2"/>gate{note}<text:line-break/>shut.</text:p>'
        "<text:list><text:list-item><text:p>fill</text:p><text:list><text:list-item><text:p>slowly</text:p>"
        "</text:list-item></text:list></text:list-item></text:list>"
        "<text:section><text:p>Last<office:annotation><text:p>remark</text:p></office:annotation></text:p></text:section>"
        "<text:p><draw:frame><draw:image/></draw:frame></text:p>"
    )
    document = read(made("text", body, meta_xml=f"<o {NAMESPACES}><dc:title>Canal</dc:title></o>"))
    assert document.title == "Canal"
    assert blocks(document) == [
        ("paragraph", ("Locks",), "A  gate\nshut."),
        ("list", ("Locks",), "- fill\n  - slowly"),
        ("paragraph", ("Locks",), "Last"),
        ("paragraph", ("Locks",), "See the log."),
    ]
    assert document.left_out == ("1 image was not read",)


def cell(text: str, **attributes: int) -> str:
    given = "".join(f' table:{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<table:table-cell{given}>{f'<text:p>{text}</text:p>' if text else ''}</table:table-cell>"


def row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def test_each_sheet_is_a_section_and_merged_cells_are_spread() -> None:
    covered = "<table:covered-table-cell/>"
    rows = (
        row(cell("port"), cell("depth"))
        + row(cell("Hull", number_rows_spanned=2), cell("9"))
        + row(covered, cell("7"), cell("", number_columns_repeated=16_000))
        + row(cell("", number_columns_repeated=16_384), repeated=1_000_000)
    )
    document = read(made("spreadsheet", f'<table:table table:name="Ports">{rows}</table:table>'), "ods")
    assert {heading for _, heading, _ in blocks(document)} == {("Ports",)}
    assert document.text.count("Hull") == 2
    assert "7" in document.text


def test_each_slide_is_a_section_with_its_place() -> None:
    def frame(kind: str, text: str) -> str:
        box = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    notes = f"<presentation:notes>{frame('notes', 'Speak up.')}</presentation:notes>"
    page = f"<draw:page draw:name='p'>{frame('title', 'Tides')}{frame('outline', 'They turn.')}{notes}</draw:page>"
    document = read(made("presentation", page * 2), "odp")
    assert [one.place for one in document.blocks] == ["slide 1", "slide 1", "slide 2", "slide 2"]
    assert blocks(document)[0] == ("paragraph", ("Tides",), "They turn.")
    assert "Speak up." in document.text
    with pytest.raises(DocumentError, match="more than 1 slides"):
        read(made("presentation", page * 2), "odp", pages=1)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", packed(mimetype="x"), packed(content_xml="<a"), packed(content_xml="<a>" * 5_000)]
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read(data)


def test_an_encrypted_document_is_refused_as_such() -> None:
    data = packed(**{"META-INF__manifest_xml": "<m><encryption-data/></m>", "content_xml": "\x01"})
    with pytest.raises(DocumentError, match="is encrypted"):
        read(data)


def test_repeated_cells_and_rows_are_bounded() -> None:
    wide = row(cell("x", number_columns_repeated=999_999_999), repeated=999_999_999)
    data = made("spreadsheet", f"<table:table>{wide}</table:table>")
    with cpu_seconds_below(10), pytest.raises(DocumentError, match="more than 1,000,000 characters"):
        read(data, "ods", characters=1_000_000)


def test_two_tables_of_a_sheet_have_the_names_of_their_own_columns() -> None:
    def rows(*lines: tuple[str, ...]) -> str:
        cells = (
            "".join(f"<table:table-cell><text:p>{one}</text:p></table:table-cell>" for one in line) for line in lines
        )
        return "".join(f"<table:table-row>{line}</table:table-row>" for line in cells)

    empty = '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
    fees, guests = (
        rows(("Kind", "Fee"), ("Loft", "4")),
        rows(("Guest", "Room", "Nights"), ("Ola", "Loft", "3"), ("Per", "Shed", "2")),
    )
    sheet = f'<table:table table:name="Fees">{fees}{empty}{guests}</table:table>'
    texts = [text for _, _, text in blocks(read(made("spreadsheet", sheet), "ods"))]
    assert texts == ["Kind: Loft | Fee: 4", "Guest: Ola | Room: Loft | Nights: 3\nGuest: Per | Room: Shed | Nights: 2"]
