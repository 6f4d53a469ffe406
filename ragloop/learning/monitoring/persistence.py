"""Whether a signal has differed on enough days in a row to count as drift. Pure.

Windows of two days in a row share most of their questions, so their tests are far from independent: three days in a row
at a level of .01 are no test at .000001. But a false alarm ends when some of the questions that made it leave the
window, after two days or three, and a new topic stays. What is found and what it costs is measured, not derived
(benchmarks/drift_errors.py). The corpus signal is a census and counts at once.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from ragloop.learning.monitoring.drift import DRIFT, DriftReport, Signal, SignalAction, SignalKind, SignalState

_DIFFERED = (SignalState.DRIFT, SignalState.WAITS)


def differed_before(
    today: date, measured: Iterable[tuple[datetime, Sequence[Mapping[str, Any]]]]
) -> list[frozenset[str]]:
    """Return the signals that differed on each day before today on which drift was measured, the newest day first.

    `measured`: times, the oldest first, each with the rows of its signals. The last of a day counts.
    """
    last = {at.date(): signals for at, signals in measured if at.date() < today}
    days = (last[day] for day in sorted(last, reverse=True))
    return [frozenset(one["name"] for one in signals if one["state"] in _DIFFERED) for signals in days]


def confirmed(report: DriftReport, earlier: Sequence[Set[str]], days: int) -> DriftReport:
    """Return the report with the days in a row on which each signal differed; on fewer than `days` it waits.

    `earlier` holds the signals that differed on each day before on which drift was measured, the newest first.
    """
    return DriftReport(tuple(_confirmed(one, earlier, days) for one in report.signals))


def _confirmed(signal: Signal, earlier: Sequence[Set[str]], days: int) -> Signal:
    if signal.state != DRIFT or signal.kind is SignalKind.CORPUS:
        return signal
    before = next((n for n, differed in enumerate(earlier) if signal.name not in differed), len(earlier))
    counted = replace(signal, days=1 + before)
    return counted if 1 + before >= days else replace(counted, state=SignalState.WAITS, action=SignalAction.NONE)
