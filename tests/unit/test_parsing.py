"""What every format has in common: media types, encodings, empty and hostile input."""

from contextlib import suppress

import pytest

from ragloop.corpus.parsing import media_type, parse, taken_as
from ragloop.corpus.parsing.document import Block, ParsedDocument
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below

TYPES = ("text/markdown", "text/x-rst", "text/plain", "text/html")
MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/README.MD", "text/markdown"),
        ("index.rst", "text/x-rst"),
        ("notes.txt", "text/plain"),
        ("page.htm", "text/html"),
        ("scan.pdf", "application/pdf"),
        ("Sheet.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("letter.doc", "application/msword"),
        ("Makefile", None),
    ],
)
def test_the_suffix_gives_the_media_type(name: str, expected: str | None) -> None:
    assert media_type(name) == expected


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("data", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_document_has_no_blocks(kind: str, data: bytes) -> None:
    assert parse(data, kind, "empty").blocks == ()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_unicode_is_decoded_with_and_without_a_mark(encoding: str) -> None:
    text = "Größe: 5 µm, 中文 and Ελλάδα.\n" * 3
    assert parse(text.encode(encoding), "text/plain", "a.txt").text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln", "cp1252"),
        ("un café naïf, déjà vu", "latin-1"),
        ("L’été à la plage, ça va “bien”", "cp1252"),
        ("Привет, как дела сегодня? Хорошо, спасибо.", "cp1251"),
        ("これは日本語のテキストです。読めますか。", "shift_jis"),
    ],
)
def test_a_legacy_encoding_is_recognised(text: str, encoding: str) -> None:
    assert parse(text.encode(encoding), "text/plain", "a.txt").text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Référence;Libellé;Prix\nA7;Écrou moleté 4 mm à épaulement;2,10\nA9;Clé coudée, tête nº 3;7,00\n", "cp1252"),
        ("Zamówienie należy złożyć pięć dni przed wyjazdem. Opłata wynosi sześć złotych.", "cp1250"),
        ("Objednávku je třeba podat pět dní předem, jinak propadá.", "iso8859-2"),
        ("Çalışma saatleri öğleden sonra değişiyor; şube kapalıdır.", "cp1254"),
        ("Το γραφείο είναι κλειστό την Κυριακή και τη Δευτέρα.", "cp1253"),
        ("המשרד סגור ביום שבת ופתוח בכל שאר הימים.", "cp1255"),
        ("المكتب مغلق يوم الجمعة ومفتوح بقية الأيام.", "cp1256"),
        ("สำนักงานปิดวันอาทิตย์และเปิดทุกวันอื่น", "cp874"),
        ("办公室星期日休息，其余时间照常开放。请提前预约。", "gb18030"),
        ("辦公室星期日休息，其餘時間照常開放。請提前預約。", "big5"),
        ("사무실은 일요일에 쉬고 나머지 날에는 문을 엽니다.", "cp949"),
        ("事務所は日曜日が休みで、ほかの日は開いています。", "euc_jp"),
        ("事務所は日曜日が休みです。", "iso2022_jp"),
        ("Офис закрыт в воскресенье и открыт в остальные дни.", "koi8-r"),
        ("Офис закрыт в воскресенье и открыт в остальные дни.", "cp866"),
        ("Офис закрыт в воскресенье.", "utf-16-le"),
        ("المكتب مغلق يوم الجمعة.", "utf-16-be"),
    ],
)
def test_an_encoding_that_no_byte_names_is_told_by_its_language(text: str, encoding: str) -> None:
    found = parse(text.encode(encoding), "text/plain", "a.txt")
    assert (found.text, found.left_out) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "The keeper’s lamp isn’t lit – ask Bo.\n",
        "Rules: “no fires” — no dogs… © 2026",
        "l’eau d’ici",
        "Fee: €5 • nine nights",
    ],
)
def test_a_text_of_ascii_with_quotation_marks_of_windows_is_read_as_typed(text: str) -> None:
    assert parse(text.encode("cp1252"), "text/plain", "a.txt").text == text


@pytest.mark.parametrize("text", ["Schön hören wir die Flöte.", "Das Öl ist gelb: öffne es, höre zu."])
def test_letters_of_another_encoding_are_not_taken_for_quotation_marks(text: str) -> None:
    found = parse(text.encode("cp437"), "text/plain", "a.txt").text
    assert not {"”", "“", "™"} & set(found)


LINES = {
    "shift_jis": "倉庫の鍵は受付にあります。",
    "gb18030": "仓库的钥匙在前台。",
    "euc_kr": "창고 열쇠는 접수처에 있습니다.",
}


@pytest.mark.parametrize("shift", range(2))
@pytest.mark.parametrize("encoding", LINES)
def test_the_length_of_a_text_changes_nothing(encoding: str, shift: int) -> None:
    text = "x" * shift + f"{LINES[encoding]}\n" * 8_000
    assert parse(text.encode(encoding), "text/plain", "a.txt").text == text


