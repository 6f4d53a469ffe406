"""What holds of the chunks of any document: cover, order, budget, determinism."""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.parsing import parse
from ragloop.errors import DocumentError
from ragloop.language.forms import embeddable
from tests.support.examples import tried

LINES = st.sampled_from(
    [
        *(
            "# One",
            "## Two",
            "Title",
            "=====",
            "-----",
            "",
            "",
            "- item of a list",
            "    deeper",
            "```",
            "|a|b|",
            "|-|-|",
            "| c | word |",
        ),
        *("A sentence. Another one! And a third?", "Code::", ".. note::", ".. comment", ">>> x", "中文句子。另一个！"),
        *("---", "title: x", "<p>text</p>", "<ul><li>a", "<table><tr><td>b", "<!-- c -->", "&amp;", "é" * 90),
        "\t\x0b\u2028\x1b",
    ]
)
TEXTS = st.lists(LINES | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), max_size=40).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\r", "\n\n"]).map(lambda newline: newline.join(lines))
)
TYPES = st.sampled_from(["text/markdown", "text/x-rst", "text/plain", "text/html"])


def count(texts: Sequence[str]) -> list[int]:
    """Like WordPiece: words of up to three characters, and every other character alone."""
    return [len(re.findall(r"\w{1,3}|[^\w\s]", text)) for text in texts]


@settings(max_examples=tried(75), deadline=None)
@given(text=TEXTS, kind=TYPES, budget=st.integers(1, 60))
def test_chunks_cover_the_blocks_once_in_order_and_within_the_budget(text: str, kind: str, budget: int) -> None:
    document = parse(text.encode(), kind, "page")
    chunks = chunk(document, count, budget)
    assert chunks == chunk(document, count, budget)
    assert all(one.end <= other.start for one, other in pairwise(chunks))
    covered = bytearray(len(document.text))
    for one in chunks:
        source = document.text[one.start : one.end]
        columns = one.text.removesuffix(source)
        assert one.text == columns + source
        assert source == source.strip() != ""
        assert columns == "" or (columns.count("\n") == 1 and columns.endswith("\n"))
        assert one.embedded.endswith(embeddable(one.text.replace("\r\n", "\n")))
        assert one.text_hash == hashlib.sha256(one.embedded.encode()).hexdigest()
        assert one.tokens >= count([one.embedded])[0]
        assert one.tokens <= budget or len(source) == 1
        assert not any(covered[one.start : one.end])
        covered[one.start : one.end] = b"\1" * (one.end - one.start)
    for block in document.blocks:
        for position in range(block.start, block.end):
            assert covered[position] or document.text[position].isspace()


@settings(max_examples=tried(40), deadline=None)
@given(data=st.binary(max_size=300), kind=TYPES)
def test_any_bytes_are_a_document_or_an_error_of_the_tree(data: bytes, kind: str) -> None:
    with suppress(DocumentError):
        chunk(parse(data, kind, "page"), count, 20)
