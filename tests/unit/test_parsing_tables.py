"""CSV and XML: every line can be understood by itself."""

import time

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
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


def test_a_form_below_its_title_is_read_as_names_and_values() -> None:
    document = read("Berth application,\nName:,Ida Berg\nBoat:,Tern\nRemarks:,None so far\n")
    assert [document.text[one.start : one.end] for one in document.blocks] == [
        "Berth application",
        "Name: Ida Berg\nBoat: Tern\nRemarks: None so far",
    ]


@pytest.mark.parametrize("names", ["berth,crane,2026-01-01,2026-02-01", "Q1,Q2,Q3,Q4"])
def test_days_and_quarters_name_the_columns_of_their_figures(names: str) -> None:
    first, second = ("a,b", "c,d") if names.startswith("berth") else ("5,6", "9,1")
    text = read(f"{names}\n{first},7,8\n{second},2,3\n").text
    assert text.endswith(f"{names.split(',')[2]}: 2 | {names.split(',')[3]}: 3")


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (",boat,crew\nMira,long,4\nNora,short,6\n", "Mira | boat: long | crew: 4\nNora | boat: short | crew: 6"),
        (
            "Item,Size,Size\nBolt,M4,M5\nNut,M6,M8\n",
            "Item: Bolt | Size: M4 | Size: M5\nItem: Nut | Size: M6 | Size: M8",
        ),
        (
            "Berths,1998,1999\nLong,12,15\nShort,7,9\n",
            "Berths: Long | 1998: 12 | 1999: 15\nBerths: Short | 1998: 7 | 1999: 9",
        ),
        (
            "Guest,In your own words: which part of the house did you like least?\nEve,The attic\n",
            "Guest: Eve | In your own words: which part of the house did you like least?: The attic",
        ),
        (
            "Item,Price,\n,net,gross\nSaw,3,4\nAxe,5,6\n",
            "Item: Saw | Price net: 3 | Price gross: 4\nItem: Axe | Price net: 5 | Price gross: 6",
        ),
        ("Owner,Ole,since May\nDeputy,Per,since June\n", "Owner | Ole | since May\nDeputy | Per | since June"),
        (",Name\nx,y\n", "| Name\nx | y"),
        ("closed,on Monday\nopen,else\n", "closed | on Monday\nopen | else"),
        ("Ole,Vik\nPer,Moss\nKai,Voss\n", "Ole | Vik\nPer | Moss\nKai | Voss"),
        ("Ole,Vik,1998\nPer,Moss,2001\n", "Ole | Vik | 1998\nPer | Moss | 2001"),
        ("Captain:,Ole\nPort:,Vik\nLength:,12 m\n", "Captain: Ole\nPort: Vik\nLength: 12 m"),
        ("Name,Ole\nPort,Vik\nAddress,Quay 3\n", "Name: Ole\nPort: Vik\nAddress: Quay 3"),
        ("remark\nToo cold, sadly\nNice, but far\nNo, thanks\n", "remark\nToo cold, sadly\nNice, but far\nNo, thanks"),
    ],
)
def test_a_row_is_made_into_names_only_where_it_is_one(text: str, expected: str) -> None:
    assert read(text).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Key;Text\n1;"one, two\nthree, four"\n2;"five; six"\n',
            "Key: 1 | Text: one, two three, four\nKey: 2 | Text: five; six",
        ),
        ("Preis;Menge\n1,5;2,25\n4,5;6,75\n", "Preis: 1,5 | Menge: 2,25\nPreis: 4,5 | Menge: 6,75"),
        ('Key\tText\n1\t"open\n2\tend\n3\t"both"\n', 'Key: 1 | Text: "open\nKey: 2 | Text: end\nKey: 3 | Text: both'),
        ('Key,Text\n1,"say ""hi"", so"\n', 'Key: 1 | Text: say "hi", so'),
        ('Key,Text\n1,"say \\"hi\\", so"\n', 'Key: 1 | Text: say "hi", so'),
        ("sep=|\r\nName|Age\r\nOle|5, about\r\n", "Name: Ole | Age: 5, about"),
        ("Name,A\0ge\n" + "Ole,5\n" * 9, "\n".join(["Name: Ole | Age: 5"] * 9)),
        ('sep="\nName,Age\nOle,5\nPer,6\n', 'sep="\n\nName: Ole | Age: 5\nName: Per | Age: 6'),
        ("Name,Age\nOle\nPer,6,tall\n", "Name: Ole\nName: Per | Age: 6 | tall"),
        ("Name,Age\n\nOle,5\n\nPer,6\n", "Name: Ole | Age: 5\nName: Per | Age: 6"),
        (
            "# made on Monday, by hand\n# draft\nName,Age\nOle,5\n",
            "# made on Monday, by hand\n# draft\n\nName: Ole | Age: 5",
        ),
        (
            "Crew list\nship;Mira\nName;Age;Port\nOle;5;Vik\n",
            "Crew list\nship | Mira\n\nName: Ole | Age: 5 | Port: Vik",
        ),
        ("Tool,Place\nSaw,left\n\nName,City\nEve,Rome\n", "Tool: Saw | Place: left\n\nName: Eve | City: Rome"),
    ],
)
def test_separators_quotes_and_lines_around_the_table_are_understood(text: str, expected: str) -> None:
    assert read(text).text == expected


def test_a_file_of_stray_quotes_takes_time_in_proportion_to_its_length() -> None:
    times = []
    for count in (5_000, 20_000):
        text = "Key\tText\n" + "".join(f'{n}\t"open {n}\n' for n in range(count))
        started = time.process_time()
        assert read(text).text.count("\n") == count - 1
        times.append(time.process_time() - started)
    assert times[1] < 12 * times[0]


def test_a_short_table_is_its_rows_and_a_long_one_names_its_columns_in_each() -> None:
    rows = [["Tool", "Shelf"], *([f"saw {n}", str(n)] for n in range(20))]
    short, long = Extraction(10_000), Extraction(10_000)
    short.table(rows[:4])
    long.table(rows)
    document = short.document("a")
    assert document.text == "Tool | Shelf\nsaw 0 | 0\nsaw 1 | 1\nsaw 2 | 2"
    assert document.blocks[0].header == (0, len("Tool | Shelf"))
    assert long.document("a").text.split("\n")[-1] == "Tool: saw 19 | Shelf: 19"
    assert long.document("a").blocks[0].header is None


def test_names_over_several_rows_are_joined_and_a_title_above_them_is_none() -> None:
    made = Extraction(10_000)
    rows = [["Fares"] * 3, ["Zone", "Single", "Single"], ["Zone", "child", "adult"], ["North", "3", "5"]]
    made.table(rows, header=3, named=True)
    assert made.document("a").text == "Fares\n\nZone: North | Single child: 3 | Single adult: 5"


def test_a_cell_over_all_columns_is_written_once() -> None:
    made = Extraction(10_000)
    made.table([["Zone", "Fare", "Pier"], ["Summer time table"] * 3, ["North", "3", "A"]], header=1, named=True)
    assert made.document("a").text == "Summer time table\nZone: North | Fare: 3 | Pier: A"


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
    birds = '<outline text="Birds" _note="Seen in May"><outline title="Terns" text="Terns"/></outline>'
    source = f"<opml><body>{birds}</body></opml>"
    assert parse(source.encode(), "application/xml", "a.xml").text == "outline: Birds | Seen in May\noutline: Terns"
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