@pytest.mark.parametrize(
    ("data", "text", "sequences"),
    [
        ("Grüße aus Köln, schöne Tage. ".encode() * 3 + b"\xff!", "Grüße aus Köln, schöne Tage. " * 3 + "\ufffd!", 1),
        ("Вода холодная".encode()[:-1], "Вода холодна\ufffd", 1),
        ("déjà vu\n".encode() * 9 + b"\xe9t\xe9\n", "déjà vu\n" * 9 + "\ufffdt\ufffd\n", 2),
        ("Note the café: naïve.\n".encode() + b"A \xff here.\n", "Note the café: naïve.\nA \ufffd here.\n", 1),
        ("it holds \ufffd itself, and déjà vu ".encode() * 9, "it holds \ufffd itself, and déjà vu " * 9, 0),
    ],
)
def test_utf_8_with_a_few_other_bytes_is_utf_8_and_that_is_said(data: bytes, text: str, sequences: int) -> None:
    found = parse(data, "text/plain", "a.txt")
    assert (found.text, found.encoding) == (text, "utf-8")
    said = {0: [], 1: ["1 byte sequence was"], 2: ["2 byte sequences were"]}[sequences]
    assert [one.split(" not ")[0] for one in found.left_out] == said


@pytest.mark.parametrize(
    ("data", "media_type", "text"),
    [
        ('<meta charset="koi8-r"><p>Größe 7, Höhe 9, Übung'.encode(), "text/html", "Größe 7, Höhe 9, Übung"),
        ('<meta charset="gb2312"><p>镕'.encode("gb18030"), "text/html", "镕"),
        ('<meta charset="shift_jis"><p>①'.encode("cp932"), "text/html", "①"),
        (
            '<?xml version="1.0" encoding="iso-8859-2"?><a><b>Łosoś</b></a>'.encode("iso8859-2"),
            "application/xml",
            "b: Łosoś",
        ),
        ('<?xml version="1.0" encoding="windows-1251"?><p>Лес</p>'.encode("cp1251"), "text/html", "Лес"),
    ],
)
def test_what_a_file_declares_is_heard_unless_the_bytes_are_utf_8(data: bytes, media_type: str, text: str) -> None:
    assert parse(data, media_type, "a").text == text


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n%\xe2\xe3",
        b"PK\x03\x04zip",
        bytes(range(256)) * 8,
        b"\x00" * 100,
        b"\x01\x02\x03\x04" * 50,
        b"\x00\x01\xff" * 100,
    ],
)
def test_binary_content_is_an_error_that_says_what_to_do(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"^report\.txt holds .*; expected text .*: convert .*"):
        parse(data, "text/plain", "report.txt")


def test_an_unknown_media_type_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"a\.vsd is of type application/vnd\.visio; expected one of .*text/html"):
        parse(b"x", "application/vnd.visio", "a.vsd")


def test_a_stray_nul_does_not_turn_text_into_utf_16() -> None:
    text = "plain text " * 20 + "\0" + " more"
    assert parse(text.encode(), "text/plain", "a.txt").text == text


def test_utf_16_with_few_ascii_characters_is_recognised() -> None:
    text = "统一码文本没有标记，只有换行\n" * 5
    assert parse(text.encode("utf-16-le"), "text/plain", "a.txt").text == text


def test_windows_line_ends_stay_in_the_text_and_offsets_hold() -> None:
    source = "# One\r\n\r\nfirst\r\nline\r\n\r\nsecond\r\n"
    document = parse(source.encode(), "text/markdown", "a.md")
    assert document.text == source
    assert [source[block.start : block.end] for block in document.blocks] == ["first\r\nline", "second"]


def test_a_line_separator_inside_a_line_moves_no_offset() -> None:
    source = "a\u2028b\x0bc\x0cd\x85e\n\n# Title\n\nbody\n"
    document = parse(source.encode(), "text/markdown", "a.md")
    assert document.blocks[-1] == Block(source.index("body"), source.index("body") + 4, "paragraph", ("Title",))


def test_a_record_with_overlapping_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        ParsedDocument("abcdef", "t", (Block(0, 4, "paragraph"), Block(3, 6, "paragraph")))
    with pytest.raises(ValueError, match="start < end"):
        Block(3, 3, "paragraph")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 5 * MEGABYTE,
        ">" * 100_000 + " x",
        "- " * 50_000 + "x",
        "\n".join("  " * depth + "- x" for depth in range(1_000)),
        "# " + "[" * 100_000,
        "<div>" * 50_000 + "x",
        "<table><tr><td>" * 3_000 + "x",
        "<!--" * 50_000,
        "=\n" * 20_000,
        "::\n\n  x\n\n" * 5_000,
        " " * MEGABYTE + "x",
        "".join(map(chr, range(1, 32))) + "x" * 3_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_input_takes_seconds_at_most(kind: str, text: str) -> None:
    with cpu_seconds_below(10), suppress(DocumentError):
        parse(text.encode(), kind, "hostile")


def test_windows_line_ends_part_no_paragraph() -> None:
    text = "one\r\ntwo\r\n\r\nthree\r\n"
    document = parse(text.encode(), "text/plain", "a.txt")
    assert [document.text[one.start : one.end] for one in document.blocks] == ["one\r\ntwo", "three"]


def test_a_format_that_its_own_program_can_save_as_another_is_refused_with_that_advice() -> None:
    with pytest.raises(
        DocumentError, match=r"found \.xlsb, expected a supported format; save it as \.xlsx, or leave it"
    ):
        taken_as("budget.XLSB")
    with pytest.raises(DocumentError, match=r"found \.vcf, expected a supported format; leave it out"):
        taken_as("visit.vcf")


def test_xml_that_is_not_well_formed_is_read_as_text_and_that_is_said() -> None:
    document = parse(b"<list><item>Moor at the buoy</list>", "application/xml", "list.xml")
    assert "Moor at the buoy" in document.text
    assert document.left_out == ("its XML is not well-formed: it was read as plain text",)
