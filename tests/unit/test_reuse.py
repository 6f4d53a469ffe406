"""Which questions have one sense, and what the key of an answer depends on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from answer_cache import Group, groups

from ragloop.answering.lanes import LANES
from ragloop.answering.reuse.key import renumbered, reuse_key
from ragloop.answering.reuse.sense import sense_of
from ragloop.answering.reuse.votes import disowned
from ragloop.answering.turn import Turn
from ragloop.records import CacheUse, EarlierAnswer, LaneName, Passage, Route

GROUPS = groups()
LANE = LANES[LaneName.BASE_RAG]


def passage(n: int, text: str = "It leaves.", **changes: object) -> Passage:
    one = Passage(n, 1.0, 0.5, "s", f"file:///{n}", "Title", "Heading", 0, 9, text, f"h{text}", f"c{n}", f"d{n}", "r1")
    return replace(one, **changes)


def key_of(passages: Sequence[Passage], question: str = "When does it leave?", **changes: object) -> str:
    turn = Turn("i", question, LaneName.BASE_RAG, passages=tuple(passages), generation="g")
    return reuse_key(replace(turn, **changes), LANE, "generator 1")


def test_there_are_pairs_enough() -> None:
    assert sum(len(one.same) for one in GROUPS) >= 300
    assert sum(len(one.other) for one in GROUPS) >= 500


@pytest.mark.parametrize("group", GROUPS, ids=lambda one: one.question)
def test_a_question_that_differs_has_another_sense(group: Group) -> None:
    sense = sense_of(group.question)
    assert [(kind, text) for kind, text in group.other if sense_of(text) == sense] == []


def test_most_paraphrases_have_the_same_sense() -> None:
    pairs = [(one.question, text) for one in GROUPS for text in one.same]
    assert sum(sense_of(one) == sense_of(other) for one, other in pairs) >= 0.6 * len(pairs)


@pytest.mark.parametrize(
    "question", ["", "?", "the", "   ", "!!", "\ud800", "=" * 50, "a of of of b", "狐狸", "How do I"]
)
def test_any_text_has_a_sense(question: str) -> None:
    assert sense_of(question) == sense_of(question)


def test_signs_between_words_are_no_courtesy() -> None:
    texts = ["x == y", "x != y", "x = y", "x < y", "x y", "x 🐝 y", "-x y", "--x y", "-X y"]
    senses = {sense_of(f"What does {one} mean in code?") for one in texts}
    assert len(senses) == len(texts)


def test_the_passages_are_a_set() -> None:
    one, two = passage(1), passage(2, "It comes.")
    assert key_of([one, two]) == key_of([replace(two, rank=1, score=0.1), replace(one, rank=2)])


@pytest.mark.parametrize("change", [{"text": "It stays."}, {"title": "B"}, {"heading": "B"}, {"chunk_id": "c9"}])
def test_any_change_of_what_is_read_changes_the_key(change: dict[str, str]) -> None:
    assert key_of([passage(1)]) != key_of([replace(passage(1), **change)])
    assert key_of([passage(1)]) == key_of([replace(passage(1), revision="r2", start=5, end=14)])


def test_who_asks_and_who_answers_are_in_the_key() -> None:
    known = key_of([passage(1)])
    others = [
        key_of([passage(1)], labels=frozenset({"staff"})),
        key_of([passage(1)], generation="g2"),
        key_of([passage(1)], route=Route(LaneName.ADAPTER_RAG, "a1")),
        key_of([passage(1)], "When does it not leave?"),
        key_of([passage(1), passage(2)]),
        reuse_key(Turn("i", "When does it leave?", LaneName.BASE_RAG, passages=(passage(1),)), LANE, "generator 2"),
    ]
    assert len({known, *others}) == len(others) + 1


def test_marks_follow_their_passages() -> None:
    citations = [{"n": 1, "chunk_id": "c1"}, {"n": 2, "chunk_id": "c2"}]
    text = "It leaves. [1] It comes. [2]\n```\nx[1]\n```\n[2]"
    now = (passage(2), passage(3), passage(1))
    assert renumbered(text, citations, now) == "It leaves. [3] It comes. [1]\n```\nx[1]\n```\n[1]"


def test_a_turn_that_is_routed_again_is_not_said_to_be_reused() -> None:
    turn = Turn("i", "q", LaneName.CLOSED_BOOK, cache=CacheUse.HIT, reused_from="before", reuse_key="k")
    again = turn.decided("reuse", "the answer of before").decided("rerank", "kept").routed(Route(LaneName.BASE_RAG))
    assert (again.cache, again.reused_from, again.reuse_key) == (CacheUse.OFF, "", "")
    assert again.decisions == {"rerank": "kept"}


def at(minute: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)


def said(minute: int, text: str, *against: int, **more: object) -> EarlierAnswer:
    """An answer of a minute, and the minutes of the votes against it."""
    known = {"citations": (), "model": "m", "reused_from": "", "cut": False, **more}
    return EarlierAnswer(f"i{minute}", at(minute), text, objected_at=[at(one) for one in against], **known)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([said(0, "A. [1]")], set()),
        ([said(0, "A. [1]", 1)], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "A. [2]")], set()),
        ([said(2, "A. [2]"), said(0, "A. [1]", 1)], set()),
        ([said(0, "A. [1]", 1), said(2, "A. [1]", 3)], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "A. [1]", 3), said(4, "A. [1]")], set()),
        ([said(0, "A. [1]", 1, 3), said(2, "A. [1]")], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "B. [1]")], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "B. [1]"), said(4, "A. [1]")], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "B. [1]", 3), said(4, "B. [1]")], {"A."}),
        ([said(0, "A. [1]", 1), said(1, "A. [1]")], {"A."}),
        ([said(0, "A. [1]"), said(1, "A. [1]", 2, reused_from="i0"), said(3, "A. [1]")], set()),
        ([said(5, "A. [1]"), said(1, "A. [1]", 2, reused_from="i5")], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "A. [1]", reused_from="i0")], {"A."}),
        ([said(0, "A. [1]", 1), said(2, "A. [1]", cut=True)], {"A."}),
    ],
)
def test_words_that_were_voted_against_stand_once_they_were_written_anew(
    answers: Sequence[EarlierAnswer], expected: set[str]
) -> None:
    assert disowned(answers) == expected
