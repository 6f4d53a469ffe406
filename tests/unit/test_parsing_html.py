"""HTML: the text a reader sees."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below


def read(source: str) -> ParsedDocument:
    return parse(source.encode(), "text/html", "page.html")


def pieces(source: str) -> list[tuple[str, tuple[str, ...], str]]:
    document = read(source)
    return [(block.kind, block.heading, document.text[block.start : block.end]) for block in document.blocks]


def test_paragraphs_stand_under_their_headings() -> None:
    source = "<title>Site</title><p>Lead</p><h1>One</h1><p>a <b>b</b>\n c</p><h2>Two</h2><div>d<p>e</div>"
    assert read(source).title == "Site"
    assert pieces(source) == [
        ("paragraph", ("Site",), "Lead"),
        ("paragraph", ("One",), "a b c"),
        ("paragraph", ("One", "Two"), "d"),
        ("paragraph", ("One", "Two"), "e"),
    ]


def test_blocks_are_joined_by_blank_lines() -> None:
    assert read("<h1>T</h1><p>a</p><p>b</p>").text == "T\n\na\n\nb"


def test_what_a_reader_does_not_see_is_dropped() -> None:
    source = (
        "<script>s</script><style>t</style><nav>n</nav><template>u</template><!-- c --><p hidden>h</p>"
        "<p style='display: none'>i</p><form><input value=x><button>k</button></form><svg><text>v</text></svg>"
        "<p>seen</p>"
    )
    assert [text for _, _, text in pieces(source)] == ["seen"]


def test_text_after_a_dropped_element_stays() -> None:
    assert [text for _, _, text in pieces("<p>a<script>x</script>b<!-- c -->d<br>e</p>")] == ["abd\ne"]


def test_lists_and_preformatted_text_are_readable() -> None:
    source = "<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul><pre>x\n  y\n\n z</pre>"
    assert pieces(source) == [
        ("list", (), "- a\n  - b\n- c"),
        ("code", (), "x\n  y\n\n z"),
    ]


def test_a_table_that_arranges_the_page_is_no_table() -> None:
    source = "<table><tr><td><h1>A</h1><p>text</p></td></tr></table>"
    assert pieces(source) == [("paragraph", ("A",), "text")]


def test_the_declared_charset_is_used() -> None:
    data = '<meta charset="windows-1251"><p>Привет</p>'.encode("cp1251")
    assert parse(data, "text/html", "a.html").text == "Привет"


def test_a_wrong_declaration_does_not_spoil_utf_16() -> None:
    assert parse("<meta charset=utf-8><p>Grüße</p>".encode("utf-16"), "text/html", "a.html").text == "Grüße"


def test_an_xml_declaration_and_control_characters_do_no_harm() -> None:
    source = "<?xml version='1.0' encoding='ascii'?><html><body><p>a\x00b</p>" + "<p>x</p>" * 40
    assert read(source).text.startswith("a b")


def test_a_page_without_text_has_no_blocks() -> None:
    assert read("<html><head><title>T</title></head><body><script>x</script></body></html>").blocks == ()


@pytest.mark.parametrize("label", ["undefined", "punycode", "utf-7", "idna", "unicode_escape", "rot13", "none-such"])
def test_a_charset_that_no_browser_knows_is_ignored(label: str) -> None:
    body = "".join(f"é{n} +AGE- \\x41 " for n in range(20_000))
    with cpu_seconds_below(5):
        assert read(f'<meta charset="{label}"><p>{body}</p>').text == body.strip()


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("x-sjis", "cp932", "こんにちは"),
        ("GBK", "gbk", "你好世界"),
        ("latin1", "cp1252", "“naïve”"),
        ("koi8-r", "koi8-r", "Привет"),
    ],
)
def test_the_charsets_of_browsers_are_taken(label: str, codec: str, text: str) -> None:
    assert parse(f"<meta charset={label}><p>{text}</p>".encode(codec), "text/html", "a.html").text == text


def test_a_page_nested_too_deep_is_refused_and_not_cut_off() -> None:
    assert read("<div>" * 1_900 + "inner" + "</div>" * 1_900 + "<p>after").text == "inner\n\nafter"
    with pytest.raises(DocumentError, match=r"page\.html .*depth.* nested at most 2,048 deep"):
        read("<p>before</p>" + "<div>" * 4_000 + "inner" + "</div>" * 4_000 + "<p>after")


@pytest.mark.timeout(60)
def test_a_charset_cannot_make_decoding_slow() -> None:
    body = "ab" * 100_000
    with cpu_seconds_below(5):
        assert read(f"<meta charset=punycode><p>x-{body}</p>").text == f"x-{body}"
