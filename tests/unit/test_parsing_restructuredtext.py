"""reStructuredText: titles by docutils' rules, blocks by indentation, and what is left out."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.formats.restructuredtext import plain_title


def pieces(source: str, kind: str = "text/x-rst") -> list[tuple[str, tuple[str, ...], str]]:
    document = parse(source.encode(), kind, "page.rst")
    return [(block.kind, block.heading, document.text[block.start : block.end]) for block in document.blocks]


def paths(source: str) -> list[tuple[str, ...]]:
    return [path for _, path, _ in pieces(source)]


def test_levels_follow_the_order_in_which_styles_appear() -> None:
    source = "===\nTop\n===\n\na\n\nOne\n===\n\nb\n\nDeep\n----\n\nc\n\nTwo\n===\n\nd\n"
    assert paths(source) == [("Top",), ("Top", "One"), ("Top", "One", "Deep"), ("Top", "Two")]


def test_an_underline_may_be_short_from_four_characters_on() -> None:
    assert paths("A longer title\n====\n\ntext\n") == [("A longer title",)]
    assert paths("Title\n==\n\ntext\n") == [(), ()]
    assert paths("ABC\n===\n\ntext\n") == [("ABC",)]


def test_wide_characters_count_twice() -> None:
    assert paths("中文\n====\n\ntext\n") == [("中文",)]
    assert paths("中文\n===\n\ntext\n") == [(), ()]


def test_a_title_may_follow_a_directive_without_a_blank_line() -> None:
    assert paths(".. module:: x\nTitle\n=====\n\ntext\n")[-1] == ("Title",)


@pytest.mark.parametrize(
    "source",
    [
        "Example::\n\n    Title\n    =====\n\n    text\n",
        "text\nmore text\n=========\n\nend\n",
        "* item\n======\n\nend\n",
        "above\n\n-----\n\nbelow\n",
        "=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n\nend\n",
        "====\nTitle\n=====\n\nend\n",
    ],
)
def test_what_only_looks_like_a_title_opens_no_section(source: str) -> None:
    assert set(paths(source)) == {()}


def test_a_literal_block_is_one_block_with_its_blank_lines() -> None:
    source = "Run::\n\n    one\n\n\n    two\n\nAfter.\n"
    assert pieces(source) == [
        ("paragraph", (), "Run::"),
        ("code", (), "one\n\n\n    two"),
        ("paragraph", (), "After."),
    ]


def test_a_literal_block_inside_a_list_item_ends_with_its_indentation() -> None:
    source = "* Run::\n\n      code\n\n      more\n\n  Still the item.\n"
    assert [kind for kind, _, _ in pieces(source)] == ["list", "code", "paragraph"]


def test_code_directives_keep_their_options_and_content_together() -> None:
    source = ".. code-block:: python\n    :emphasize-lines: 2\n\n    a = 1\n\n    b = 2\n\nAfter.\n"
    assert pieces(source)[0] == ("code", (), source.split("\n\nAfter")[0])


def test_the_content_of_other_directives_is_read_as_paragraphs() -> None:
    source = ".. note::\n\n    First.\n\n    Second.\n"
    assert [text for _, _, text in pieces(source)] == [".. note::", "First.", "Second."]


def test_comments_targets_and_substitutions_are_in_no_block() -> None:
    source = ".. _anchor:\n\n.. a comment\n   that goes on\n\n   and on\n\n.. |x| replace:: y\n\n__ http://a\n\ntext\n"
    assert [text for _, _, text in pieces(source)] == ["text"]


def test_an_empty_comment_swallows_nothing() -> None:
    assert [text for _, _, text in pieces("..\n\n    quotation\n")] == ["quotation"]


def test_tables_are_one_block() -> None:
    simple = "=====  ====\nA      B\n=====  ====\n1      2\n\n3      4\n=====  ===="
    grid = "+---+---+\n| a | b |\n+---+---+"
    assert [(kind, text) for kind, _, text in pieces(f"{grid}\n\n{simple}\n")] == [
        ("table", grid),
        ("table", simple),
    ]


def test_a_text_file_with_markup_is_read_as_restructuredtext() -> None:
    source = "=====\nTitle\n=====\n\ntext\n"
    assert pieces(source, "text/plain") == [("paragraph", ("Title",), "text")]
    assert pieces("Dear all,\n\n    indented\n\n- a\n", "text/plain") == [
        ("paragraph", (), "Dear all,"),
        ("paragraph", (), "indented"),
        ("list", (), "- a"),
    ]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The :class:`~django.forms.Form` *API*", "The Form API"),
        (":doc:`The guide </intro>` and ``a*b*``", "The guide and a*b*"),
        ("`Link`_ to __init__ and name_", "Link to __init__ and name"),
        (r"A \*star\*", "A *star*"),
    ],
)
def test_titles_lose_their_markup(title: str, expected: str) -> None:
    assert plain_title(title) == expected
