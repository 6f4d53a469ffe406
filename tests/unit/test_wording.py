"""Turns of phrase that several reports share."""

import pytest

from ragloop.wording import DONE_IN_PART, counted, counted_with, done_in_part, few, first_few


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b, and 1 more"),
        ("abcde", "a, b, and 3 more"),
    ],
)
def test_the_first_names_are_given_and_the_others_are_counted(names: list[str], shown: str) -> None:
    assert first_few(list(names), 2) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 days"), (1, "1 day"), (1.0, "1 day"), (0.5, "0.5 days"), (30.0, "30 days"), (1779, "1,779 days")],
)
def test_a_noun_takes_an_s_where_there_is_not_one(number: float, shown: str) -> None:
    assert counted(number, "day") == shown


def test_a_verb_agrees_with_its_number() -> None:
    assert [counted_with(one, "document", "is", "are") for one in (1, 2)] == ["1 document is", "2 documents are"]


def test_a_list_ends_with_how_many_are_left_out() -> None:
    assert few(["a", "b", "c"], 1) == ["a", "and 2 more"]


def test_a_message_of_a_part_begins_as_programs_expect() -> None:
    message = done_in_part("1 added", ["a.md cannot be read.", "b.md neither."])
    assert message == "done in part: 1 added. a.md cannot be read. b.md neither."
    assert message.startswith(DONE_IN_PART)
