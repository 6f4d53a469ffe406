"""What was asked on each of the last days: questions, abstentions, votes and corrections."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.journal import Journal, LogTable
from ragloop.records import FeedbackKind


@dataclass(frozen=True)
class DayOfTraffic:
    """The answers of one day (UTC), and the feedback that was given on that day."""

    day: date
    questions: int = 0
    abstained: int = 0
    up: int = 0
    down: int = 0
    corrections: int = 0


def traffic(journal: Journal, days: int) -> list[DayOfTraffic]:
    """Count what was asked and said on each of the last `days` days, today first; reads two columns of what is new."""
    today = journal.store.now().date()
    first = today - timedelta(days=days - 1)
    answers, feedback = journal.tables()
    asked = _since(answers, "asked_at", "abstained", first)
    given = _since(feedback, "given_at", "kind", first)
    return [
        DayOfTraffic(
            day,
            questions=asked[day, True] + asked[day, False],
            abstained=asked[day, True],
            up=given[day, FeedbackKind.UP],
            down=given[day, FeedbackKind.DOWN],
            corrections=given[day, FeedbackKind.CORRECTION],
        )
        for day in (today - timedelta(days=back) for back in range(days))
    ]


def _since(table: LogTable, time: str, column: str, first: date) -> Counter[tuple[date, object]]:
    """Count rows by their day and the value of a column, from the first day on."""
    where = f"{time} >= timestamp '{datetime.combine(first, datetime.min.time())}'"
    rows = table.rows([time, column], where)
    days = pc.cast(rows[time], pa.date32())
    return Counter(zip(days.to_pylist(), rows[column].to_pylist(), strict=True))
