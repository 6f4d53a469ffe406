"""What a canary decides: e-values from counts, counts from answers and votes, and what becomes of a challenger."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ragloop.answering.routing import Arm, Assigned, assigned
from ragloop.config.settings import CanarySettings
from ragloop.learning.canary.betting import BETS, CENTRES, Cell, factors, not_worse, worse
from ragloop.learning.canary.decision import LEAST_ANSWERS, CanaryAction, CanaryPolicy, decide
from ragloop.learning.canary.outcomes import LoggedAnswer, LoggedVote, Measure, Tally, tallied

AT = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = CanaryPolicy((0.01, 0.05, 0.25), margin=0.03, alpha=0.05, questions=2000, slow_ms=1000.0)


@given(
    share=st.floats(0.001, 0.999),
    margin=st.floats(0.001, 0.4),
    champion=st.floats(0, 0.5),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_no_bet_gains_on_average_where_the_difference_is_the_margin(
    share: float, margin: float, champion: float, sign: float
) -> None:
    challenger = champion + margin
    chances = [share * challenger, share * (1 - challenger), (1 - share) * champion, (1 - share) * (1 - champion)]
    found = factors(share, margin, sign)
    assert found.shape == (4, len(CENTRES), len(BETS))
    assert (found > 0).all(), "nothing is ever lost for good"
    assert np.allclose(np.tensordot(chances, found, axes=1), 1.0)


def test_the_capital_of_one_bet_is_the_product_of_its_factors() -> None:
    cells = [Cell(0.05, 3, 1, 40, 6), Cell(0.25, 10, 4, 30, 5)]
    by_hand = np.ones((len(CENTRES), len(BETS)))
    for cell in cells:
        outcomes = [0] * cell.challenger_bad + [1] * (cell.challenger - cell.challenger_bad)
        outcomes += [2] * cell.champion_bad + [3] * (cell.champion - cell.champion_bad)
        for outcome in outcomes:
            by_hand *= factors(cell.share, 0.03, 1.0)[outcome]
    assert worse(cells, 0.03) == pytest.approx(by_hand.mean())
    assert worse([], 0.03) == not_worse([], 0.03) == 1.0


def test_evidence_grows_with_what_is_seen_and_for_one_side_alone() -> None:
    bad, equal = Cell(0.25, 400, 140, 1200, 180), Cell(0.25, 3000, 450, 9000, 1350)
    assert worse([bad], 0.03) > 1000 > 1 > not_worse([bad], 0.03)
    assert not_worse([equal], 0.03) > 20 > 1 > worse([equal], 0.03)
    assert worse([Cell(0.5, 10**6, 10**6, 10**6, 0)], 0.03) > 1e100, "no number overflows"


@pytest.mark.parametrize("cell", [(0.0,), (1.0,), (0.5, 1, 2), (0.5, 0, 0, 1, 2)])
def test_impossible_counts_are_refused(cell: Sequence[float]) -> None:
    with pytest.raises(ValueError, match="found"):
        Cell(*cell)


def answer(name: str, arm: Arm, *, unit: str = "", share: float = 0.25, minute: int = 0) -> LoggedAnswer:
    at = AT + timedelta(minutes=minute)
    return LoggedAnswer(name, unit or name, at, Assigned(arm, share, "a1"), False, False, 10.0)


def vote(name: str, *, bad: bool, hours: int = 1) -> LoggedVote:
    return LoggedVote(name, AT + timedelta(hours=hours), bad)


def test_a_conversation_counts_once_by_its_first_answer_and_its_first_vote() -> None:
    first = replace(answer("1", Arm.CHALLENGER, unit="talk"), abstained=True)
    second = replace(answer("2", Arm.CHALLENGER, unit="talk", minute=1), latency_ms=5000.0)
    votes = [vote("1", bad=False, hours=9), vote("2", bad=True, hours=8)]
    found = tallied([second, first], votes, slow_ms=1000.0)
    assert found.cells[Measure.ABSTAINED] == (Cell(0.25, 1, 1),)
    assert found.cells[Measure.SLOW] == (Cell(0.25, 1, 0),)
    assert found.cells[Measure.THUMBS_DOWN] == (Cell(0.25, 1, 1),)
    assert found.asked(0.25) == found.asked(0.25, Arm.CHALLENGER) == 2


def test_what_a_conversation_says_after_a_larger_share_moved_it_is_left_out() -> None:
    before = answer("1", Arm.CHAMPION, unit="talk", share=0.05)
    after = answer("2", Arm.CHALLENGER, unit="talk", share=0.25, minute=1)
    found = tallied([before, after], [vote("2", bad=True)], slow_ms=1000.0)
    assert found.cells[Measure.THUMBS_DOWN] == ()
    assert found.cells[Measure.ABSTAINED] == (Cell(0.05, champion=1),)
    assert found.asked(0.25) == 1, "but the share has answered it"


def test_votes_of_other_answers_and_votes_that_come_hours_late_are_told_apart() -> None:
    given = [answer("1", Arm.CHAMPION), answer("2", Arm.CHALLENGER)]
    votes = [vote("1", bad=False, hours=30), vote("2", bad=True, hours=50), vote("3", bad=True)]
    assert tallied(given, votes, 1000.0).cells[Measure.THUMBS_DOWN] == (Cell(0.25, 1, 1, 1, 0),)


def of_two_thousand(slow: Callable[[Arm, int], bool], quick: Callable[[int], bool]) -> CanaryAction:
    """What is done where question `n` is slow for a side, and one side has an answer to give again."""
    found = []
    for number in range(2000):
        who = assigned(f"i{number}", "a1", 0.25)
        took = 5000.0 if slow(who.arm, number) else 10.0
        at = AT + timedelta(seconds=number)
        found.append(LoggedAnswer(f"i{number}", f"i{number}", at, who, False, False, took, not quick(number)))
    return decide(0.25, tallied(found, [], POLICY.slow_ms), POLICY).action


def test_a_fair_challenger_stays_where_the_champion_gives_answers_again_that_it_must_write() -> None:
    def slow(arm: Arm, number: int) -> bool:
        return arm is Arm.CHALLENGER or number % 10 == 0  # writing is slow, and nine of ten were asked before

    assert of_two_thousand(slow, lambda number: number % 10 != 0) is not CanaryAction.ROLL_BACK
    assert of_two_thousand(slow, lambda _: False) is CanaryAction.ROLL_BACK, "it would be, were these compared"
    slower = lambda arm, number: arm is Arm.CHALLENGER  # noqa: E731
    assert of_two_thousand(slower, lambda number: number % 10 != 0) is CanaryAction.ROLL_BACK, "of what both write"


def tally(cell: Cell, asked: int, tried: int) -> Tally:
    counts = {(cell.share, Arm.CHALLENGER): tried, (cell.share, Arm.CHAMPION): asked - tried}
    return Tally({Measure.ABSTAINED: (cell,)}, counts)


def test_a_challenger_that_is_worse_is_rolled_back_with_the_figures() -> None:
    decision = decide(0.25, tally(Cell(0.25, 400, 140, 1200, 180), 1600, 400), POLICY)
    assert decision.action is CanaryAction.ROLL_BACK
    assert decision.evidence >= 20
    assert "abstained: 140 of 400 by the challenger, 180 of 1200 by the champion" in decision.reasons[1]


def test_a_share_lasts_until_enough_questions_were_answered_by_both() -> None:
    def action(share: float, asked: int, tried: int) -> tuple[CanaryAction, float]:
        found = decide(share, tally(Cell(share, 1, 0, 1, 0), asked, tried), POLICY)
        return found.action, found.share

    assert action(0.01, 1999, LEAST_ANSWERS) == (CanaryAction.STAY, 0.01)
    assert action(0.01, 2000, LEAST_ANSWERS - 1) == (CanaryAction.STAY, 0.01)
    assert action(0.01, 2000, LEAST_ANSWERS) == (CanaryAction.RAMP, 0.05)
    assert action(0.05, 2000, 100) == (CanaryAction.RAMP, 0.25)
    assert action(0.25, 2000, 500) == (CanaryAction.PROMOTE, 1.0)


def test_what_was_shown_to_be_no_worse_in_anything_goes_on_before() -> None:
    cell = Cell(0.25, 3000, 450, 9000, 1350)
    counts = {(0.25, Arm.CHALLENGER): 30, (0.25, Arm.CHAMPION): 90}
    assert decide(0.25, Tally(dict.fromkeys(Measure, (cell,)), counts), POLICY).action is CanaryAction.PROMOTE
    in_three = {one: (cell,) for one in Measure if one is not Measure.THUMBS_DOWN}
    assert decide(0.25, Tally(in_three, counts), POLICY).action is CanaryAction.STAY


@pytest.mark.parametrize("shares", [(), (0.5, 0.1), (0.1, 0.1), (0.5, 1.0), (0.0, 0.5)])
def test_shares_that_do_not_ascend_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares"):
        replace(POLICY, shares=shares)
    with pytest.raises(ValidationError):
        CanarySettings(shares=shares)


def test_a_unit_stays_with_its_arm_and_a_larger_share_only_adds_units() -> None:
    units = [f"talk {number}" for number in range(4000)]

    def tried(share: float, adapter: str = "a1") -> set[str]:
        return {one for one in units if assigned(one, adapter, share).arm is Arm.CHALLENGER}

    assert tried(0.05) <= tried(0.25)
    assert 150 < len(tried(0.05)) < 250
    overlap = len(tried(0.25) & tried(0.25, "a2"))
    assert 180 < overlap < 330, "another challenger gets other units"


def test_what_is_logged_of_an_assignment_is_read_again() -> None:
    for share in (0.05, 1 / 3, 1e-05):
        one = Assigned(Arm.CHALLENGER, share, "a0123")
        assert Assigned.of(str(one)) == one
    assert Assigned.of("") is None
