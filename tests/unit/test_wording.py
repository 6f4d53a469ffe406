"""Turns of phrase that several reports share."""

import pytest

from ragloop.wording import DONE_IN_PART, done_in_part, few, first_few


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


def test_a_list_ends_with_how_many_are_left_out() -> None:
    assert few(["a", "b", "c"], 1) == ["a", "and 2 more"]


def test_a_message_of_a_part_begins_as_programs_expect() -> None:
    message = done_in_part("1 added", ["a.md cannot be read.", "b.md neither."])
    assert message == "done in part: 1 added. a.md cannot be read. b.md neither."
    assert message.startswith(DONE_IN_PART)
