"""Who answers a question: the lane asked for, or the base lane with the reason why it is not that one."""

from typing import get_args

import pytest

from ragloop.answering.lanes import LANES
from ragloop.answering.prompts import Cited
from ragloop.answering.routing import LEARNED_OTHERWISE, Serving, route, second_route
from ragloop.answering.turn import Turn
from ragloop.config.answering import AnswerSettings
from ragloop.records import Draft, LaneName, Passage, Route

BASE, ADAPTER, CLOSED = LaneName
SAID = Cited("Ada [1].", {1: ("digest",)})


def passage(document: str) -> Passage:
    return Passage(1, 0.1, 0.9, "s", "uri", "t", "", 0, 9, "Ada.", "hash", f"{document}-0", document, "r1")


def answered(lane: LaneName, cited: Cited) -> Turn:
    passages = (passage("bees"),)
    return Turn("1", "Who?", lane, passages=passages, route=Route(lane, "a1"), draft=Draft("Ada"), cited=cited)


def test_every_lane_has_a_record_and_can_be_set() -> None:
    assert [LANES[name].name for name in LaneName] == list(LaneName)
    assert get_args(AnswerSettings.model_fields["lane"].annotation) == tuple(LaneName)


@pytest.mark.parametrize("name", LaneName)
def test_a_fallback_needs_no_adapter(name: LaneName) -> None:
    assert not LANES[LANES[name].fallback].needs_adapter


def test_the_base_lane_is_answered_by_the_base_model_whatever_serves() -> None:
    for serving in (Serving("a1"), Serving(None, "its files are gone")):
        assert route(BASE, serving, "outdated") == Route(BASE)


@pytest.mark.parametrize("lane", [ADAPTER, CLOSED])
def test_an_adapter_lane_is_answered_by_the_champion_or_says_why_not(lane: LaneName) -> None:
    assert route(lane, Serving("a1")) == Route(lane, "a1")
    assert route(lane, Serving("a1"), "it changed") == Route(BASE, why="it changed")
    assert route(lane, Serving(None, "damaged"), "it changed") == Route(BASE, why="damaged")


@pytest.mark.parametrize("lane", [ADAPTER, CLOSED])
def test_an_answer_that_cites_a_changed_document_is_given_again_and_another_one_stands(lane: LaneName) -> None:
    assert second_route(answered(lane, SAID), frozenset({"bees"})) == Route(BASE, why=LEARNED_OTHERWISE)
    assert second_route(answered(lane, SAID), frozenset({"ferry"})) is None


def test_what_was_written_without_passages_and_none_gives_is_answered_from_them() -> None:
    assert second_route(answered(CLOSED, Cited()), frozenset()) == Route(BASE)
    assert second_route(answered(ADAPTER, Cited()), frozenset()) is None


def test_a_turn_that_is_routed_again_keeps_its_passages_and_waits_to_be_answered() -> None:
    turn = answered(CLOSED, SAID).routed(Route(BASE))
    assert (turn.draft, turn.cited, turn.prompt, turn.route, turn.passages) == (
        None,
        None,
        None,
        Route(BASE),
        (passage("bees"),),
    )
