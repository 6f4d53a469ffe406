"""CSV and XML: every line can be understood by itself."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError


def read(text: str, kind: str = "text/csv", encoding: str = "utf-8", **limits: int) -> ParsedDocument:
    return parse(text.encode(encoding), kind, "a", ParseLimits(**limits))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_name_their_columns_whatever_stands_between_them(delimiter: str) -> None:
    text = "Team,Location,Cups\nBlues,STL,1\nFlyers,,2\n".replace(",", delimiter)
    assert read(text).text == "Team: Blues | Location: STL | Cups: 1\nTeam: Flyers | Cups: 2"


def test_a_title_above_the_columns_is_a_paragraph() -> None:
    document = read("Stanley Cups,,\nTeam,Location,Cups\nBlues,STL,1\n", encoding="utf-16")
    assert [(one.kind, document.text[one.start : one.end]) for one in document.blocks] == [
        ("paragraph", "Stanley Cups"),
        ("table", "Team: Blues | Location: STL | Cups: 1"),
    ]


def test_rows_without_names_stay_as_they_are() -> None:
    assert read("1,2,3\n4,5,6\n").text == "1 | 2 | 3\n4 | 5 | 6"
    assert read("one column\nof words\n").text == "one column\nof words"


def test_a_cell_over_several_lines_is_one_line() -> None:
    assert read('Name,Note\nAnn,"first\nsecond, third"\n').text == "Name: Ann | Note: first second, third"


def test_a_quote_that_never_closes_is_a_character() -> None:
    text = 'a,b\n"' + "x" * 200_000
    assert read(text).text == text.replace(",", " | ")


def test_a_long_table_is_refused() -> None:
    with pytest.raises(DocumentError, match="found more than 100 characters"):
        read("1,2\n" * 100, characters=100)


def test_xml_becomes_lines_that_name_their_elements() -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-16"?><f xmlns="urn:x"><c><name>Canada</name><capital>Ottawa</capital></c>'
        "<c><name>Trinidad &amp; Tobago</name></c><p>Mixed <b>content</b> here</p></f>"
    )
    assert read(text, "application/xml", "utf-16").text == (
        "name: Canada\ncapital: Ottawa\n\nname: Trinidad & Tobago\n\np: Mixed content here"
    )


def test_a_page_inside_xml_is_read_as_a_page() -> None:
    text = "<rss><item><title>News</title><d>&lt;p&gt;Read &lt;b&gt;this&lt;/b&gt;&lt;/p&gt;</d></item></rss>"
    assert read(text, "application/xml").text == "title: News\nd: Read this"


def test_what_is_no_xml_is_plain_text() -> None:
    assert read("<a>text", "application/xml").text == "<a>text"


def test_entities_of_xml_do_not_expand() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<!DOCTYPE d [<!ENTITY l0 "lol">{laughs}]><d>&l9;</d>'
    assert len(read(text, "application/xml").text) <= len(text)
