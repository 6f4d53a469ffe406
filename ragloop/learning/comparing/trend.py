"""Comparisons on golden questions that are kept: an operator sees where the answers are going.

What is kept are means and counts, with the settings that were compared; no text of a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragloop.learning.comparing.comparison import Comparison
from ragloop.learning.golden.standing import Checked
from ragloop.reports import Report, Reports
from ragloop.store import Store

COMPARISON = "golden-comparison"


@dataclass(frozen=True)
class GoldenReport:
    """A comparison on the golden questions of a home, None where all of them are stale, and those that are."""

    comparison: Comparison | None
    stale: Sequence[Checked] = ()


def keep(store: Store, made: GoldenReport, key: str = "") -> None:
    """Keep the means of a comparison; `key` is that of Reports.append."""
    Reports(store).append(Report(COMPARISON, "", store.now(), _body(made)), key)


def kept_comparisons(store: Store) -> list[dict[str, Any]]:
    """Return the comparisons that were kept, oldest first."""
    return [one.dated() for one in Reports(store).history(COMPARISON)]


def _body(made: GoldenReport) -> Mapping[str, Any]:
    found = made.comparison
    lines = found.whole.lines if found else ()
    return {
        "stale": len(made.stale),
        "questions": found.whole.questions if found else 0,
        "configurations": {"a": found.a, "b": found.b} if found else {},
        "a": {line.measure: line.a.mean for line in lines},
        "b": {line.measure: line.b.mean for line in lines if line.b},
    }
