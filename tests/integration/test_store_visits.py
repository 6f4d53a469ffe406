"""How seldom LanceDB's thread is visited, and how few commits are made: each visit is two changes of thread."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from lancedb.background_loop import LOOP

from ragloop.app import App
from ragloop.store.tables import Reads
from tests.support.dying import Dying
from tests.support.indexed_folder import IndexedFolder


@pytest.fixture
def one(indexed: IndexedFolder) -> IndexedFolder:
    """An index of one document, synced twice."""
    indexed.settings = {"retrieval": {"min_similarity": -1}}
    indexed.write("heron.md", "# Herons\n\nThe heron eats frogs.\n")
    indexed.sync()
    indexed.sync()
    return indexed


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """Returns how often LanceDB's thread is asked while something is done."""
    asked, run = [], LOOP.run

    def counting(coroutine: object) -> object:
        asked.append(coroutine)
        return run(coroutine)

    monkeypatch.setattr(LOOP, "run", counting)

    def of(work: Callable[[], object]) -> int:
        asked.clear()
        work()
        return len(asked)

    return of


def test_whole_rows_are_read_in_one_visit(one: IndexedFolder, visits: Callable[[Callable[[], object]], int]) -> None:
    store = one.app().store
    assert visits(lambda: store.rows("reports", "kind = 'sync'", ["subject", "body"])) == 1
    assert visits(lambda: store.count("reports")) == 1
    assert visits(lambda: store.reads.schema("reports")) == 1
    assert visits(lambda: store.reads.read_through("reports")) == 1


@pytest.mark.parametrize(
    ("what", "most"),
    [
        (lambda app: app.corpus.diagnose(), 67),
        (lambda app: app.answering.answerer.ask("What does the heron eat?"), 30),
        (lambda app: app.status(), 60),
    ],
    ids=["doctor", "ask", "status"],
)
def test_what_is_done_often_visits_it_seldom(
    one: IndexedFolder, visits: Callable[[Callable[[], object]], int], what: Callable[[App], object], most: int
) -> None:
    assert visits(lambda: what(one.app())) <= most


def test_a_sync_that_finds_nothing_visits_it_seldom_and_commits_its_reports_alone(
    one: IndexedFolder, visits: Callable[[Callable[[], object]], int]
) -> None:
    one.boundary = made = Dying()
    assert visits(one.sync) <= 34
    assert made.made == ["upsert reports"] * 2, "one for the scan, one for the run and its day"


@pytest.fixture
def reports_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the table of reports since."""
    asked, rows = list[str](), Reads.rows

    def noting(reads: Reads, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        asked.extend([where or ""] * (name == "reports"))
        return rows(reads, name, where, columns)

    monkeypatch.setattr(Reads, "rows", noting)
    return asked


def test_a_sync_reads_its_reports_as_often_for_many_sources_as_for_one(
    indexed: IndexedFolder, tmp_path: Path, reports_read: list[str]
) -> None:
    for name in ("herons", "geese", "ducks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bird.md").write_text(f"# {name}\n\nThe {name} fly.\n")
    settings = {"sources": [{"name": one, "uri": str(tmp_path / one)} for one in ("herons", "geese", "ducks")]}
    assert indexed.sync(settings).added == 3
    reports_read.clear()
    assert indexed.sync(settings).unchanged == 3
    assert len(reports_read) == 3, "which sources there are, what the run asks for, and the day"
