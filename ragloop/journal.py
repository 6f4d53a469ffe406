"""The durable log of answers and feedback.

An entry is on disk (fsync) before `append` returns. Entries stand in one file, home/journal/current.jsonl, which all
processes append to under a lock. `fold` seals that file by renaming it, upserts its entries by id into the tables
`interactions` and `feedback`, forces those to disk and removes the file last: a fold that is killed is repeated without
doubling a row.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa

from ragloop import locks
from ragloop.errors import NotFoundError, UsageError, full_disk_is_an_error
from ragloop.records import FeedbackKind
from ragloop.store import TABLES, Store, after, make_room, quoted, sync_to_disk

Corrected = tuple[Mapping[str, Any], str]
"""A logged answer as its row, and the correction of it."""
Supporting = Callable[[Sequence[Corrected]], Sequence[list[dict[str, Any]] | None]]
"""Says per correction what it rests on, as `feedback.support` holds it; None where nobody can tell."""
FEEDBACK_KINDS = tuple(FeedbackKind)
LONGEST_CORRECTION = 32_000
"""Characters: 4,096 words, the most that dataset.max_answer_words lets into training, of eight letters each."""
_FOLDED = ("interactions", "feedback")
WAIT_S = 10.0
"""How long the log is waited for: others hold its lock for one fsync, which a busy disk may take seconds for."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_TIMES = {"asked_at", "given_at"}


