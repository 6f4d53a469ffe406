"""The gate promotes, rejects, or says that the evidence does not suffice."""

import numpy as np
import pytest

from ragloop.learning.evaluation import gate
from ragloop.learning.evaluation.criteria import GatePolicy, PairedScores
from ragloop.learning.evaluation.gate import Verdict, mean_bounds
from ragloop.learning.evaluation.measures import EXACT_MATCH, TOKEN_F1_ELSEWHERE
from tests.support.policies import gate_policy


def paired(champion: list[float] | np.ndarray, candidate: list[float] | np.ndarray) -> PairedScores:
    return PairedScores(np.asarray(champion, dtype=np.float64), np.asarray(candidate, dtype=np.float64))


def ones(right: int, n: int) -> np.ndarray:
    return (np.arange(n) < right).astype(np.float64)


def known(right: int, n: int = 100) -> PairedScores:
    """A champion that knows nothing against a candidate with `right` of n."""
    return paired(np.zeros(n), ones(right, n))


def elsewhere(rng: np.random.Generator, n: int, difference: float, sd: float = 0.3) -> PairedScores:
    """Token F1 of both; the differences have the given mean and, nearly, the given SD, and stay within the scale."""
    champion = np.full(n, 0.5)
    return paired(champion, champion + np.clip(rng.normal(difference, sd, n), -0.5, 0.5))


DEFAULT = gate_policy()


def judge(
    target: PairedScores, elsewhere: PairedScores, policy: GatePolicy = DEFAULT, *, ended_early: bool = False
) -> Verdict:
    scores = {EXACT_MATCH.name: target, TOKEN_F1_ELSEWHERE.name: elsewhere}
    return gate.judge(scores, policy, ended_early=ended_early)


SAME_ELSEWHERE = paired(np.full(250, 0.5), np.full(250, 0.5))


def state(verdict: Verdict, name: str) -> str:
    return next(criterion.state for criterion in verdict.criteria if criterion.name == name)


def test_a_candidate_that_learned_and_lost_nothing_is_promoted() -> None:
    verdict = judge(known(70), SAME_ELSEWHERE)
    assert (verdict.verdict, [c.state for c in verdict.criteria]) == ("promote", ["pass"] * 3)


def test_an_adapter_that_guesses_frequent_answers_is_rejected_by_the_floor() -> None:
    verdict = judge(known(20), SAME_ELSEWHERE)
    assert verdict.verdict == "reject"
    assert [c.state for c in verdict.criteria] == ["pass", "fail", "pass"]
    assert verdict.reasons[0].startswith("floor fail: score of the candidate on the target questions is 0.200 (")


def test_a_candidate_that_answers_worse_from_passages_is_rejected() -> None:
    rng = np.random.default_rng(0)
    verdict = judge(known(90), elsewhere(rng, 400, -0.2))
    assert (verdict.verdict, state(verdict, "non-inferiority")) == ("reject", "fail")


