"""Lines of the log that are looked at before they are read: those that may have a value in a column."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ragloop.journal.answered import _having
from ragloop.journal.entries import line_of

AT = datetime(2026, 11, 30, tzinfo=UTC)
IDS = st.sampled_from(["a1", "b2", "c3", "a"])
SAID = ['"reuse_key": "a1"', '\\"interaction_id": "b2"', '", "reuse_key": "c3']
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(SAID))


def answer(interaction_id: str, key: str | None, question: str) -> bytes:
    return line_of(
        "interactions", {"interaction_id": interaction_id, "asked_at": AT, "question": question, "reuse_key": key}
    )


def vote(interaction_id: str, correction: str) -> bytes:
    return line_of(
        "feedback", {"feedback_id": "f", "interaction_id": interaction_id, "kind": "down", "correction": correction}
    )


LINES = st.lists(st.one_of(st.builds(answer, IDS, st.none() | IDS, TEXTS), st.builds(vote, IDS, TEXTS)), max_size=12)


@given(lines=LINES, sought=st.lists(IDS, min_size=1, max_size=3))
def test_exactly_the_lines_with_a_value_are_found_whatever_their_texts_hold(
    lines: list[bytes], sought: list[str]
) -> None:
    for table, column in (("interactions", "reuse_key"), ("feedback", "interaction_id")):
        read = [(line, json.loads(line)) for line in lines]
        wanted = [line for line, one in read if one["table"] == table and one["entry"].get(column) in sought]
        assert _having(lines, table, column, sought) == wanted


def test_a_line_with_other_spaces_and_order_is_found() -> None:
    line = b'{"entry":{"interaction_id" :"a1","kind":"down","feedback_id":"f"},"table":"feedback"}\n'
    assert _having([line], "feedback", "interaction_id", ["a1"]) == [line]


def test_torn_lines_are_left_to_who_reads_them() -> None:
    line = answer("a1", "b2", "What?")
    assert _having([line[:-9], line[:20], b""], "interactions", "reuse_key", ["b2"]) in ([line[:-9]], [])
