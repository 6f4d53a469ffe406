"""JSON and JSON Lines: records and configurations as names and values."""

import json

import pytest

from ragloop.corpus.parsing import is_document, media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.patterns import Patterns
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below


def read(value: object, name: str = "a.json") -> ParsedDocument:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse(data, media_type(name) or "", name)


def blocks(document: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(one.kind, one.heading, document.text[one.start : one.end]) for one in document.blocks]


def test_each_short_record_is_a_line_of_names_and_values() -> None:
    document = read(
        [
            {"name": "Ann", "address": {"city": "Oslo"}, "tags": ["a", "b"], "gone": None},
            {"name": "Bo", "paid": True},
        ]
    )
    assert document.text == "name: Ann | address.city: Oslo | tags: a, b\nname: Bo | paid: true"


def test_a_record_with_long_text_is_a_section_and_keeps_its_paragraphs() -> None:
    document = read([{"title": "Weir", "body": "It holds water.\n\nIt leaks.", "parts": [{"sku": "A", "n": 2}]}])
    assert blocks(document) == [
        ("table", ("Weir",), "title: Weir\nbody:"),
        ("paragraph", ("Weir",), "It holds water."),
        ("paragraph", ("Weir",), "It leaks."),
        ("table", ("Weir",), "parts.sku: A | parts.n: 2"),
    ]


def test_markup_in_values_is_read_as_a_page() -> None:
    assert "It <b>" not in read({"body": "<p>It <b>holds</b>.</p>\n\n<ul><li>well</li></ul>"}).text


def test_large_values_of_a_configuration_are_sections() -> None:
    steps = {f"step{number}": "compile and link all of it" for number in range(40)}
    document = read({"version": "1.10", "scripts": steps, "ports": [{"port": number} for number in range(400)]})
    assert [(heading, text[:20]) for _, heading, text in blocks(document)] == [
        ((), "version: 1.10"),
        (("scripts",), "step0: compile and l"),
        (("ports",), "port: 0\nport: 1\nport"),
    ]


def test_numbers_stay_as_written_and_doubled_names_keep_both_values() -> None:
    assert (
        read(b'\xef\xbb\xbf{"a": 1.10, "a": NaN, "b": 1e5, "s": "\\ud800x"}').text == "a: 1.10\na: NaN\nb: 1e5\ns: ?x"
    )


def test_a_line_that_is_no_json_is_said_and_passed_over() -> None:
    document = read(b'{"a": 1}\n\nbroken\n{"a": 2} trailing\r\n{"a": 3}\n', "a.jsonl")
    assert document.text == "a: 1\na: 3"
    assert document.left_out == ("2 lines are no JSON and not read: 3, 4",)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize("data", [b'{"a": 1}\n{"a": 2}\n', b'[\n{"a": 1},\n{"a": 2}\n]'])
def test_records_are_read_from_lines_and_arrays_whatever_the_suffix(name: str, data: bytes) -> None:
    assert read(data, name).text == "a: 1\na: 2"


def test_what_stands_before_a_cut_is_read_and_the_cut_said() -> None:
    document = read(b'[{"a": 1},\n{"a": 2},\n{"a": ')
    assert document.text == "a: 1\na: 2"
    assert "what follows line 3 was not read" in document.left_out[0]


def test_encoded_data_and_vectors_are_said() -> None:
    document = read({"photo": "QUJD" * 200, "vector": [0.5] * 384, "kept": "yes"})
    assert "kept: yes" in document.text
    assert document.left_out == (
        "values that are encoded data were not read",
        "lists of more than 64 numbers were not read",
    )


@pytest.mark.parametrize("data", [b"plain words", b"[" * 100_000, b'{"a"'])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_no_json_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(DocumentError, match="is no valid JSON"):
        read(data, name)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_only_the_fields_that_are_named_are_read(name: str) -> None:
    record = {"id": 7, "title": "Tides", "by": {"name": "Ida", "mail": "i@x"}, "notes": [{"text": "High"}, {"id": 1}]}
    data = json.dumps(record).encode()
    limits = ParseLimits(json_fields=("title", "by.name", "notes.text"))
    assert (
        parse(data, media_type(name) or "", name, limits).text
        == parse(
            json.dumps({"title": "Tides", "by": {"name": "Ida"}, "notes": [{"text": "High"}]}).encode(),
            media_type(name) or "",
            name,
        ).text
    )
    assert parse(data, media_type(name) or "", name, ParseLimits(json_fields=("by",))).text.count("i@x") == 1
    assert parse(data, media_type(name) or "", name, ParseLimits(json_fields=("none",))).blocks == ()
    assert parse(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "application/json", "a", limits).blocks == ()


def test_nesting_and_length_are_bounded() -> None:
    assert "more than 64 deep" in read(b'{"a":' * 500 + b"1" + b"}" * 500).left_out[0]
    with pytest.raises(DocumentError, match="more than 1,000 characters"):
        parse(json.dumps([{"a": "b"}] * 1_000).encode(), "application/json", "a.json", ParseLimits(characters=1_000))
    with cpu_seconds_below(10):
        read(b'[{"a":1},' + b"[]," * 100_000 + b"1]")
        read(b'{"a":1}\n' + b"[\n" * 50_000, "a.jsonl")
        read(b'{"k":' * 900 + b"[" + b'{"z":1,"l":[[]]},' * 20_000 + b"1]" + b"}" * 900)


def test_lock_files_are_read_only_where_a_source_asks_for_them() -> None:
    assert is_document("docs/records.json")
    assert media_type("package-lock.json") == "application/json"
    assert not Patterns((), ()).takes("docs/package-lock.json")
    assert Patterns(("*.json",), ()).takes("docs/package-lock.json")


@pytest.mark.parametrize("name", ["README", "docs/LICENSE", "Changelog"])
def test_well_known_names_without_a_suffix_are_text(name: str) -> None:
    assert media_type(name) == "text/plain"
    assert Patterns((), ()).takes(name)
    assert media_type(".readme") is None


def test_a_short_page_in_a_value_is_read_as_a_page() -> None:
    document = read([{"title": "Lock one", "body": "<p>Opens at <b>six</b>.</p><p>Shut on Friday.</p>"}])
    assert "body: Opens at six. Shut on Friday." in document.text
    assert read([{"rule": "a < b", "unit": "<none>"}]).text == "rule: a < b | unit: <none>"