def test_a_candidate_equal_to_the_champion_is_not_promoted() -> None:
    for n in (100, 20_000):
        same = paired(ones(n // 2, n), ones(n // 2, n))
        assert judge(same, same, gate_policy(min_score=0)).verdict == "inconclusive"


def test_fewer_pairs_than_needed_are_not_enough_data() -> None:
    verdict = judge(known(99, 99), SAME_ELSEWHERE)
    assert verdict.verdict == "inconclusive"
    assert "not enough data below 100 pairs; about 1 more pairs would decide" in verdict.reasons[0]


def test_without_held_out_questions_nothing_is_promoted() -> None:
    verdict = judge(known(100), paired([], []))
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == "non-inferiority undecided: no held-out questions; at least 60 are needed."


def test_held_out_questions_that_were_not_asked_are_not_said_to_be_missing() -> None:
    verdict = judge(known(100), paired([], []), ended_early=True)
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0].startswith("non-inferiority undecided: the held-out questions were not asked, since")


@pytest.mark.parametrize(("n", "verdict"), [(50, "inconclusive"), (70, "promote")])
def test_elsewhere_the_bounds_alone_decide(n: int, verdict: str) -> None:
    assert judge(known(80), paired(np.ones(n), np.ones(n))).verdict == verdict


def test_a_bad_candidate_is_rejected_even_where_held_out_questions_lack() -> None:
    assert judge(known(0), paired([], [])).verdict == "reject"


def test_a_standard_deviation_of_a_third_needs_223_pairs_for_a_margin_of_five_points() -> None:
    values = np.tile([0.3, -0.3], 50) * np.sqrt(99 / 100)
    verdict = judge(known(80), paired(np.full(100, 0.5), 0.5 + values))
    undecided = verdict.criteria[2]
    assert (undecided.state, undecided.n, undecided.needed_n) == ("undecided", 100, 223)
    assert "about 123 more pairs would decide" in verdict.reasons[0]


def test_a_difference_at_the_threshold_names_no_number_of_pairs() -> None:
    verdict = judge(known(50), SAME_ELSEWHERE)
    assert verdict.criteria[1].needed_n is None
    assert "too close to the threshold" in verdict.reasons[0]


@pytest.mark.long
def test_the_needed_number_of_pairs_does_decide_most_of_the_time() -> None:
    rng = np.random.default_rng(0)
    decided = sum(state(judge(known(80), elsewhere(rng, 223, 0.0)), "non-inferiority") == "pass" for _ in range(40))
    assert decided >= 22


@pytest.mark.long
@pytest.mark.parametrize(("difference", "sd", "most"), [(-0.15, 0.3, 0.05), (-0.05, 0.15, 0.13)])
def test_a_regression_elsewhere_is_not_promoted(difference: float, sd: float, most: float) -> None:
    # At -0.05, the edge of the margin, 0.05 may pass; 0.13 lies nearly three standard deviations above it.
    rng = np.random.default_rng(0)
    promoted = sum(judge(known(80), elsewhere(rng, 250, difference, sd)).verdict == "promote" for _ in range(60))
    assert promoted / 60 <= most


def test_rare_heavy_losses_are_not_underrated() -> None:
    # One answer in twenty collapses and nothing else changes: the mean loss is the margin, a t interval passes 12 %.
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(200):
        collapsed = rng.random(100) < 0.05
        verdict = judge(known(80), paired(np.ones(100), np.where(collapsed, 0.0, 1.0)))
        passed += verdict.verdict == "promote"
    assert passed / 200 <= 0.08


def test_bounds_of_zeros_and_ones_are_those_of_clopper_and_pearson() -> None:
    from scipy import stats  # a second of CPU, which collecting the tests should not take

    for right, n in ((0, 100), (3, 100), (63, 100), (100, 100), (5, 8)):
        low, high = mean_bounds(ones(right, n), 0, 1, 0.95, seed=0)
        exact = stats.binomtest(right, n).proportion_ci(0.90, method="exact")
        # The draws leave an error of about 0.001.
        assert (low, high) == (pytest.approx(exact.low, abs=0.006), pytest.approx(exact.high, abs=0.006))


def test_bounds_do_not_depend_on_the_order_or_on_the_run() -> None:
    values = np.random.default_rng(0).random(300)
    assert mean_bounds(values, 0, 1, 0.95, 7) == mean_bounds(values[::-1], 0, 1, 0.95, 7)


def test_bounds_of_many_values_take_little_memory_and_no_values_have_none() -> None:
    low, high = mean_bounds(np.linspace(0, 1, 3001), 0, 1, 0.95, 0)
    assert high - low == pytest.approx(2 * 1.645 * 0.2887 / np.sqrt(3001), rel=0.05)
    with pytest.raises(ValueError, match="no values"):
        mean_bounds([], 0, 1, 0.95, 0)


@pytest.mark.parametrize("values", [[1.5], [-0.1], [float("nan")]])
def test_scores_off_the_scale_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired(values, [1.0])


def test_scores_that_are_not_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="found 1 and 2"):
        paired([1.0], [1.0, 0.0])


@pytest.mark.parametrize("wrong", [{"margin": -1}, {"min_pairs": 0}, {"confidence": 0.4}, {"min_score": 2}])
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        gate_policy(**wrong)


def test_without_golden_questions_the_gate_names_the_setting_and_how_many_are_needed() -> None:
    verdict = judge(paired([], []), SAME_ELSEWHERE, gate_policy(min_pairs=40))
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[:2] == tuple(
        f"{name} undecided: no golden questions; name at least 40 in dataset.golden." for name in ("lift", "floor")
    )
