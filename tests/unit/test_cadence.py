"""When training is due, and the sentence that says why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ragloop.learning.monitoring.cadence import NOTHING_TRAINED, RetrainDecision, Spent, Trained, decide
from ragloop.learning.monitoring.drift import DriftReport, Signal, SignalAction, SignalKind, SignalState
from tests.support.policies import cadence_policy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
POLICY = cadence_policy(every_days=7, cooldown_days=2, min_new_examples=100, drift_min_new_examples=20)


def report(action: str = "none", state: str = "drift") -> DriftReport:
    found = SignalState(state), SignalAction(action)
    return DriftReport((Signal("questions", SignalKind.QUERY, 0.1, 0.01, 0.05, 200, 200, *found),))


def at(
    days_ago: float | None, new_eligible: int, drift: DriftReport | None = None, rejected: int = 0
) -> RetrainDecision:
    trained = NOTHING_TRAINED if days_ago is None else Trained(NOW - timedelta(days=days_ago), rejected)
    return decide(drift, now=NOW, trained=trained, new_eligible=new_eligible, policy=POLICY)


def test_cadence_needs_days_and_new_examples() -> None:
    assert at(7, 100).due
    assert not at(6.9, 100).due
    assert not at(7, 99).due


def test_the_first_training_needs_examples_only() -> None:
    assert at(None, 100) == RetrainDecision(
        True, ("Cadence rings: nothing was trained before, 100 new eligible examples (100 needed).",)
    )
    assert not at(None, 99).due


def test_drift_rings_before_the_cadence_with_fewer_examples() -> None:
    assert at(3, 20, report("retrain")) == RetrainDecision(
        True, ("Drift rings: questions drifted, 20 new eligible examples (20 needed).",)
    )


def test_drift_without_examples_to_learn_from_does_not_ring() -> None:
    decision = at(3, 1, report("retrain"))
    assert not decision.due
    assert decision.reasons[1] == "Drift does not ring: questions drifted, 1 new eligible example (20 needed)."


@pytest.mark.parametrize("action", ["curate", "reindex", "roll back", "recalibrate"])
def test_drift_that_asks_for_something_else_does_not_ring(action: str) -> None:
    decision = at(3, 90, report(action))
    assert not decision.due
    assert f"questions asks to {action}" in decision.reasons[1]


@pytest.mark.parametrize("days_ago", [0, 1.99])
def test_nothing_is_trained_in_the_cooldown_whatever_rings(days_ago: float) -> None:
    decision = at(days_ago, 10_000, report("retrain"))
    assert not decision.due
    assert decision.reasons[0].startswith("In cooldown: ")


def test_the_cooldown_ends_at_its_last_moment() -> None:
    assert at(2, 20, report("retrain")).due


@pytest.mark.parametrize(("rejected", "days"), [(0, 2), (1, 4), (2, 7), (3, 7), (5_000, 7)])
def test_drift_waits_twice_as_long_after_each_rejection_up_to_the_cadence(rejected: int, days: float) -> None:
    assert not at(days - 0.01, 20, report("retrain"), rejected).due
    assert at(days, 20, report("retrain"), rejected).due


def test_a_wait_after_rejections_is_told_with_its_days() -> None:
    assert at(3, 20, report("retrain"), 2).reasons[1] == (
        "Drift does not ring: questions drifted, but the gate rejected the last 2 adapters, so drift waits 7 days "
        "after a training (3.0 passed)."
    )
    assert "the gate rejected the last adapter, so" in at(3, 20, report("retrain"), 1).reasons[1]


def test_the_cadence_rings_whatever_was_rejected() -> None:
    assert at(7, 100, None, 9).due


def test_without_a_cooldown_drift_waits_too() -> None:
    policy = replace(POLICY, cooldown_days=0.0)

    def due(hours: float) -> bool:
        trained = Trained(NOW - timedelta(hours=hours), 1)
        return decide(report("retrain"), now=NOW, trained=trained, new_eligible=50, policy=policy).due

    assert not due(47)
    assert due(48)


def test_a_clock_that_was_set_back_counts_as_cooldown_and_is_named() -> None:
    decision = at(-400, 10_000, report("retrain"))
    assert decision == RetrainDecision(
        False,
        (
            "In cooldown: the last training lies 400.0 days in the future; the clock was set back, "
            "or the record is wrong.",
        ),
    )


def test_a_decision_not_to_train_gives_both_reasons_with_their_figures() -> None:
    assert at(3, 5, report(state="not enough data")).reasons == (
        "Cadence does not ring: 3.0 days since the last training (7 needed), 5 new eligible examples (100 needed).",
        "Drift does not ring: no signal asks to retrain, not enough data for 1 of 1 signal.",
    )
    assert at(3, 5).reasons[1] == "Drift does not ring: it was not measured."


def test_both_bells_are_named_where_both_ring() -> None:
    assert len(at(8, 200, report("retrain")).reasons) == 2


def test_times_in_two_zones_are_compared_as_moments() -> None:
    elsewhere = (NOW - timedelta(days=7)).astimezone(timezone(timedelta(hours=9)))
    assert decide(None, now=NOW, trained=Trained(elsewhere), new_eligible=100, policy=POLICY).due


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        decide(None, now=NOW, trained=Trained(NOW.replace(tzinfo=None)), new_eligible=0, policy=POLICY)


@pytest.mark.parametrize("wrong", [{"every_days": -1}, {"cooldown_days": -0.1}, {"min_new_examples": 0}])
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cadence_policy(**wrong)


def test_nothing_is_trained_beyond_the_budget_whatever_rings() -> None:
    policy = replace(POLICY, budget_hours=4.0)

    def due(hours: float, last_hours: float) -> RetrainDecision:
        last = NOW - timedelta(days=9)
        spent = Spent(hours, last_hours)
        return decide(report("retrain"), now=NOW, trained=Trained(last), new_eligible=500, policy=policy, spent=spent)

    assert due(3.0, 1.0).due
    assert due(3.5, 1.0) == RetrainDecision(
        False,
        (
            "Over budget: trainings of the last 30 days took 3.5 of 4 hours, and another one as long as the last "
            "takes 1.0.",
        ),
    )
    assert at(9, 500, report("retrain")).due, "without a budget there is no limit"
