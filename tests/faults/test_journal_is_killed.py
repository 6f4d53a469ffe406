"""The log under kill -9, torn lines, full disks and two processes at once: what was returned is there, once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragloop.errors import NotFoundError, StorageFullError, UsageError
from ragloop.journal import Journal
from ragloop.store import Store
from tests.faults.conftest import SmallDisk

REPOSITORY = Path(__file__).parent.parent.parent

WRITER = """
import sys
from pathlib import Path
from tests.faults.test_journal_is_killed import entry
from ragloop.journal import Journal
from ragloop.store import Store

home, name, count, fold_every = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
journal = Journal(Store.open(home))
print("ready", flush=True)
for number in range(count):
    journal.append("interactions", [entry(f"{name}-{number}")])
    print(f"{name}-{number}", flush=True)
    if fold_every and number % fold_every == fold_every - 1:
        journal.fold()
"""


def entry(interaction_id: str) -> dict[str, object]:
    return {
        "interaction_id": interaction_id,
        "asked_at": datetime.now(UTC),
        "question": "What do otters eat?\nFish\u2028?",
        "answer": "Fish. " * 50,
        "abstained": False,
        "passages": [{"chunk_id": "c", "document_id": "d", "revision": "r", "text_hash": "h", "rank": 1}],
        "latency_ms": {"embed": 1.5, "generate": 2.0},
    }


def _start(home: Path, name: str, count: int = 10**6, fold_every: int = 0) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), name, str(count), str(fold_every)],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def _kill(writer: "subprocess.Popen[str]") -> list[str]:
    """The ids whose append had returned when the process was killed; the last line may be torn."""
    writer.send_signal(signal.SIGKILL)
    out, _ = writer.communicate()
    return [line for line in out.splitlines(keepends=True) if line.endswith("\n")]


def _logged(home: Path) -> Counter[str]:
    return Counter(Journal(Store.open(home)).interactions()["interaction_id"].to_pylist())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Store.open(tmp_path / "home"))


@pytest.mark.parametrize(
    "fold_every",
    [pytest.param(0, id="while it appends", marks=pytest.mark.long), pytest.param(7, id="while it folds")],
)
def test_every_answer_that_was_returned_before_the_kill_is_logged_once(tmp_path: Path, fold_every: int) -> None:
    returned: list[str] = []
    pick = random.Random(fold_every)
    for attempt in range(2):
        writer = _start(tmp_path / "home", f"run{attempt}", fold_every=fold_every)
        time.sleep(pick.uniform(0.05, 0.5))
        returned += [line.strip() for line in _kill(writer)]
    logged = _logged(tmp_path / "home")
    assert len(returned) > 3
    assert set(returned) <= set(logged)
    assert set(logged.values()) == {1}
    assert len(logged) - len(returned) <= 2, "at most the one answer of each run whose append had not returned"
    assert not list((tmp_path / "home" / "journal").glob("sealed-*"))


def test_a_fold_that_was_killed_after_its_rows_were_stored_doubles_none(journal: Journal, tmp_path: Path) -> None:
    journal.append("interactions", [entry(f"a{n}") for n in range(5)])
    sealed = (tmp_path / "home" / "journal" / "current.jsonl").read_bytes()
    assert journal.fold() == 5
    (tmp_path / "home" / "journal" / "sealed-0.jsonl").write_bytes(sealed)
    assert _logged(tmp_path / "home") == Counter({f"a{n}": 1 for n in range(5)})


def test_a_torn_last_line_is_passed_over_and_what_follows_is_not(journal: Journal, tmp_path: Path) -> None:
    journal.append("interactions", [entry("whole")])
    with (tmp_path / "home" / "journal" / "current.jsonl").open("ab") as file:
        file.write(b'{"table": "interactions", "entry": {"interaction_id": "torn", "qu')
    journal.append("interactions", [entry("after")])
    assert set(_logged(tmp_path / "home")) == {"whole", "after"}


def test_two_processes_that_append_and_fold_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    Store.open(tmp_path / "home")
    writers = [_start(tmp_path / "home", name, count=60, fold_every=9) for name in ("a", "b")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    expected = {f"{name}-{number}" for name in ("a", "b") for number in range(60)}
    assert _logged(tmp_path / "home") == Counter(dict.fromkeys(expected, 1))


def test_what_was_logged_reads_back_as_it_was_written(journal: Journal) -> None:
    written = entry("one")
    journal.append("interactions", [written])
    (row,) = journal.interactions().to_pylist()
    for name in ("question", "answer", "asked_at", "abstained"):
        assert row[name] == written[name]
    assert dict(row["latency_ms"]) == written["latency_ms"]
    assert row["passages"][0]["chunk_id"] == "c"


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_an_answer_and_loses_none_that_was_returned(small_disk: SmallDisk) -> None:
    home = small_disk.place / "home"
    journal = Journal(Store.open(home))
    journal.append("interactions", [entry("before")])
    small_disk.fill()
    returned = ["before"]
    with pytest.raises(StorageFullError, match="free some space"):  # noqa: PT012
        for number in range(100):
            journal.append("interactions", [entry(f"full-{number}")])
            returned.append(f"full-{number}")
    size = (home / "journal" / "current.jsonl").stat().st_size
    with pytest.raises(StorageFullError):
        journal.append("interactions", [entry(f"all-{number}") for number in range(40)])
    assert (home / "journal" / "current.jsonl").stat().st_size == size, "all of a write or none of it"
    with pytest.raises(StorageFullError):
        journal.fold()
    small_disk.make_room()
    journal.append("interactions", [entry("after")])
    assert _logged(home) == Counter(dict.fromkeys([*returned, "after"], 1))


# --- feedback --------------------------------------------------------------------------------------------------------


def test_feedback_is_appended_and_never_edited_in(journal: Journal) -> None:
    journal.append("interactions", [entry("one")])
    journal.give_feedback("one", "up")
    journal.give_feedback("one", "correction", "Fish and crabs")
    assert journal.feedback()["kind"].to_pylist() == ["up", "correction"]
    assert journal.interactions().num_rows == 1


def test_feedback_on_an_answer_that_was_never_logged_is_refused(journal: Journal) -> None:
    with pytest.raises(NotFoundError, match="found no interaction 'nothing' in the log"):
        journal.give_feedback("nothing", "up")
    assert journal.feedback().num_rows == 0


@pytest.mark.parametrize(
    ("kind", "correction"), [("great", None), ("correction", None), ("correction", " "), ("up", "x")]
)
def test_feedback_of_no_known_kind_is_refused(journal: Journal, kind: str, correction: str | None) -> None:
    journal.append("interactions", [entry("one")])
    with pytest.raises(UsageError, match="feedback is up, down, or a correction"):
        journal.give_feedback("one", kind, correction)


def test_an_entry_is_one_line_of_json(journal: Journal, tmp_path: Path) -> None:
    journal.append("interactions", [entry("one"), entry("two")])
    lines = (tmp_path / "home" / "journal" / "current.jsonl").read_bytes().split(b"\n")
    assert [json.loads(line)["entry"]["interaction_id"] for line in lines[:-1]] == ["one", "two"]
    assert lines[-1] == b""
    assert os.stat(tmp_path / "home" / "journal" / "current.jsonl").st_size > 0  # noqa: PTH116


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b'{"table": "zzz", "entry": {}}',
        b'{"table": "feedback", "entry": {}}',
        b'{"table": "feedback", "entry": {"feedback_id": "a", "kind": 3}}',
        b'{"table": "reports", "entry": {"report_id": "a"}}',
    ],
)
def test_a_line_that_is_no_entry_is_set_aside_and_stops_no_other(tmp_path: Path, line: bytes):
    journal = Journal(Store.open(tmp_path))
    journal.append("interactions", [{"interaction_id": "one", "asked_at": datetime.now(UTC)}])
    with (tmp_path / "journal" / "current.jsonl").open("ab") as file:
        file.write(line + b"\n")
    journal.append("interactions", [{"interaction_id": "two", "asked_at": datetime.now(UTC)}])
    assert journal.interactions()["interaction_id"].to_pylist() == ["one", "two"]
    assert journal.unreadable() == 1
    assert line in (tmp_path / "journal" / "unreadable.lines").read_bytes()


def test_a_question_that_is_not_utf8_is_logged_and_folded(tmp_path: Path):
    journal = Journal(Store.open(tmp_path))
    journal.append(
        "interactions", [{"interaction_id": "one", "asked_at": datetime.now(UTC), "question": "what \udcff"}]
    )
    assert journal.interactions()["question"].to_pylist() == ["what ?"]


def test_a_correction_has_a_longest_length_in_the_command_and_in_the_log(tmp_path: Path) -> None:
    journal = Journal(Store.open(tmp_path))
    journal.append("interactions", [entry("one")])
    with pytest.raises(UsageError, match="the correction has 32,001 characters, at most 32,000 are taken"):
        journal.give_feedback("one", "correction", "a" * 32_001)
    journal.give_feedback("one", "correction", "a" * 32_000)
    given_at = datetime.now(UTC)
    foreign = {"feedback_id": "f", "interaction_id": "one", "given_at": given_at, "kind": "correction"}
    journal.append("feedback", [{**foreign, "correction": "b" * 1_000_000}])
    assert [len(text) for text in journal.feedback()["correction"].to_pylist()] == [32_000]
    assert journal.unreadable() == 1
