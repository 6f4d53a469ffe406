"""Documents that break parsers: each is read with all of its words, or refused with the reason that is true."""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.errors import DocumentError
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.cpu import cpu_seconds_below

pytestmark = pytest.mark.realdata

LIBREOFFICE = shutil.which("soffice") is not None
REFUSED = {
    "password.pdf": "is encrypted",
    "libreoffice-writer-password.pdf": "is encrypted",
    "loremipsum-flat.pdf": "without text (a scan?)",
    **({} if LIBREOFFICE else {"simple.doc": "install LibreOffice"}),
    "random.bin": "text in no known encoding",
}
EMPTY = {"empty.txt", "fake-text-all-whitespace.txt", "empty.eml"}
WORDS = {
    "SPARSE-2024-INV-1234_borderless_table.pdf": 299,
    "all-number-table.pdf": 24,
    "crazyones-pdfa.pdf": 170,
    "embedded-cmap-cidfont.pdf": 13,
    "failure-after-repair.pdf": 17_240,  # 17,399 with the footers of its pages
    "fake-memo-with-duplicate-page.pdf": 78,
    "invalid-pdf-structure-pdfminer-one-page.pdf": 1_529,
    "layout-parser-paper-with-empty-pages.pdf": 850,
    "masterformat_partial_numbering.pdf": 80,
    "multicolumn.pdf": 1_048,  # 1,081 before words are joined that were hyphenated, and with the numbers of its pages
    "negative-coords.pdf": 287,
    "pdf-bad-color-space.pdf": 540,
    "pdf-with-ocr-text.pdf": 173,
    "with-attachment.pdf": 101,
    "handbook-872p.docx": 132_000,
    "test_with_comment.docx": 672,
    "teams_chat.docx": 27,
    "hlink-meta.docx": 54,
    "winter-sports.epub": 61_317,
    "test_wikipedia.html": 11_500,
    "fake-html-pre.htm": 59_000,
    "norwich-city.txt": 8_300,
    "test_rss.xml": 20_000,
}
"""Least words of each: what the library that finds most of them finds (docs/decisions/0002-formats.md)."""
SAID = {
    **({"simple.doc": "These are a few of my favorite things"} if LIBREOFFICE else {}),
    "fake-text-utf-16-le.txt": "This is a test document to use for unit tests.",
    "fake-text-utf-16.txt": "This is a test document to use for unit tests.",
    "fake-text-utf-32.txt": "This is a test document to use for unit tests.",
    "umlauts-non-utf8.md": "## können\n\nkönnen\n\näöüß\n",
    "test_outlook_msg.msg": "This is the body of the test email message",
    "fake-email-utf-16.eml": "This is a test email to use for unit tests.",
    "fake-email-malformed-encoding.eml": "- Roses are red",
    "email-no-utf8-2008-07-16.062410.eml": "RE: שלום",
    "mime-different-plain-html.eml": "This is the text/plain part.",
    "stanley-cups-utf-16.csv": "Team: Maple Leafs | Location: TOR | Stanley Cups: 13",
    "factbook-utf-16.xml": "name: Canada\ncapital: Ottawa",
    "fake-html-cp1252.html": "My First Heading",
    "fake-power-point-malformed.pptx": "Test Slide",
    "habibi.pdf": "habibi",
    "reportlab-overlay.pdf": "Fingerprint: asdfSa2123",
    "equations.docx": "The angle is θ=sin",
    "rlink.docx": "Testing Linked Images",
    "docx-hdrftr.docx": "Main document",
    "codeblock.md": "```",
}


@cache
def outcomes(folder: Path) -> dict[str, ParsedDocument | str]:
    found: dict[str, ParsedDocument | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                found[path.name] = parse(path.read_bytes(), media_type(path.name) or "text/plain", path.name)
            except DocumentError as error:
                found[path.name] = str(error)
    return found


def test_what_cannot_be_read_is_refused_for_the_true_reason_and_nothing_else_is(realdata: Path) -> None:
    found = outcomes(realdata / "nasty-docs" / "dev")
    assert len(found) == 61
    refused = {name: reason for name, reason in found.items() if isinstance(reason, str)}
    assert set(refused) == set(REFUSED)
    assert all(REFUSED[name] in reason for name, reason in refused.items())
    assert all("expected" in reason for reason in refused.values())


def test_words_and_encodings_arrive_whole(realdata: Path) -> None:
    found = outcomes(realdata / "nasty-docs" / "dev")
    read = {name: document for name, document in found.items() if isinstance(document, ParsedDocument)}
    assert {name for name, document in read.items() if not document.blocks} == EMPTY
    fewer = {name: len(re.findall(r"\w+", read[name].text)) for name in WORDS}
    assert {name: count for name, count in fewer.items() if count < WORDS[name]} == {}
    assert [name for name, words in SAID.items() if words not in read[name].text] == []
    assert not any("\x00" in document.text for document in read.values())
    assert "function(" not in read["example-with-scripts.html"].text


def test_every_document_is_cut_into_chunks_that_lie_in_its_text(realdata: Path) -> None:
    count = ConstantEmbedder().count_tokens
    for name, document in outcomes(realdata / "nasty-docs" / "dev").items():
        for one in chunk(document, count) if isinstance(document, ParsedDocument) else ():
            assert one.text.endswith(document.text[one.start : one.end]), name


def test_the_worker_reads_the_same_and_costs_little_more(realdata: Path) -> None:
    folder = realdata / "nasty-docs" / "dev"
    here = outcomes(folder)
    with cpu_seconds_below(1), DocumentParser() as parser:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                try:
                    there: ParsedDocument | str = parser.parse(
                        path.read_bytes(), media_type(path.name) or "text/plain", path.name
                    )
                except DocumentError as error:
                    there = str(error)
                assert there == here[path.name], path.name
