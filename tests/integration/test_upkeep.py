"""Maintenance of the whole store: what it compacts and removes, and that it leaves alone what is tidy."""

import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ragloop.corpus import maintain
from ragloop.errors import StoreBusyError
from ragloop.reports import Report, Reports
from ragloop.store import Store
from tests.support.backed_up import BackedUp, rows_of
from tests.support.indexed_folder import IndexedFolder, document


@pytest.fixture
def worn(indexed: IndexedFolder) -> BackedUp:
    """A store of many small commits, whose versions are two hours old, and with tombstones."""
    made = BackedUp(indexed, "")
    made.fill(4)
    for number in range(6):
        indexed.write("00.md", document(f"edit{number}"))
        (indexed.folder / "01.md").unlink(missing_ok=True)
        indexed.sync()
        made.app.answering.answerer.ask("What is this?")
        made.app.journal.fold()
    _age(indexed.home)
    return made


def _age(home: Path) -> None:
    """LanceDB tells the age of a version by its manifest's own time; the files' times are ours."""
    then = time.time() - timedelta(hours=2).total_seconds()
    for file in (home / "store").rglob("*"):
        os.utime(file, (then, then))


def _files(home: Path) -> dict[str, int]:
    return {
        one.relative_to(home).as_posix(): one.stat().st_size for one in (home / "store").rglob("*") if one.is_file()
    }


def test_every_table_is_compacted_and_holds_what_it_held(worn: BackedUp) -> None:
    before = worn.state()
    done = worn.app.corpus.maintain()
    after = worn.state()
    assert after["index"] == before["index"]
    assert after["found"] == before["found"]
    for name, rows in rows_of(worn.app.store).items():
        if not name.startswith("index_") and name != "reports":
            assert rows == before["tables"][name], name
    assert {one.name for one in done.tables} == set(worn.app.store.tables.names(""))
    store = worn.app.store
    assert all(store.table(name).stats()["fragment_stats"]["num_fragments"] <= 1 for name in store.tables.names(""))
    assert store.count(worn.app.index.generation.table, "deleted") == 0
    assert worn.healthy()


def test_maintenance_of_a_tidy_store_changes_no_file(worn: BackedUp) -> None:
    worn.app.corpus.maintain()
    before = _files(worn.indexed.home)
    again = worn.app.corpus.maintain()
    assert _files(worn.indexed.home) == before
    assert (again.versions_removed, again.bytes_freed, again.folded) == (0, 0, 0)


def test_old_versions_are_removed(worn: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragloop.corpus.maintain.KEPT_VERSIONS", timedelta(milliseconds=1))
    before = _files(worn.indexed.home)
    done = worn.app.corpus.maintain()
    after = _files(worn.indexed.home).keys()
    left = Counter(name.split("/")[1] for name in after & before.keys() if name.endswith(".manifest"))
    assert set(left.values()) == {1}, left
    assert left.total() < len(done.tables)
    assert done.versions_removed > 20
    assert done.bytes_freed > 0


def test_a_table_that_cannot_be_read_is_said_and_stops_no_other(worn: BackedUp) -> None:
    broken = worn.indexed.home / "store" / "feedback.lance" / "_versions"
    for file in broken.iterdir():
        file.write_bytes(file.read_bytes()[:20])
    done = worn.app.corpus.maintain()
    assert done.problems == ("the table feedback cannot be read; `ragloop doctor` says what is damaged",)
    assert len(done.tables) == len(worn.app.store.tables.names("")) - 1


def test_maintenance_waits_for_no_sync(worn: BackedUp) -> None:
    with worn.app.store.lease("index"), pytest.raises(StoreBusyError):
        worn.app.corpus.maintain()


def test_a_table_is_not_compacted_while_its_writer_holds_its_lease(
    worn: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain, "_LEASE_WAIT_S", 0.1)
    with worn.indexed.app().store.lease("registry"), pytest.raises(StoreBusyError):
        worn.app.corpus.maintain()
    assert not worn.app.corpus.maintain().problems


def test_what_another_writer_adds_while_a_table_is_written_anew_is_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home")
    reports = Reports(store)
    for subject in ("stays", "goes"):
        reports.append(Report("review", subject, store.now(), {}))

    def kept(batch: pa.RecordBatch) -> pa.RecordBatch:
        if not reports.history("drift"):
            Reports(Store.open(tmp_path / "home")).append(Report("drift", "came late", store.now(), {}))
        return batch.filter(pc.not_equal(batch["subject"], "goes"))

    store.tables.rewrite("reports", kept)
    assert {one["subject"] for one in store.rows("reports").to_pylist()} == {"stays", "came late"}