class Journal:
    """The log of one store. `supporting` is asked when corrections are given: later their passages may be gone."""

    def __init__(
        self, store: Store, supporting: Supporting = lambda given: [None] * len(given), *, wait_s: float = WAIT_S
    ) -> None:
        """`wait_s`: how long an entry waits for others to write theirs before StoreBusyError is raised."""
        self.store, self._supporting, self._wait_s = store, supporting, wait_s
        self._folder = store.home / "journal"
        self._current = self._folder / "current.jsonl"
        self._aside = self._folder / "unreadable.lines"

    def append(self, table: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Put entries of `table` (interactions or feedback) on disk, all or none.

        Raises StorageFullError, and StoreBusyError, which names who keeps the log locked.
        """
        lines = b"".join(_line(table, entry) for entry in entries)
        with full_disk_is_an_error(self._folder), self._locked() as file:
            end = _mend_tail(file)
            try:
                _write_all(file.fileno(), lines)
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)
                raise

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The current file, locked. A fold may rename it between open and lock, so its identity is checked after."""
        make_room(self.store.home, self._folder.name)
        while True:
            with open(self._current, "ab+", buffering=0, opener=locks.private) as file:
                locks.must_take(file, f"the log {self._current}", self._wait_s)
                if _is_at(self._current, file):
                    if os.fstat(file.fileno()).st_size == 0:
                        sync_to_disk(self._folder)
                    yield file
                    return

    def fold(self) -> int:
        """Move every entry into the tables; returns how many. Raises StoreBusyError after a minute of waiting."""
        if not self._folder.is_dir() or not any(self._folder.glob("*.jsonl")):
            return 0
        with self.store.lease("journal", wait_s=60):
            if self._current.exists():
                with self._locked():
                    self._current.rename(self._folder / f"sealed-{uuid4().hex}.jsonl")
            return sum(self._fold_file(file) for file in sorted(self._folder.glob("sealed-*.jsonl")))

    def _fold_file(self, file: Path) -> int:
        entries: dict[str, dict[str, dict[str, Any]]] = {table: {} for table in _FOLDED}
        left: list[bytes] = []
        for line in file.read_bytes().split(b"\n"):
            found = parsed(line)
            if found is None:
                left += [line] if line.strip() else []
            else:
                table, entry = found
                entries[table][entry[TABLES[table].names[0]]] = entry
        self._set_aside(left)
        started = time.time()
        for table, by_id in entries.items():
            self.store.upsert(table, pa.Table.from_pylist(list(by_id.values()), schema=TABLES[table]))
            self.store.flush(table, started)
            self.store.tidy(table)
        file.unlink()
        return sum(map(len, entries.values()))

    def _set_aside(self, lines: Sequence[bytes]) -> None:
        """Keep lines that are no entries, torn by a kill or written by something else; they stop no others."""
        if not lines:
            return
        with full_disk_is_an_error(self._folder), open(self._aside, "ab", opener=locks.private) as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def unreadable(self) -> int:
        """How many lines of the log could not be read; they stand in `home/journal/unreadable.lines`."""
        return len(set(self._aside.read_bytes().splitlines())) if self._aside.exists() else 0

    def interactions(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Logged answers, oldest first, in the schema of the table `interactions`."""
        self.fold()
        return self.store.rows("interactions", where, columns).sort_by("asked_at")

    def feedback(self) -> pa.Table:
        """Feedback, oldest first, in the schema of the table `feedback`."""
        self.fold()
        return self.store.rows("feedback").sort_by("given_at")

    def give_feedback(self, interaction_id: str, kind: str, correction: str | None = None) -> str:
        """Append feedback on an answer and return its id. Raises NotFoundError when no such answer was logged."""
        return self.give_all_feedback([(interaction_id, kind, correction)])[0]

    def give_all_feedback(self, given: Sequence[tuple[str, str, str | None]]) -> list[str]:
        """Append several pieces of feedback at once: (interaction id, kind, correction)."""
        for _, kind, correction in given:
            if kind not in FEEDBACK_KINDS or (kind == FeedbackKind.CORRECTION) != bool(
                correction and correction.strip()
            ):
                raise UsageError("feedback is one of --up, --down, or --correction with the right answer")
            if correction and len(correction) > LONGEST_CORRECTION:
                raise UsageError(
                    f"the correction has {len(correction):,} characters, at most {LONGEST_CORRECTION:,} are taken; "
                    "give the right answer alone"
                )
        wanted = sorted({interaction_id for interaction_id, _, _ in given})
        columns = ["interaction_id", "asked_at", "question", "passages"]
        rows = self.interactions(f"interaction_id IN ({quoted(wanted)})", columns).to_pylist()
        known = {row["interaction_id"]: row for row in rows}
        if missing := [one for one in wanted if one not in known]:
            raise NotFoundError(f"found no interaction {missing[0]!r} in the log; `ragloop log tail` lists the newest")
        support = iter(self._supporting([(known[i], c) for i, _, c in given if c]))
        times = self._times(known)
        entries = []
        for interaction_id, kind, correction in given:
            # The last correction counts, also where the clock was set back since the one before.
            at = times[interaction_id] = after(self.store.now(), [times[interaction_id]])
            names = {"feedback_id": uuid4().hex, "interaction_id": interaction_id, "given_at": at}
            rests_on = next(support) if correction else None
            entries.append({**names, "kind": kind, "correction": correction, "support": rests_on})
        self.append("feedback", entries)
        return [str(entry["feedback_id"]) for entry in entries]

    def _times(self, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, datetime]:
        """When each of these answers was given, or the last feedback on it, by interaction id."""
        times = {one: row["asked_at"] or _LONG_AGO for one, row in asked.items()}
        where = f"interaction_id IN ({quoted(sorted(times))})"
        given = self.store.rows("feedback", where, ["interaction_id", "given_at"])
        for one, at in zip(given["interaction_id"].to_pylist(), given["given_at"].to_pylist(), strict=True):
            times[one] = max(times[one], at or _LONG_AGO)
        return times


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a journal entry cannot hold {type(value).__name__}")


def _line(table: str, entry: Mapping[str, Any]) -> bytes:
    """An entry as a line. Half a surrogate pair, which a terminal makes of a byte that is no UTF-8, becomes a `?`."""
    record = json.dumps({"table": table, "entry": dict(entry)}, default=_encode, ensure_ascii=False)
    return record.encode("utf-8", "replace") + b"\n"


def parsed(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Read a line as (table, entry), or None: torn, so that its answer was never returned, or nothing that fits.

    Numbers beyond their column, times beyond the calendar, half surrogate pairs and endless nesting are foreign too.
    """
    try:
        record = json.loads(line)
        entry = record["entry"]
        for name in _TIMES & entry.keys():
            entry[name] = datetime.fromisoformat(entry[name]) if entry[name] is not None else None
        if isinstance(entry.get("latency_ms"), dict):
            entry["latency_ms"] = list(entry["latency_ms"].items())
        if len(entry.get("correction") or "") > LONGEST_CORRECTION:
            return None
        schema = TABLES[record["table"]]
        pa.Table.from_pylist([entry], schema=schema).validate(full=True)
        return (record["table"], entry) if record["table"] in _FOLDED and entry[schema.names[0]] else None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, pa.ArrowException):
        return None


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _mend_tail(file: IO[bytes]) -> int:
    """End a line that a killed writer left torn, so that the next entry starts a line of its own. Returns the size."""
    size = os.fstat(file.fileno()).st_size
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        file.write(b"\n")
        size += 1
    return size


def _write_all(descriptor: int, data: bytes) -> None:
    """A nearly full disk takes a part and says so only at the next call."""
    while data:
        data = data[os.write(descriptor, data) :]
