"""What is kept of each day: what the index held, how late it was, and what was asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.sync.report import Change, ChangeKind
from ragloop.corpus.sync.scans import days_of_syncs, record_lags
from ragloop.learning.monitoring.traffic import DayOfTraffic, traffic
from ragloop.reports import Reports

pytestmark = pytest.mark.realmodel


def on(day: datetime, place: Path) -> App:
    return App(load_settings(home=place / "home"), now=lambda: day)


def test_a_day_has_one_row_with_its_last_counts_and_its_longest_p95(tmp_path: Path) -> None:
    monday, folder = datetime(2030, 1, 7, 9, tzinfo=UTC), tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("# Heron\n\nThe heron eats frogs.\n")
    on(monday, tmp_path).corpus.sync(folder)
    (folder / "b.md").write_text("# Crane\n\nThe crane dances.\n")
    app = on(monday + timedelta(hours=1), tmp_path)
    app.corpus.sync(folder)
    record_lags(Reports(app.store), [Change(ChangeKind.UPDATED, "notes", "a.md", lag_s=7200.0)])
    record_lags(Reports(app.store), [Change(ChangeKind.UPDATED, "notes", "a.md", lag_s=1.0)])
    (folder / "a.md").unlink()
    on(monday + timedelta(days=1), tmp_path).corpus.sync(folder)
    tuesday, before = days_of_syncs(Reports(app.store))
    assert (tuesday.day.day, tuesday.documents) == (8, 1)
    assert (before.day.day, before.documents, before.quarantined, before.p95_s) == (7, 2, 0, 7200.0)


def test_traffic_counts_answers_and_feedback_by_the_day(tmp_path: Path) -> None:
    monday, folder = datetime(2030, 1, 7, 23, 59, tzinfo=UTC), tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("# Heron\n\nThe heron eats frogs.\n")
    app = on(monday, tmp_path)
    app.corpus.sync(folder)
    known, unknown = app.answering.answerer.ask_all(["What does the heron eat?", "Who composed the ninth symphony?"])
    app.journal.give_feedback(known.interaction_id, "up")
    tuesday = on(monday + timedelta(hours=1), tmp_path)
    tuesday.journal.give_all_feedback([
        (unknown.interaction_id, "down", None), (known.interaction_id, "correction", "frogs")
    ])  # fmt: skip
    assert traffic(tuesday.journal, 3) == [
        DayOfTraffic((monday + timedelta(days=1)).date(), down=1, corrections=1),
        DayOfTraffic(monday.date(), questions=2, abstained=1, up=1),
        DayOfTraffic((monday - timedelta(days=1)).date()),
    ]
