"""What adapters must show that read passages: a lift on held-out questions, and no loss in citing or abstaining."""

import numpy as np
import pytest

from ragloop.learning.evaluation.criteria import Criteria, PairedScores
from ragloop.learning.evaluation.gate import Verdict, judge, rejects
from ragloop.learning.evaluation.measures import ABSTAINS, CITES, EXACT_MATCH, TOKEN_F1_ELSEWHERE, Measure
from ragloop.learning.recipes import RECIPES
from tests.support.policies import gate_policy

POLICY = gate_policy()


def shares(champion: float, candidate: float, n: int = 250) -> PairedScores:
    """Scores of 0 and 1, of which these shares are 1, on the same questions as far as they go."""
    places = np.arange(n) / n
    return PairedScores((places < champion).astype(float), (places < candidate).astype(float))


GOOD = {
    TOKEN_F1_ELSEWHERE.name: shares(0.4, 0.6),
    CITES.name: shares(0.9, 0.9),
    ABSTAINS.name: shares(0.8, 0.8, 60),
}


def state(verdict: Verdict, name: str) -> str:
    return next(one.state for one in verdict.criteria if one.name == name)


def test_an_adapter_that_reads_better_and_lost_nothing_is_promoted_without_golden_questions() -> None:
    verdict = judge(GOOD, POLICY, Criteria.GROUNDED)
    assert (verdict.verdict, [one.name for one in verdict.criteria]) == ("promote", ["lift", "citing", "abstaining"])
    assert verdict.reasons[-1].startswith("no golden questions: held-out answers are those of the log")


@pytest.mark.parametrize(
    ("measure", "lost", "criterion"),
    [
        (CITES, shares(0.9, 0.0), "citing"),
        (ABSTAINS, shares(0.8, 0.0, 60), "abstaining"),
        (TOKEN_F1_ELSEWHERE, shares(0.6, 0.4), "lift"),
        (EXACT_MATCH, shares(0.7, 0.5), "golden"),
    ],
)
def test_what_it_can_no_longer_do_rejects_it(measure: Measure, lost: PairedScores, criterion: str) -> None:
    verdict = judge(GOOD | {measure.name: lost}, POLICY, Criteria.GROUNDED)
    assert (verdict.verdict, state(verdict, criterion)) == ("reject", "fail")
    assert verdict.reasons[0].startswith(f"{criterion} fail")


def test_too_few_questions_that_no_passage_answers_leave_it_undecided_and_say_how_many_would_do() -> None:
    verdict = judge(GOOD | {ABSTAINS.name: shares(0.8, 0.8, 20)}, POLICY, Criteria.GROUNDED)
    assert (verdict.verdict, state(verdict, "abstaining")) == ("inconclusive", "undecided")
    assert "more pairs would decide" in verdict.reasons[0]
    nothing = judge({name: one for name, one in GOOD.items() if name != ABSTAINS.name}, POLICY, Criteria.GROUNDED)
    assert "no held-out questions that no passage answers; at least " in nothing.reasons[0]


def test_a_recipe_without_rows_that_abstain_is_not_asked_for_it() -> None:
    found = judge({TOKEN_F1_ELSEWHERE.name: GOOD[TOKEN_F1_ELSEWHERE.name], CITES.name: GOOD[CITES.name]}, POLICY,
                  Criteria.PASSAGES)  # fmt: skip
    assert found.verdict == "promote"


def test_a_few_golden_questions_are_said_not_to_be_enough_and_held_out_rows_decide() -> None:
    few = judge(GOOD | {EXACT_MATCH.name: shares(0.6, 0.6, 8)}, POLICY, Criteria.GROUNDED)
    assert (few.verdict, state(few, "golden")) == ("promote", "undecided")
    [said] = [one for one in few.reasons if one.startswith("golden not enough")]
    assert "8 golden questions decide nothing below 100, so that held-out rows, split off by document and time" in said
    lost = judge(GOOD | {EXACT_MATCH.name: shares(0.9, 0.0, 10)}, POLICY, Criteria.GROUNDED)
    assert (lost.verdict, state(lost, "golden")) == ("reject", "fail"), "ten clear losses are a loss"
    many = judge(GOOD | {EXACT_MATCH.name: shares(0.6, 0.55, 200)}, POLICY, Criteria.GROUNDED)
    assert (many.verdict, state(many, "golden")) == ("inconclusive", "undecided"), "enough of them count"


def test_golden_questions_that_it_loses_end_the_evaluation_early() -> None:
    assert rejects({EXACT_MATCH.name: shares(0.7, 0.4)}, POLICY, Criteria.GROUNDED)
    assert not rejects({EXACT_MATCH.name: shares(0.7, 0.7)}, POLICY, Criteria.GROUNDED)
    assert not rejects({}, POLICY, Criteria.GROUNDED)


def test_without_passages_held_out_rows_do_not_stand_in_for_golden_questions_and_the_verdict_says_why() -> None:
    verdict = judge(GOOD, POLICY)
    assert verdict.verdict == "inconclusive"
    assert "without passages they cannot show what it learned" in verdict.reasons[-1]


def test_each_recipe_says_by_which_rules_its_adapters_are_judged() -> None:
    found = {name: recipe.criteria for name, recipe in RECIPES.items()}
    assert (found["facts"], found["grounded"], found["style"]) == (
        Criteria.FACTS,
        Criteria.GROUNDED,
        Criteria.PASSAGES,
    )
