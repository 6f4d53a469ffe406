"""A sync counts the documents that it read by language, and warns of languages that its embedder does not read."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ragloop.corpus.isolation.process import SHORT_TEXT_BYTES
from tests.support.indexed_folder import IndexedFolder
from tests.support.texts_in_languages import PARAGRAPHS

GERMAN = (
    "4 of 5 documents that were read are in German (4), which all-MiniLM-L6-v2 does not read: searches find them by "
    'their words only; set index.embedder = "multilingual-e5-small"'
)


@pytest.fixture
def indexed(tmp_path: Path) -> IndexedFolder:
    return IndexedFolder(tmp_path / "home", tmp_path / "documents")


def write(indexed: IndexedFolder, code: str, count: int) -> None:
    for number in range(count):
        indexed.write(f"{code}{number}.md", f"# {number}\n\n{PARAGRAPHS[code]}\n\n    boat.rinse({number})\n")


def test_german_documents_are_said_once_and_again_only_when_some_are_read(indexed: IndexedFolder) -> None:
    write(indexed, "de", 4)
    write(indexed, "en", 1)
    first = indexed.sync()
    assert first.notices.count(GERMAN) == 1
    assert first.complete, "a warning is no problem"
    assert json.loads(json.dumps(asdict(first)))["languages"] == {"de": 4, "en": 1}
    assert {one.key: one.language for one in first.changes}["de0.md"] == "de"

    again = indexed.sync()
    assert (again.languages, again.notices) == ({}, ())

    indexed.write("de0.md", f"# Null\n\n{PARAGRAPHS['de']}\n\n{PARAGRAPHS['de']}\n")
    edited = indexed.sync()
    assert (edited.languages, edited.notices) == ({"de": 1}, ()), "of one document nothing is said"


def test_english_documents_are_not_said_and_what_is_no_prose_has_no_language(indexed: IndexedFolder) -> None:
    write(indexed, "en", 4)
    indexed.write("prices.csv", "Artikel,Preis\nSchraube,0.15\nMutter,0.10\n")
    indexed.write("broken.docx", b"no archive")
    report = indexed.sync()
    assert report.languages == {"en": 4, "und": 1}
    assert report.notices == ()


def test_documents_in_a_language_that_the_embedder_reads_are_not_said(indexed: IndexedFolder) -> None:
    write(indexed, "de", 4)
    report = indexed.sync({"index": {"embedder": "multilingual-e5-small"}, "sources": [source(indexed)]})
    assert (report.languages, report.notices) == ({"de": 4}, ())


def source(indexed: IndexedFolder) -> dict[str, str]:
    return {"name": "boats", "uri": str(indexed.folder)}


def test_the_language_comes_from_the_parsing_process_too(indexed: IndexedFolder) -> None:
    """HTML is parsed there and cut here; a long text is cut there as well."""
    indexed.write("fr.html", f"<html><body><p>{PARAGRAPHS['fr']}</p></body></html>")
    indexed.write("ru.txt", f"{PARAGRAPHS['ru']}\n\n" * (SHORT_TEXT_BYTES // len(PARAGRAPHS["ru"].encode()) + 1))
    assert indexed.sync().languages == {"fr": 1, "ru": 1}


def test_a_rebuild_counts_every_document_once(indexed: IndexedFolder) -> None:
    write(indexed, "de", 4)
    write(indexed, "en", 1)
    indexed.sync()
    rebuilt = indexed.sync(rebuild=True)
    assert rebuilt.languages == {"de": 4, "en": 1}
    assert rebuilt.notices.count(GERMAN) == 1
