"""What reaches an operator's eyes: no escape sequence, no reordered line, no link that a file name brought."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragloop.printable import is_printable, json_escaped, literal, printable

SHOWN = {"text", "inline", "paragraph_open", "paragraph_close", "code_inline"}
"""Tokens of a paragraph that holds nothing but words."""
NAMES = [
    "[approve](https://evil.example)",
    "![](https://evil.example/seen.png)",
    "<img src=https://evil.example/seen.png>",
    "<script>alert(1)</script>",
    "https://evil.example/login",
    "www.evil.example",
    "mallory@evil.example",
    "a|b",
    "# Approved by the owner",
    "- approved",
    "&lt;b&gt;",
    "`code` and ``more``",
    "[note]: https://evil.example",
    "~~kept~~ **deleted**",
    "https://evil.example/`a``b`|c",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_markdown_stays_a_name(name: str) -> None:
    assert types(f"before {literal(name)} after") <= SHOWN
    assert types(literal(name)) <= SHOWN


PIECES = [*"ab[]()<>!`*_|~&#:/.@-+=\\ \n\t", "http", "https://", "www.", "a.example"]
LINKED = re.compile(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+\.[-\w]+", re.IGNORECASE)
"""What mdast-util-gfm-autolink-literal, which Prefect's UI uses, makes a link of in text."""


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_text_becomes_markup(text: str) -> None:
    assert types(f"x {literal(text)} x") <= SHOWN
    texts = [token.content for token in inline(f"x {literal(text)} x") if token.type == "text"]
    assert not [one for one in texts if LINKED.search(one)]


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=30))
def test_what_markdown_shows_is_the_text(text: str) -> None:
    shown = "".join(token.content for token in inline(f"x {literal(text)} x") if token.content)
    assert re.sub(r"\s|%7C", "", shown) == re.sub(r"\s", "", f"x{text}x").replace("|", "" if "%7C" in shown else "|")


def types(markdown: str) -> set[str]:
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(markdown)
    return {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}


def inline(markdown: str) -> list[Token]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    return [child for token in tokens for child in token.children or ()]


ACTED_ON = [
    "\x1b[2Jcleared",
    "\x9b31mred",
    "annexe\u202etxt.exe",
    "\u2066isolated\u2069",
    "two\u2028lines",
    "\x7f",
]


@pytest.mark.parametrize("text", ACTED_ON)
def test_a_terminal_gets_nothing_to_act_on(text: str) -> None:
    assert not is_printable(text)
    assert is_printable(printable(text))
    assert is_printable(literal(text))


@pytest.mark.parametrize("text", ACTED_ON)
def test_json_holds_the_same_text_without_raw_controls(text: str) -> None:
    written = json_escaped(json.dumps({text: [text]}, ensure_ascii=False))
    assert is_printable(written)
    assert json.loads(written) == {text: [text]}


def test_ordinary_text_of_other_scripts_is_left_alone() -> None:
    for text in ("می‌خواهم", "שלום\u200f!", "Zoë 👩‍🚀", "tab\tand\nline"):
        assert printable(text) == text
