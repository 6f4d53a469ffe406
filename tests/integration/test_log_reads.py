"""The log at any size: appends share an fsync, feedback folds nothing, and readers read columns and the newest rows."""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ragloop.errors import NotFoundError, UsageError
from ragloop.journal import Journal
from ragloop.journal.log import MUCH_UNFOLDED
from ragloop.learning.export import PART, export_log
from ragloop.store import TABLES, Store
from tests.support.bytes_read import bytes_read

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
THREADS = 16


def entry(number: int, **more: Any) -> dict[str, Any]:
    asked_at = BEGIN + timedelta(minutes=number)
    return {"interaction_id": f"i{number}", "asked_at": asked_at, "question": f"What is {number}?", **more}


def logged(journal: Journal, count: int, answer: Callable[[], str] = str) -> None:
    """Answers in the table, as a fold leaves them."""
    rows = [entry(number, answer=answer()) for number in range(count)]
    journal.store.insert("interactions", pa.Table.from_pylist(rows, schema=TABLES["interactions"]))


def test_what_is_taken_replaces_what_waited(journal: Journal) -> None:
    journal.append("interactions", [entry(1, answer="old"), entry(2, answer="other")])
    journal.take("interactions", [entry(1, answer="corrected")])
    journal.fold()
    assert [one["answer"] for one in journal.interactions().to_pylist()] == ["corrected", "other"]


def test_no_feedback_is_no_feedback(journal: Journal) -> None:
    logged(journal, 1)
    assert journal.give_all_feedback([]) == []
    assert journal.counts()["feedback"] == 0


def waiting(journal: Journal) -> list[dict[str, Any]]:
    """The entries that are in the journal's file."""
    lines = (journal.store.home / "journal" / "current.jsonl").read_bytes().splitlines()
    return [json.loads(line)["entry"] for line in lines]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "home")


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store)


class SlowDisk:
    """An fsync that begins with the first append and ends when it is let."""

    def __init__(self) -> None:
        self.fsyncs: list[int] = []
        self.begun, self.may_end = threading.Event(), threading.Event()

    def fsync(self, descriptor: int) -> None:
        self.begun.set()
        assert self.may_end.wait(20)
        os.fsync(descriptor)
        self.fsyncs.append(os.fstat(descriptor).st_size)


def test_appends_that_wait_for_an_fsync_share_the_next(store: Store) -> None:
    disk = SlowDisk()
    journal = Journal(store, fsync=disk.fsync)
    with ThreadPoolExecutor(THREADS) as pool:
        first = pool.submit(journal.append, "interactions", [entry(0)])
        assert disk.begun.wait(20)
        others = [pool.submit(journal.append, "interactions", [entry(n)]) for n in range(1, THREADS)]
        while len(journal._segment._waiting) < THREADS - 1:
            assert not any(one.done() for one in [first, *others]), "an append returned before its line was on disk"
        disk.may_end.set()
        for one in (first, *others):
            one.result()
    assert len(disk.fsyncs) == 2 < THREADS
    assert sorted(one["interaction_id"] for one in waiting(journal)) == sorted(f"i{n}" for n in range(THREADS))
    assert disk.fsyncs[-1] == (store.home / "journal" / "current.jsonl").stat().st_size


def test_appends_that_cannot_be_forced_to_disk_fail_all_and_leave_no_line(store: Store) -> None:
    disk = SlowDisk()

    def fsync(descriptor: int) -> None:
        disk.fsync(descriptor)
        if len(disk.fsyncs) == 2:
            raise OSError("the disk went away")

    journal = Journal(store, fsync=fsync)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(journal.append, "interactions", [entry(0)])
        assert disk.begun.wait(20)
        others = [pool.submit(journal.append, "interactions", [entry(n)]) for n in (1, 2)]
        while len(journal._segment._waiting) < 2:
            pass
        disk.may_end.set()
        first.result()
        for one in others:
            with pytest.raises(OSError, match="the disk went away"):
                one.result()
    journal.append("interactions", [entry(3)])
    assert [one["interaction_id"] for one in waiting(journal)] == ["i0", "i3"]


def test_feedback_folds_nothing_whether_its_answer_is_folded_or_not(journal: Journal) -> None:
    logged(journal, 3)
    journal.append("interactions", [entry(9)])
    before = {name: journal.store.table(name).version for name in ("interactions", "feedback")}
    for number, kind in ((1, "up"), (9, "down"), (9, "up")):
        journal.give_feedback(f"i{number}", kind)
    assert {name: journal.store.table(name).version for name in before} == before
    assert [one.get("kind") for one in waiting(journal)] == [None, "up", "down", "up"]
    with pytest.raises(NotFoundError, match="found no interaction 'i8'"):
        journal.give_feedback("i8", "up")
    assert journal.feedback()["interaction_id"].to_pylist() == ["i1", "i9", "i9"]


