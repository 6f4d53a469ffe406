"""Whose answer is taken where two lanes answered: what both say, what passages say of each, and what it cost."""

from dataclasses import replace
from typing import Any

import pytest

from ragloop.answering.prompts import Cited
from ragloop.answering.routing import SAID_IN_PART, second_opinion
from ragloop.answering.signals.lanes_agree import agreement, is_cited_whole, is_doubtful, taken
from ragloop.answering.stages.writing.generate import Generate
from ragloop.answering.turn import Turn
from ragloop.errors import UnavailableError
from ragloop.records import Draft, LaneName, Route

BASE, ADAPTER, CLOSED = LaneName
BEES, HIVES, HONEY = "Ada keeps the bees.", "The hives stand in the orchard.", "Bob sells honey."


def turn(lane: LaneName, draft: str, kept: str, cost: float | None = 0.5, ms: float = 1.0) -> Turn:
    cited = Cited(kept, {1: ("digest",)} if kept else {})
    route = Route(lane, "a1" if lane != BASE else None)
    written = Draft(draft, 10, 2, cost_usd=cost)
    return Turn("1", "Who?", ADAPTER, route=route, draft=written, cited=cited, latency_ms={"generate": ms})


WHOLE = turn(BASE, BEES, f"{BEES} [1]", ms=3.0)
PART = turn(ADAPTER, f"{HIVES} {HONEY}", f"{HIVES} [1]")
NOTHING = turn(ADAPTER, HONEY, "")


def test_an_answer_is_cited_in_whole_whoever_set_its_marks() -> None:
    marked = turn(ADAPTER, f"{BEES} [1]", f"{BEES} [1]")
    assert [is_cited_whole(one) for one in (WHOLE, marked, PART, NOTHING)] == [True, True, False, False]
    assert [is_doubtful(one) for one in (WHOLE, marked, PART, NOTHING)] == [False, False, True, False]


@pytest.mark.parametrize("lane", [ADAPTER, CLOSED])
def test_an_adapter_is_doubted_where_passages_say_a_part(lane: LaneName) -> None:
    assert second_opinion(replace(PART, route=Route(lane, "a1"))) == Route(BASE, why=SAID_IN_PART)


@pytest.mark.parametrize("one", [WHOLE, NOTHING, replace(PART, route=Route(BASE))])
def test_what_is_whole_or_nothing_or_of_the_base_model_is_not_doubted(one: Turn) -> None:
    assert second_opinion(one) is None


def test_marks_and_small_words_make_no_difference() -> None:
    assert agreement(turn(BASE, "", "Ada keeps the bees [1]."), turn(ADAPTER, "", "Ada keeps bees. [2]")) == 1
    assert agreement(WHOLE, PART) == 0
    assert agreement(NOTHING, NOTHING) == 1
    assert agreement(WHOLE, NOTHING) == 0


def test_the_one_that_is_cited_in_whole_wins_where_they_disagree() -> None:
    assert taken(PART, WHOLE).cited == WHOLE.cited
    assert taken(PART, turn(BASE, f"{BEES} {HONEY}", f"{BEES} [1]")).cited == PART.cited
    assert taken(PART, turn(BASE, "", "")).cited == PART.cited
    same = turn(ADAPTER, f"{BEES} {HONEY}", f"{BEES} [1]")
    assert taken(same, WHOLE).route == same.route


@pytest.mark.parametrize("second", [WHOLE, turn(BASE, "", "", ms=3.0)])
def test_whichever_is_taken_has_cost_what_both_did(second: Turn) -> None:
    found = taken(PART, second)
    assert found.draft is not None
    assert (found.draft.prompt_tokens, found.draft.completion_tokens, found.draft.cost_usd) == (20, 4, 1.0)
    assert found.latency_ms == {"generate": 3.0}
    unknown = taken(PART, replace(second, draft=Draft("", cost_usd=None)))
    assert unknown.draft is not None
    assert unknown.draft.cost_usd is None


class Away:
    """Generators of which none can answer."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    def for_route(self, route: Route, embedder: object) -> None:
        raise self.failure


@pytest.mark.parametrize("failure", [UnavailableError("it is away"), RuntimeError("out of memory"), MemoryError()])
def test_an_answer_stands_whose_other_lane_fails_in_whatever_way(failure: Exception) -> None:
    asked: Any = Away(failure)
    embedder: Any = None
    generate = Generate(asked, embedder, lambda passage, _: passage)
    waits = replace(PART.routed(Route(BASE)), rival=PART)
    assert generate([waits]) == [PART]
