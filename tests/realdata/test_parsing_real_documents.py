"""Parsing and chunking on documents that others wrote; docutils is the oracle for reStructuredText."""

import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import docutils.frontend
import docutils.nodes
import docutils.utils
import pytest
from docutils.parsers.rst import Directive, Parser, directives, roles

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.formats.restructuredtext import parse_restructuredtext
from ragloop.corpus.parsing.outline import Outline
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below

pytestmark = pytest.mark.realdata
Paths = list[tuple[str, ...]]


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None and media_type(member.name):
                yield member.name, file.read()


def count(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w{1,6}|[^\w\s]", text)) for text in texts]


# ---- the oracle ---------------------------------------------------------------------------------------------------


class _AnyDirective(Directive):
    has_content = True
    optional_arguments = 100
    final_argument_whitespace = True

    def run(self) -> list[docutils.nodes.Node]:
        return []


def _any_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Sphinx's rules for what a cross-reference shows."""
    shown = docutils.utils.unescape(text)
    named = re.match(r"^(.+?)\s*(?<!\x00)<([^<]*?)>$", shown, re.DOTALL)
    shown = named[1] if named else shown.rsplit(".", 1)[-1] if shown.startswith("~") else shown.lstrip("!")
    return [docutils.nodes.inline(rawtext, shown.lstrip("~"))], []


@pytest.fixture
def generic_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sphinx's directives and roles are unknown to docutils: every one is taken as it comes."""
    monkeypatch.setattr(directives, "directive", lambda *_: (_AnyDirective, []))
    monkeypatch.setattr(roles, "role", lambda *_: (_any_role, []))


@cache
def quiet_settings() -> docutils.frontend.Values:
    settings = docutils.frontend.get_default_settings(Parser)
    settings.report_level, settings.halt_level, settings.file_insertion_enabled = 5, 6, False
    return settings


def docutils_sections(text: str) -> Paths:
    document = docutils.utils.new_document("page", quiet_settings())
    Parser().parse(text, document)
    found: Paths = []
    waiting: list[tuple[docutils.nodes.Node, tuple[str, ...]]] = [(document, ())]
    while waiting:
        node, path = waiting.pop()
        sections = [child for child in node.children if isinstance(child, docutils.nodes.section)]
        if isinstance(node, docutils.nodes.section):
            found.append(path)
        waiting += [(one, (*path, " ".join(one.children[0].astext().split()))) for one in reversed(sections)]
    return found


def scanned_sections(text: str, monkeypatch: pytest.MonkeyPatch) -> Paths:
    found: Paths = []
    opened = Outline.section

    def section(outline: Outline, level: int, title: str, start: int, end: int) -> None:
        opened(outline, level, title, start, end)
        found.append(outline._path)

    with monkeypatch.context() as patched:
        patched.setattr(Outline, "section", section)
        parse_restructuredtext(text, "page")
    return found


@pytest.mark.long
@pytest.mark.usefixtures("generic_markup")
def test_section_paths_equal_those_of_docutils(realdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = 0
    for name, data in members(realdata / "django-docs" / "v5.1.tar.xz"):
        expected = docutils_sections(data.decode())
        assert scanned_sections(data.decode(), monkeypatch) == expected, name
        sections += len(expected)
    assert sections > 6_000


# ---- documents of every format --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "archive",
    ["django-docs/v5.1.tar.xz", "endoflife-date/r1_2025-01-06.tar.xz", "keda-docs/v2.19.tar.xz"],
)
def test_offsets_point_into_the_file_and_chunks_keep_the_budget(realdata: Path, archive: str) -> None:
    chunks = 0
    for name, data in members(realdata / archive):
        document = parse(data, media_type(name) or "", name)
        assert document.text == data.decode()
        assert document.blocks, name
        for one in chunk(document, count):
            assert one.text.endswith(document.text[one.start : one.end])
            assert one.tokens <= 200
            chunks += 1
    assert chunks > 1_000


def test_every_endoflife_page_says_what_product_its_chunks_are_about(realdata: Path) -> None:
    for name, data in members(realdata / "endoflife-date" / "r1_2025-01-06.tar.xz"):
        document = parse(data, "text/markdown", name)
        assert re.search(rf"(?m)^title:\s*[\"']?{re.escape(document.title)}", document.text), name
        assert all(one.embedded.startswith(document.title) for one in chunk(document, count)), name


@pytest.mark.parametrize("kind", ["text/markdown", "text/x-rst", "text/plain", "text/html"])
def test_naughty_strings_are_parsed_and_cut(realdata: Path, kind: str) -> None:
    data = (realdata / "naughty-strings" / "blns.txt").read_bytes()
    with cpu_seconds_below(20):
        document = parse(data, kind, "blns")
        chunks = chunk(document, count, 60)
        assert chunks
        assert all(one.tokens <= 60 or len(one.text) == 1 for one in chunks)
        for line in data.splitlines()[:200]:
            with suppress(DocumentError):  # one line holds nothing but control characters
                chunk(parse(line, kind, "line"), count, 60)
