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


def test_a_quote_that_never_closes_makes_it_plain_text() -> None:
    text = 'a,b\n"' + "x" * 200_000
    assert read(text).text == text


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
    assert read(text, "application/xml").text == "News\n\nd: Read this"


def test_what_is_no_xml_is_plain_text() -> None:
    assert read("<a>text", "application/xml").text == "<a>text"


def test_entities_of_xml_do_not_expand() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<!DOCTYPE d [<!ENTITY l0 "lol">{laughs}]><d>&l9;</d>'
    assert len(read(text, "application/xml").text) <= len(text)


def test_elements_of_xml_that_part_a_sentence_glue_no_words() -> None:
    source = (
        "<manual><section><title>Sluice</title><para>Open <b>both</b> gates<list><entry>north first</entry>"
        "<entry>then <code>S</code>outh</entry></list>and wait.</para></section></manual>"
    )
    document = parse(source.encode(), "application/xml", "a.xml")
    assert document.blocks[0].heading == ("Sluice",)
    assert document.text.split("\n\n")[1].split("\n") == [
        "para: Open both gates",
        "north first",
        "then South",
        "and wait.",
    ]


def test_unknown_elements_in_a_sentence_glue_no_words() -> None:
    source = "<d><t>Filled with<chem>NaCl</chem>and <chem>KCl</chem>, twice.</t></d>"
    assert parse(source.encode(), "application/xml", "a.xml").text == "t: Filled with NaCl and KCl, twice."


def test_attributes_that_hold_the_text_are_read() -> None:
    source = '<opml><body><outline text="Birds"><outline title="Terns" text="Terns"/></outline></body></opml>'
    assert parse(source.encode(), "application/xml", "a.xml").text == "outline: Birds\noutline: Terns"
    assert parse(b'<s><valve id="V3" torque="40 Nm"/></s>', "application/xml", "a.xml").text == (
        "valve: id: V3 | torque: 40 Nm"
    )


def test_entries_of_a_feed_are_sections_and_their_pages_are_read() -> None:
    source = (
        "<rss><channel><title>Harbour</title><item><title>Ice</title><description><![CDATA[<p>The <b>basin</b>"
        "</p><p>is closed.</p>]]></description></item></channel></rss>"
    )
    document = parse(source.encode(), "application/xml", "a.xml")
    assert document.blocks[-1].heading == ("Harbour", "Ice")
    assert document.text.endswith("description: The basin\nis closed.")
