"""On how many days a signal must differ, and what of an earlier day counts."""

from datetime import UTC, date, datetime

import pytest

from ragloop.learning.monitoring.drift import DriftReport, Signal, SignalAction, SignalKind, SignalState
from ragloop.learning.monitoring.persistence import confirmed, differed_before

DRIFT, NOTHING = ("drift", "retrain"), ("ok", "none")


def report(*found: tuple[str, str, str], kind: str = "query") -> DriftReport:
    signals = (
        Signal(name, SignalKind(kind), 0.1, 0.001, 0.0025, 500, 250, SignalState(state), SignalAction(action))
        for name, state, action in found
    )
    return DriftReport(tuple(signals))


@pytest.mark.parametrize(
    ("earlier", "state", "days"),
    [
        ([], "waits", 1),
        ([{"questions"}], "waits", 2),
        ([{"questions"}, {"questions"}], "drift", 3),
        ([{"questions"}, {"abstention_share"}, {"questions"}], "waits", 2),
        ([set(), {"questions"}, {"questions"}], "waits", 1),
        ([{"questions"}] * 9, "drift", 10),
    ],
)
def test_a_signal_counts_where_it_differed_on_enough_days_in_a_row(
    earlier: list[set[str]], state: str, days: int
) -> None:
    [signal] = confirmed(report(("questions", *DRIFT)), earlier, 3).signals
    assert (signal.state, signal.days) == (state, days)
    assert signal.action == ("retrain" if state == "drift" else "none")


def test_each_signal_has_days_of_its_own_and_one_that_does_not_differ_has_none() -> None:
    found = confirmed(report(("questions", *DRIFT), ("top_similarity", *NOTHING)), [{"top_similarity"}] * 5, 3)
    assert [(one.state, one.days) for one in found.signals] == [("waits", 1), ("ok", None)]


def test_one_day_counts_at_once_and_so_do_documents() -> None:
    assert confirmed(report(("questions", *DRIFT)), [], 1).signals[0].state == "drift"
    assert confirmed(report(("documents", *DRIFT), kind="corpus"), [], 3).signals[0].state == "drift"


def test_of_each_earlier_day_the_last_measurement_counts_and_today_is_none_of_them() -> None:
    def measured(day: int, hour: int, state: str) -> tuple[datetime, list[dict[str, str]]]:
        return datetime(2026, 1, day, hour, tzinfo=UTC), [
            {"name": "questions", "state": state},
            {"name": "documents", "state": "ok"},
        ]

    kept = [measured(1, 9, "drift"), measured(3, 9, "ok"), measured(3, 18, "waits"), measured(4, 9, "drift"),
            measured(4, 18, "not enough data"), measured(5, 9, "drift")]  # fmt: skip
    assert differed_before(date(2026, 1, 5), kept) == [set(), {"questions"}, {"questions"}]
