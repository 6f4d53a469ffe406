"""Which topics move to another lane: up on evidence and in steps, down at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ragloop.migration.routes.planning import (
    Evidence,
    Move,
    Paired,
    RoutePolicy,
    TopicState,
    plan,
    prospect,
)
from ragloop.migration.routes.route import STEPS, MoveKind, RestsOn, TopicRoute, above, is_in_share
from ragloop.migration.topics.topic import Standing, TopicFigures
from ragloop.records import LaneName

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BASE, ADAPTER, CLOSED = LaneName
POLICY = RoutePolicy(
    min_answers=100, min_repeat_share=0.3, margin=0.05, min_pairs=50, rest_days=30, step_days=1, retraining_days=7
)
RESTING = Standing("d", "bees.md", 1.0, NOW - timedelta(days=90), 1, revision="r")
FIGURES = TopicFigures("t", 500, 200, 0.6, {"base+rag": 1.0}, 0, 0, 20, 1, 0, 0.1, (RESTING,), NOW)
GOOD = Paired(80, 0.01, -0.03, 0.05)
ADAPTERS = {ADAPTER: "a", CLOSED: "a"}
EVIDENCE = {("t", ADAPTER, "a"): GOOD, ("t", CLOSED, "a"): GOOD}


def routed(lane: LaneName, share: float = 1.0, days: float = 5) -> TopicRoute:
    return TopicRoute("t", NOW - timedelta(days=days), MoveKind.UP, lane, share, "a", "", "")


def moved(state: TopicState, evidence: Evidence = EVIDENCE, **adapters: Any) -> Move | None:
    return next(iter(plan([state], evidence, adapters.get("adapters", ADAPTERS), POLICY, NOW)), None)


def test_a_topic_climbs_the_lanes_in_steps_and_stops_at_the_top() -> None:
    route, made = None, []
    while (move := moved(TopicState(FIGURES, route))) and len(made) < 20:
        made.append((move.kind.value, move.lane.value, move.share))
        route = routed(move.lane, move.share)
    rest = [("ramp", share) for share in STEPS[1:]]
    assert made == [
        ("up", "adapter+rag", 0.01),
        *((kind, "adapter+rag", share) for kind, share in rest),
        ("up", "closed-book", 0.01),
        *((kind, "closed-book", share) for kind, share in rest),
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"questions": 99}, "99 answers, 100 are needed"),
        ({"repeat_share": 0.2}, "20% repeats"),
        ({"documents": ()}, "cite no document"),
        ({"documents": (replace(RESTING, key=None, changed_at=None),)}, "gone"),
        ({"documents": (replace(RESTING, changed_at=NOW - timedelta(days=10)),)}, "must rest 30"),
        ({"documents": (replace(RESTING, labelled=True),)}, "labels"),
    ],
)
def test_what_the_log_and_the_documents_say_holds_a_topic_back(changes: dict[str, Any], why: str) -> None:
    state = TopicState(replace(FIGURES, **changes))
    found = prospect(state, EVIDENCE, ADAPTERS, POLICY, NOW)
    assert why in " ".join(found.held_back_by)
    assert moved(state) is None
    assert moved(TopicState(replace(state.figures), routed(ADAPTER, 0.05))) is None


def test_a_document_that_few_answers_cite_holds_nothing_back() -> None:
    fresh = replace(RESTING, document_id="e", cited_share=0.01, changed_at=NOW)
    assert moved(TopicState(replace(FIGURES, documents=(RESTING, fresh))))


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        ({}, "0 paired answers, 50 are needed"),
        ({("t", ADAPTER, "a"): replace(GOOD, n=49)}, "49 paired answers"),
        ({("t", ADAPTER, "a"): replace(GOOD, low=-0.051)}, "not shown to be as good"),
        ({("t", ADAPTER, "b"): GOOD}, "0 paired answers"),
        ({("u", ADAPTER, "a"): GOOD}, "0 paired answers"),
        ({("t", CLOSED, "a"): GOOD}, "0 paired answers"),
    ],
)
def test_only_paired_answers_of_this_topic_lane_and_adapter_let_it_move(evidence: Evidence, why: str) -> None:
    state = TopicState(FIGURES)
    assert why in " ".join(prospect(state, evidence, ADAPTERS, POLICY, NOW).held_back_by)
    assert moved(state, evidence) is None
    assert moved(state, adapters={}) is None


@pytest.mark.parametrize("share", STEPS)
@pytest.mark.parametrize("lane", [ADAPTER, CLOSED])
def test_a_topic_falls_at_once_where_a_document_changed(lane: LaneName, share: float) -> None:
    move = moved(TopicState(FIGURES, routed(lane, share, days=0), broken=("d",)))
    assert move
    assert (move.kind, move.lane, move.share) == (MoveKind.DOWN, BASE, 1.0)
    assert "changed or went" in move.reason


def test_a_topic_falls_where_its_adapter_serves_no_more_or_was_shown_to_be_inferior() -> None:
    state = TopicState(FIGURES, routed(CLOSED, 0.25, days=0))
    other = moved(state, adapters={CLOSED: "b"})
    worse = moved(state, {("t", CLOSED, "a"): Paired(80, -0.2, -0.25, -0.06)})
    assert other
    assert worse
    assert (other.kind, worse.kind) == (MoveKind.DOWN, MoveKind.DOWN)
    assert moved(state, {("t", CLOSED, "a"): Paired(80, -0.1, -0.25, -0.04)}) is None
    assert moved(state, {("t", CLOSED, "a"): Paired(10, -0.2, -0.25, -0.06)}) is None


def test_a_step_of_the_ramp_takes_its_time() -> None:
    assert moved(TopicState(FIGURES, routed(ADAPTER, 0.05, days=0.9))) is None
    move = moved(TopicState(FIGURES, routed(ADAPTER, 0.05, days=1)))
    assert move
    assert (move.kind, move.share) == (MoveKind.RAMP, 0.25)


def test_a_topic_that_fell_may_climb_again() -> None:
    fell = TopicRoute("t", NOW - timedelta(days=2), MoveKind.DOWN, BASE, 1.0, None, "it changed")
    move = moved(TopicState(FIGURES, fell))
    assert move
    assert (move.kind, move.lane, move.share) == (MoveKind.UP, ADAPTER, 0.01)


def test_a_larger_share_keeps_those_it_had_and_has_its_size() -> None:
    units = [f"conversation {n}" for n in range(4000)]
    before: set[str] = set()
    for share in STEPS:
        now = {one for one in units if is_in_share(routed(CLOSED, share), one)}
        assert before <= now
        assert len(now) / len(units) == pytest.approx(share, abs=0.02)
        before = now


def test_the_rest_of_a_share_is_answered_by_the_lane_before_and_none_by_another_adapter() -> None:
    route = replace(routed(CLOSED, 0.5), rest=ADAPTER, rest_adapter_id="b")
    units = [f"conversation {n}" for n in range(50)]
    lanes = [route.lane_of(one, {CLOSED: "a", ADAPTER: "b"}.get) for one in units]
    assert set(lanes) == {CLOSED, ADAPTER}
    others: list[tuple[dict[LaneName, str], LaneName]] = [({CLOSED: "a"}, ADAPTER), ({ADAPTER: "b"}, CLOSED)]
    for serving, lacking in others:
        found = [route.lane_of(one, serving.get) for one in units]
        assert found == [None if one == lacking else one for one in lanes]


def test_a_topic_climbs_past_a_lane_without_an_adapter_and_keeps_what_it_climbed_from() -> None:
    assert [above(one, ADAPTERS) for one in LaneName] == [ADAPTER, CLOSED, None]
    assert [above(one, {}) for one in LaneName] == [ADAPTER, CLOSED, None]
    assert above(BASE, {CLOSED: "a"}) == CLOSED
    past = moved(TopicState(FIGURES), adapters={CLOSED: "a"})
    first = moved(TopicState(FIGURES, routed(ADAPTER)))
    assert past
    assert first
    assert (past.lane, past.rest, past.rest_adapter_id) == (CLOSED, BASE, None)
    assert (first.lane, first.rest, first.rest_adapter_id) == (CLOSED, ADAPTER, "a")
    ramping = replace(routed(CLOSED, 0.05), rest=ADAPTER, rest_adapter_id="b")
    further = moved(TopicState(FIGURES, ramping))
    assert further
    assert (further.kind, further.share, further.rest, further.rest_adapter_id) == (MoveKind.RAMP, 0.25, ADAPTER, "b")


def test_a_route_rests_on_documents_in_their_revisions() -> None:
    route = replace(routed(CLOSED), documents=(RestsOn("d", "1"), RestsOn("e", "1")))
    assert route.broken({"d": "1", "e": "1"}) == ()
    assert route.broken({"d": "2", "e": "1"}) == ("d",)
    assert route.broken({"d": "1"}) == ("e",)
    with pytest.raises(ValueError, match="share"):
        routed(CLOSED, 0)


def test_a_document_that_is_cited_only_since_a_topic_moved_takes_it_back_when_it_changes() -> None:
    late = replace(RESTING, document_id="late", changed_at=NOW - timedelta(days=2))
    cited = replace(FIGURES, documents=(RESTING, late))
    move = moved(TopicState(cited, routed(CLOSED, days=5)))
    assert move is not None
    assert (move.kind, move.lane) == (MoveKind.DOWN, BASE)
    assert move.reason == "1 document that its answers cite changed since it moved"
    assert moved(TopicState(cited, routed(CLOSED, days=1))) is None
    seldom = replace(FIGURES, documents=(RESTING, replace(late, cited_share=0.01)))
    assert moved(TopicState(seldom, routed(CLOSED, days=5))) is None