def test_feedback_that_waits_counts_when_the_next_is_dated(tmp_path: Path) -> None:
    journal = Journal(Store.open(tmp_path / "home", now=lambda: BEGIN))
    logged(journal, 12)
    for _ in range(2):
        journal.give_all_feedback([(f"i{number}", "up", None) for number in range(12)])
    times = journal.feedback().filter(pa.compute.equal(journal.feedback()["interaction_id"], "i11"))["given_at"]
    asked = BEGIN + timedelta(minutes=11)
    assert times.to_pylist() == [asked + timedelta(microseconds=1), asked + timedelta(microseconds=2)]


def test_what_waits_and_what_is_folded_are_counted_and_shown_together(journal: Journal) -> None:
    logged(journal, 5)
    journal.append("interactions", [entry(7), entry(2, answer="late")])
    journal.give_feedback("i7", "up")
    assert journal.counts() == {"interactions": 6, "feedback": 1}
    assert journal.newest(3)["interaction_id"].to_pylist() == ["i3", "i4", "i7"]
    assert journal.newest(100)["interaction_id"].to_pylist() == ["i0", "i1", "i2", "i3", "i4", "i7"]
    assert len(waiting(journal)) == 3


def test_what_a_killed_fold_left_behind_is_counted_once(journal: Journal) -> None:
    journal.append("interactions", [entry(1), entry(2)])
    file = journal.store.home / "journal" / "current.jsonl"
    lines = file.read_bytes()
    journal.fold()
    file.with_name("sealed-0.jsonl").write_bytes(lines)
    journal.append("interactions", [entry(3)])
    assert journal.counts()["interactions"] == 3
    assert journal.newest(9)["interaction_id"].to_pylist() == ["i1", "i2", "i3"]


def test_an_empty_log_has_no_newest_answers(journal: Journal) -> None:
    assert journal.counts() == {"interactions": 0, "feedback": 0}
    assert journal.newest(3).num_rows == 0


def test_much_that_waits_is_folded_once_by_what_reads_it(journal: Journal) -> None:
    journal.append("interactions", [entry(n, answer="a" * 1_000) for n in range(MUCH_UNFOLDED // 1_000)])
    before = journal.store.table("interactions").version
    for _ in range(3):
        journal.counts()
        journal.give_feedback("i1", "up")
    assert journal.store.table("interactions").version == before + 1


def test_the_newest_answers_are_read_without_the_others(journal: Journal) -> None:
    logged(journal, 20_000, lambda: os.urandom(400).hex())
    everything = bytes_read(journal.interactions)
    few = bytes_read(lambda: journal.newest(10))
    counted = bytes_read(journal.counts)
    given = bytes_read(lambda: journal.give_feedback("i9", "up"))
    assert few < everything / 10, (few, everything)
    assert counted < everything / 50, (counted, everything)
    assert given < everything / 10, (given, everything)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_an_export_of_several_parts_is_in_order_and_each_answer_has_its_feedback(
    journal: Journal, tmp_path: Path, suffix: str
) -> None:
    rows = [entry(number) for number in range(PART + 10)]
    journal.store.insert("interactions", pa.Table.from_pylist(rows[::-1], schema=TABLES["interactions"]))
    journal.give_all_feedback(
        [(f"i{PART + 5}", "down", None), (f"i{PART + 5}", "correction", "It is"), ("i3", "up", None)]
    )
    file = tmp_path / f"log{suffix}"
    assert export_log(journal, file) == PART + 10
    if suffix == ".parquet":
        found = pq.read_table(file).to_pylist()
    else:
        found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["interaction_id"] for row in found] == [row["interaction_id"] for row in rows]
    given = {row["interaction_id"]: [one["kind"] for one in row["feedback"]] for row in found if row["feedback"]}
    assert given == {"i3": ["up"], f"i{PART + 5}": ["down", "correction"]}


def test_an_empty_log_exports_a_file_with_columns(journal: Journal, tmp_path: Path) -> None:
    assert export_log(journal, tmp_path / "log.parquet") == 0
    assert pq.read_schema(tmp_path / "log.parquet").names == [*TABLES["interactions"].names, "feedback"]


@pytest.mark.parametrize(
    ("kind", "correction"), [("correction", "  "), ("correction", None), ("up", "x"), ("odd", None)]
)
def test_feedback_that_says_nothing_is_refused_in_words_of_no_command(
    journal: Journal, kind: str, correction: str | None
) -> None:
    with pytest.raises(UsageError) as refused:
        journal.give_feedback("i1", kind, correction)
    assert str(refused.value) == "feedback is up, down, or a correction that holds the right answer"
