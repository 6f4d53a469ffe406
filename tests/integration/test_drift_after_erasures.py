"""What people go on asking after an erasure is compared with what they asked since, and not with a log without it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.erasure.asked import Asked
from ragloop.learning.monitoring.windows import DriftMeasurement
from tests.support.indexed_folder import IndexedFolder
from tests.support.word_embedder import WordEmbedder

SETTINGS = {"drift": {"window": 40, "min_questions": 20, "days": 1}}
LONG_AGO = timedelta(days=30)
LATER = "The reference begins after the erasure of "


@pytest.fixture
def home(tmp_path: Path) -> IndexedFolder:
    home = IndexedFolder(tmp_path / "home", tmp_path / "documents", WordEmbedder(), SETTINGS)
    home.write("ferry.md", "# Ferry\n\nThe ferry leaves at nine.\n")
    home.sync()
    return home


def logged(app: App, count: int, age: timedelta = timedelta(0), *, known: bool = True) -> list[str]:
    """Answers of which every fourth is about hives, which abstain unless they are known; the ids of these."""
    begin = app.store.now() - age
    rows = [
        {
            "interaction_id": f"{begin:%s%f}-{n}",
            "asked_at": begin + timedelta(milliseconds=n),
            "question": f"Who keeps hive {n}, and where?" if n % 4 == 0 else f"When does ferry {n} leave port {n % 3}?",
            "answer": f"Answer {n}.",
            "abstained": n % 4 == 0 and not known,
        }
        for n in range(count)
    ]
    app.journal.append("interactions", rows)
    return [str(row["interaction_id"]) for row in rows[::4]]


def measured(home: IndexedFolder) -> tuple[DriftMeasurement, list[str]]:
    found = home.app().learning.measure_drift()
    return found, [one.name for one in found.report.drifted]


def test_a_topic_that_was_erased_and_is_still_asked_about_is_no_drift(home: IndexedFolder) -> None:
    app = home.app()
    app.erasing.run(Asked(interactions=tuple(logged(app, 100, LONG_AGO))))
    logged(app, 80, known=False)
    found, drifted = measured(home)
    assert drifted == []
    assert [one.n_reference for one in found.report.signals if one.name == "questions"] == [40]
    assert found.decision.reasons[-1].startswith(LATER)
    assert found.decision.reasons[-1].endswith("erasures removed 25 answers of the time before.")
    shutil.rmtree(home.home / "artifacts" / "erasures")
    assert "questions" in measured(home)[1], "held against a log without it, it would be"


def test_few_erased_answers_leave_the_reference_alone_until_they_add_up(home: IndexedFolder) -> None:
    app = home.app()
    hives = logged(app, 200, LONG_AGO)
    for ids in (hives[:25], hives[25:]):
        app.erasing.run(Asked(interactions=tuple(ids)))
        said = [one for one in measured(home)[0].decision.reasons if one.startswith(LATER)]
        assert len(said) == (ids[-1] == hives[-1]), said
