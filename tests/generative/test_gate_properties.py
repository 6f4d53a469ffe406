"""What holds for every pair of score lists that the gate may see."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ragloop.learning.evaluation import gate
from ragloop.learning.evaluation.criteria import PairedScores
from ragloop.learning.evaluation.gate import Verdict
from ragloop.learning.evaluation.measures import EXACT_MATCH, TOKEN_F1_ELSEWHERE
from tests.support.examples import tried
from tests.support.policies import gate_policy

# Few pairs suffice here, so that the examples stay small; the thresholds are low enough to be passed.
POLICY = gate_policy(min_pairs=5, min_score=0.1, margin=0.3)

scores = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
pairs = st.lists(st.tuples(scores, scores), min_size=5, max_size=60)


def judge(target: PairedScores, elsewhere: PairedScores) -> Verdict:
    return gate.judge({EXACT_MATCH.name: target, TOKEN_F1_ELSEWHERE.name: elsewhere}, POLICY)


def paired(rows: list[tuple[float, float]]) -> PairedScores:
    return PairedScores(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def swapped(scored: PairedScores) -> PairedScores:
    return PairedScores(scored.challenger, scored.incumbent)


@settings(max_examples=tried(20), deadline=None)
@given(pairs, pairs)
def test_two_adapters_are_never_each_promoted_over_the_other(
    target: list[tuple[float, float]], elsewhere: list[tuple[float, float]]
) -> None:
    there = judge(paired(target), paired(elsewhere)).verdict
    back = judge(swapped(paired(target)), swapped(paired(elsewhere))).verdict
    assert (there, back) != ("promote", "promote")


@settings(max_examples=tried(20), deadline=None)
@given(st.lists(scores, min_size=5, max_size=60))
def test_a_candidate_equal_to_the_champion_is_never_promoted(values: list[float]) -> None:
    same = PairedScores(np.array(values), np.array(values))
    assert judge(same, same).verdict != "promote"


@settings(max_examples=tried(25), deadline=None)
@given(pairs, pairs, st.data())
def test_a_better_answer_never_turns_promotion_into_rejection(
    target: list[tuple[float, float]], elsewhere: list[tuple[float, float]], data: st.DataObject
) -> None:
    before = judge(paired(target), paired(elsewhere)).verdict
    raised = data.draw(st.sampled_from([target, elsewhere]))
    position = data.draw(st.integers(0, len(raised) - 1))
    raised[position] = (raised[position][0], data.draw(st.floats(raised[position][1], 1)))
    after = judge(paired(target), paired(elsewhere)).verdict
    assert not (before == "promote" and after == "reject")


@settings(max_examples=tried(20), deadline=None)
@given(pairs, pairs)
def test_every_estimate_lies_between_its_bounds(
    target: list[tuple[float, float]], elsewhere: list[tuple[float, float]]
) -> None:
    for criterion in judge(paired(target), paired(elsewhere)).criteria:
        assert criterion.low is not None
        assert criterion.estimate is not None
        assert criterion.high is not None
        assert criterion.low <= criterion.estimate <= criterion.high
