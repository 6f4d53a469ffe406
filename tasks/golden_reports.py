"""What an operator sees of golden questions: their ids and figures, and no text; see tasks/reporting.py."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragloop.markdown import bullets, moment, table
from ragloop.wording import counted
from tasks.pictures import golden_over_time
from tasks.reporting import MOST_ROWS, publish

if TYPE_CHECKING:
    from ragloop.learning.comparing.trend import GoldenReport
    from ragloop.orchestrator.names import Names

_OF_TREND = ("recall@5", "contains_answer", "citation_recall", "abstention_recall", "latency_ms")
_MOST_EARLIER = 20
"""Comparisons in the table over time; older ones are in the picture."""


def publish_golden(names: "Names", made: "GoldenReport", comparisons: Sequence[Mapping[str, Any]]) -> None:
    """Publish the measures of the golden questions, today and over time, and the questions that are stale."""
    asked = made.comparison.whole.questions if made.comparison else 0
    told = f"{counted(asked, 'golden question')} asked, {len(made.stale):,} stale"
    parts = (*_comparison(made), golden_over_time(comparisons), _earlier(comparisons), *_stale(made))
    publish(names, "golden-comparison", told, *parts)


def _comparison(made: "GoldenReport") -> list[str]:
    from ragloop.learning.comparing.report import rows, slice_rows

    found = made.comparison
    if found is None:
        return []
    sides = "a: the settings as they are" if found.b is None else f"a: the settings as they are; b: {found.b}"
    parts = [bullets([sides, *found.left_out]), _rows_table(rows(found.whole))]
    slices = slice_rows(found)[:MOST_ROWS]
    return [*parts, *(["## Slices", _rows_table(slices)] if slices else [])]


def _rows_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table without the columns that are empty in every row."""
    columns = [
        name for name in dict.fromkeys(name for row in rows for name in row) if any(row.get(name) for row in rows)
    ]
    return table(columns, ([row.get(name) for name in columns] for row in rows))


def _earlier(comparisons: Sequence[Mapping[str, Any]]) -> str:
    columns = ("compared (UTC)", "questions", "stale", *(name.replace("_", " ") for name in _OF_TREND))
    newest_first = list(reversed(comparisons))[:_MOST_EARLIER]
    return table(
        columns,
        (
            (moment(one["at"]), one["questions"], one["stale"], *(one["a"].get(name) for name in _OF_TREND))
            for one in newest_first
        ),
    )


def _stale(made: "GoldenReport") -> list[str]:
    if not made.stale:
        return []
    listed = table(
        ("golden question", "standing", "why"), ((c.golden.golden_id, c.standing, c.why) for c in made.stale)
    )
    confirm = "`ragloop golden check --confirm ID` keeps a question that holds, `ragloop golden remove ID` drops it."
    return ["## Stale", confirm, listed]
