"""Source code: definitions as blocks of the source itself."""

from ragloop.corpus.parsing import is_document, media_type, parse
from ragloop.corpus.sources.patterns import Patterns
from tests.support.cpu import cpu_seconds_below


def blocks(text: str, name: str) -> list[str]:
    document = parse(text.encode(), media_type(name) or "", name)
    assert document.text == text
    assert all(one.kind == "code" for one in document.blocks)
    return [text[one.start : one.end] for one in document.blocks]


def test_each_definition_is_a_block_with_the_comments_above_it() -> None:
    fill = "# Opens slowly.\ndef fill():\n    gate = 1\n\n    return gate"
    drain = "class Drain:\n    x = 2"
    assert blocks(f"import os\n\n\n{fill}\n\n\n{drain}\n", "lock.py") == ["import os", fill, drain]


def test_a_line_that_closes_a_definition_begins_none() -> None:
    body = "func Fill() {\n\topen()\n\n}"
    assert blocks(f"package lock\r\n\r\n{body}\r\n\r\nvar x int", "lock.go") == ["package lock", body, "var x int"]
    assert blocks("\n \n", "a.rs") == []


def test_code_and_other_text_are_read_only_where_a_source_asks_for_them() -> None:
    for name in ("src/lock.py", "a.TS", "run.log", "tide.ini"):
        assert media_type(name) is not None
        assert not is_document(name)
        assert not Patterns((), ()).takes(name)
        assert Patterns((name,), ()).takes(name)


def test_time_is_linear() -> None:
    with cpu_seconds_below(10):
        blocks("x\n\n" * 200_000, "a.c")
