"""What people decided about withheld deletes: kept for ever, and heeded by every sync for as long as it holds."""

from datetime import timedelta
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.sync.decided_deletes import decide, decisions, refusals
from ragloop.reports import Reports
from ragloop.store import Store, utc_now

pytestmark = pytest.mark.realmodel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty documents that were indexed, of which twelve are gone."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.md").write_text(f"# Note {number}\n\nThe heron of pond {number} eats frogs.\n")
    opened(tmp_path).corpus.sync(folder)
    for file in sorted(folder.iterdir())[:12]:
        file.unlink()
    return folder


def opened(place: Path, days: float = 0) -> App:
    return App(load_settings(home=place / "home"), now=lambda: utc_now() + timedelta(days=days))


def test_a_refusal_holds_for_its_days_and_then_the_deletes_are_withheld_again(folder: Path, tmp_path: Path) -> None:
    app = opened(tmp_path)
    gone = frozenset((one.source, one.key) for one in app.corpus.sync(folder).withheld)
    decide(app.store, gone, approved=False, by="Ada", reason="a mount is away", days=3)
    (folder / "19.md").unlink()
    report = opened(tmp_path).corpus.sync(folder)
    assert (len(report.refused), report.deleted, report.withheld_deletes, report.complete) == (12, 1, 0, True)
    assert report.notices[0].startswith("12 documents are gone from the source and kept until ")
    assert report.notices[0].endswith(": refused by Ada (a mount is away)")
    assert opened(tmp_path, days=4).corpus.sync(folder).withheld_deletes == 12
    assert opened(tmp_path).corpus.sync(folder, confirm_deletes=True).deleted == 12


def test_every_decision_is_kept_with_who_and_why(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home")
    notes = frozenset({("notes", "a.md"), ("notes", "b.md"), ("mail", "c.eml")})
    for _ in range(2):  # a task that is tried again
        decide(store, notes, approved=True, by="Ada", reason="they left", days=7, key="question 1")
    decide(store, notes, approved=False, by="Ben", reason="", key="question 2")
    first, second = decisions(Reports(store))
    assert (first.approved, first.by, first.reason, first.counts) == (True, "Ada", "they left", {"mail": 1, "notes": 2})
    assert (second.sentence, second.until, refusals(Reports(store))) == ("refused by Ben", None, [])
