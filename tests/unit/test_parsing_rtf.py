"""RTF: text in its codepages, structure, and what is left out."""

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below

FONTS = rb"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 Mincho;}}"
STYLES = rb"{\stylesheet{\s0 Normal;}{\s1\ql\f1 heading 1;}{\s2 heading 2;}}"


def read(body: bytes, **limits: int) -> ParsedDocument:
    data = rb"{\rtf1\ansi\ansicpg1252\deff0" + FONTS + STYLES + body + b"}"
    return parse(data, media_type("a.rtf") or "", "a.rtf", ParseLimits(**limits))


def blocks(document: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(one.kind, one.heading, document.text[one.start : one.end]) for one in document.blocks]


def test_headings_by_style_and_outline_level() -> None:
    body = (
        rb"{\info{\title Canal guide}{\author Ann}}\pard\s1 Locks\par\pard Fill {\b it}.\par"
        rb"\pard\outlinelevel1 Gates\par\pard Shut.\par"
    )
    document = read(body)
    assert document.title == "Canal guide"
    assert blocks(document) == [
        ("paragraph", ("Locks",), "Fill it."),
        ("paragraph", ("Locks", "Gates"), "Shut."),
    ]


def test_characters_are_read_in_the_codepage_of_their_font() -> None:
    body = rb"Caf\'e9 \f1 \'cc\'ee\'f1\'f2 {\f2 \'8b\'b4}\f0  \u8364? \uc0\u-10179\u-8704  \uc1\u26449 ?\emdash x\~y"
    assert read(body).text == "Café Мост 橋 € 😀 村—x\xa0y"


def test_tables_and_lists_and_notes() -> None:
    body = (
        rb"\trowd\intbl port\cell depth\cell\row\intbl Hull\cell 9\cell\row\pard After.{\footnote See the log.} On.\par"
        rb"\pard\ls1 {\listtext 1.\tab}fill\par{\listtext 2.\tab}drain\par\pard End."
    )
    found = blocks(read(body))
    assert [kind for kind, _, _ in found] == ["table", "paragraph", "list", "paragraph", "paragraph"]
    assert "Hull" in found[0][2]
    assert [text for _, _, text in found[1:]] == ["After. On.", "- fill\n- drain", "End.", "See the log."]


def test_what_is_no_text_is_left_out_and_images_are_said() -> None:
    body = (
        rb"{\header Page}{\*\unknown secret}{\v hidden}{\deleted gone}{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}"
        rb" {\pict\pngblip 89504e47}{\*\shppict{\pict\bin6 {}}}{}}{\object{\*\objdata 01}{\result kept}} end"
    )
    document = read(body)
    assert document.text.split()[0] == "link"
    assert document.text.endswith("end")
    assert document.left_out == ("2 images were not read", "1 embedded object was not read")
    for word in ("Page", "secret", "hidden", "gone", "HYPERLINK", "8950", "01"):
        assert word not in document.text


@pytest.mark.parametrize("data", [b"plain", b"PK\x03\x04", b"{\\html}"])
def test_what_is_no_rtf_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="expected an RTF document"):
        parse(data, "application/rtf", "a.rtf")


@pytest.mark.parametrize("end", [b"", b"\\", b"\\'", b"\\u", b"}}}}", b"{{{{", b"\\bin999999999 x", b"\\u-999999999 "])
def test_a_cut_document_is_read_as_far_as_it_goes(end: bytes) -> None:
    assert read(b"Before." + end).text.startswith("Before.")


def test_rtf_is_bounded() -> None:
    with pytest.raises(DocumentError, match="more than 1,000 characters"):
        read(b"word\\par " * 1_000, characters=1_000)
    with cpu_seconds_below(10):
        read(b"{" * 200_000)
        read(b"\\'41" * 200_000)
        read(b"\\cell" * 200_000)
        read(b"{\\f1 x}" * 50_000)
