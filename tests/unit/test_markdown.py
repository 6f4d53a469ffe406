"""Markdown of reports, as a renderer of GFM reads it."""

from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from ragloop.markdown import code_block, link, number, table

GFM = MarkdownIt("commonmark").enable("table")


def cells(markdown: str) -> list[list[str]]:
    """The text of a table, by rows; empty where the renderer finds none."""
    rows: list[list[str]] = []
    for token in GFM.parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append("".join(part.content for part in token.children or () if part.type.startswith("text")))
    return rows


def test_a_table_is_one_whatever_its_cells_hold() -> None:
    at = datetime(2030, 1, 7, 9, tzinfo=UTC)
    rows = [("--- | a", 1234.5678, None, True), ("*b*", 0.123456, at, link("a|b", "/runs"))]
    assert cells(table(("name", "figure", "at", ""), rows)) == [
        ["name", "figure", "at", ""],
        ["--- | a", "1,235", "–", "yes"],
        ["*b*", "0.123", "07\xa0Jan\xa02030\xa009:00", "a|b"],
    ]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (12_345, "12,345"), (99.96, "100"), (0.0004321, "0.000432"), (123.4, "123")]
)
def test_numbers_are_rounded_as_people_read_them(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_name_that_holds_a_line_feed_stays_within_its_block() -> None:
    (token,) = GFM.parse(code_block(["a\n# b", "[c](d)"]))
    assert (token.type, token.content.splitlines()) == ("code_block", ["a # b", "[c](d)"])
