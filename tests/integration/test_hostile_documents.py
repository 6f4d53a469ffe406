"""What is parsed and cut in a sync's own process ends soon, whatever it is made of; what does not is left out alone."""

import time
from collections.abc import Sequence
from functools import cache

import pytest

from ragloop.corpus.isolation.process import SHORT_MARKDOWN_BYTES, SHORT_TEXT_BYTES, DocumentParser
from ragloop.corpus.parsing import media_type
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below
from tests.support.hostile_documents import texts
from tests.support.indexed_folder import IndexedFolder, document

ALLOWED_S = 15.0
"""CPU seconds of one document on a machine under load. The worst take 2 to 5; what takes the square of its length a
hundred."""
WORST = {
    "a.md": (
        "a quotation goes on",
        "titles of images",
        "titles of brackets",
        "a wide table of empty rows",
        "a table of wide and long",
        "references, then uses",
        "items growing",
    ),
    "a.mdx": ("titles of images", "titles of ticks", "{}, one after the other"),
    "a.rst": ("a title of rst literals", "a title of rst stars", "titles of rst", "':a' repeated"),
    "a.txt": ("'`' repeated", "'\u4e00' repeated"),
}
SHORT = {
    "a.md": SHORT_MARKDOWN_BYTES,
    "a.mdx": SHORT_MARKDOWN_BYTES,
    "a.rst": SHORT_TEXT_BYTES,
    "a.txt": SHORT_TEXT_BYTES,
}


made = cache(texts)


def count_words(given: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in given]


def chunks(parser: DocumentParser, name: str, data: bytes) -> int:
    return len(parser.chunks(data, media_type(name) or "", name, count_words, 200)[1])


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in WORST.items() for kind in kinds])
def test_the_longest_text_that_is_read_here_is_read_in_seconds_whatever_it_holds(name: str, kind: str) -> None:
    data = made(SHORT[name] - 64)[kind].encode()[: SHORT[name]]
    with DocumentParser() as parser:
        with cpu_seconds_below(ALLOWED_S):
            chunks(parser, name, data)
        assert parser.worker_pid is None


@pytest.mark.parametrize("name", WORST)
def test_hostile_texts_are_read_or_refused(name: str) -> None:
    refused = []
    with DocumentParser() as parser, cpu_seconds_below(60):
        for kind, text in made(1024).items():
            try:
                chunks(parser, name, text.encode())
            except DocumentError as error:
                refused.append((kind, str(error)))
    assert [kind for kind, _ in refused] == ["'\\x00' repeated"], refused


def test_a_text_that_takes_too_long_is_quarantined_and_the_others_are_indexed(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.write("endless.md", "> " * 20 + "a\n" * 2_000_000)
    indexed.write("wide.csv", "a,b\n1,2\n")
    source = {"name": "docs", "uri": str(indexed.folder)}
    with cpu_seconds_below(30, time.process_time):
        report = indexed.sync({"sources": [source], "sync": {"max_parse_seconds": 4.0}})
    assert (report.added, report.failed) == (4, 1)
    (row,) = indexed.app().status()["quarantine"]
    assert row["key"] == "endless.md"
    assert "longer than 4 s" in row["reason"]
    assert indexed.found(document("2"))
