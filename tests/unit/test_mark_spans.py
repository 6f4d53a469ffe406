"""Where the marks of citations stand in an answer."""

from ragloop.language.citations import mark_spans


def test_a_mark_is_where_it_stands() -> None:
    text = "The tide turns. [1] It is low at six. [12]"
    assert [(text[start:end], n) for start, end, n in mark_spans(text)] == [("[1]", 1), ("[12]", 12)]


def test_an_index_in_fenced_code_is_no_mark() -> None:
    text = "Take the first:\n```py\nrows[1] = rows[0]\n```\n[2]\nThen stop. [1]"
    assert [n for _, _, n in mark_spans(text)] == [2, 1]


def test_a_fence_that_is_not_closed_goes_to_the_end() -> None:
    assert list(mark_spans("Take it:\n```\nrows[1]\n")) == []
