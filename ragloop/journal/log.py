"""The log of one store: entries are appended to a file, and folded into the tables `interactions` and `feedback`.

An entry is on disk (fsync) before `append` returns. `fold` seals the file by renaming it, upserts its entries by id,
forces the tables to disk and removes the file last: a fold that is killed is repeated without doubling a row.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.errors import NotFoundError, UsageError
from ragloop.hashes import sha256_of_text
from ragloop.journal.answered import Answered
from ragloop.journal.entries import FEEDBACK_KINDS, FOLDED, LONGEST_CORRECTION, Entries, line_of, redacted
from ragloop.journal.segment import Segment
from ragloop.journal.tables import LogTable
from ragloop.records import FeedbackKind
from ragloop.store import TABLES, Store, after, quoted

Corrected = tuple[Mapping[str, Any], str]
"""A logged answer as its row, and the correction of it."""
Supporting = Callable[[Sequence[Corrected]], Sequence[list[dict[str, Any]] | None]]
"""Says per correction what it rests on, as `feedback.support` holds it; None where nobody can tell."""
MUCH_UNFOLDED = 4 * 2**20
"""Bytes, of some 1,600 answers: what reads the log reads so many beside the tables rather than fold them first."""
_FEW = 8
"""Interactions that are looked for as bytes in the lines; more are looked for in what the lines say."""
WAIT_S = 10.0
"""How long the log is waited for: others hold its lock for one fsync, which a busy disk may take seconds for."""
_ID = 32
"""Digits of an id: as many as a random one has."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MAPS = tuple(one.name for one in TABLES["interactions"] if pa.types.is_map(one.type))
_TIME = {"interactions": "asked_at", "feedback": "given_at"}


class Journal:
    """The log of one store. `supporting` is asked when corrections are given: later their passages may be gone.

    `screened(correction)` returns a correction as it is logged, `redacted(text)` a text without personal data.
    """

    def __init__(
        self,
        store: Store,
        supporting: Supporting = lambda given: [None] * len(given),
        *,
        screened: Callable[[str], str] = str,
        redacted: Callable[[str], str] = str,
        wait_s: float = WAIT_S,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        """Open the journal of a store.

        `wait_s` is how long an entry waits for others to write theirs before StoreBusyError is raised; `fsync` forces
        the file of the log to disk.
        """
        self.store, self._supporting, self._screened = store, supporting, screened
        self._redacted = redacted
        self._segment = Segment(store.home, wait_s, fsync)
        self.answered = Answered(store, self._segment, self._waiting)

    def append(self, table: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Put entries of `table` (interactions or feedback) on disk, all or none; threads share an fsync.

        Raises StorageFullError, and StoreBusyError, which names who keeps the log locked.
        """
        self._segment.append(b"".join(line_of(table, redacted(entry, self._redacted)) for entry in entries))

    def fold(self, *, also_erased: bool = False) -> int:
        """Move every entry into the tables; returns how many. Raises StoreBusyError after a minute of waiting.

        With `also_erased` answers of erased documents are moved, too: an erasure removes them from the tables itself,
        and counts them.
        """
        if self._segment.is_empty():
            return 0
        with self.store.lease("journal", wait_s=60):
            return self._fold_all(also_erased=also_erased)

    def _fold_all(self, *, also_erased: bool = False) -> int:
        if self._segment.is_empty():
            return 0
        erased = frozenset[str]() if also_erased else _erased_documents(self.store)
        return sum(self._fold_file(file, erased) for file in self._segment.seal())

    def _fold_file(self, file: Path, erased: Set[str]) -> int:
        entries = Entries.of(file.read_bytes().split(b"\n"))
        read = sum(map(len, entries.by_table.values()))
        self._segment.set_aside(entries.unreadable)
        # An answer that was under way while its documents were erased was logged after the erasure looked.
        entries = entries.without(erased)
        started = time.time()
        for table in FOLDED:
            self.store.upsert(table, entries.table(table))
            self.store.upkeep.flush(table, started)
            self.store.upkeep.tidy(table)
        file.unlink()
        return read

    def take(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put many entries into their table at once, in place of those with the same ids: for an import of traffic.

        What waits is folded first: a later fold would put older entries of these ids in their place.
        Corrections are asked what they rest on. Raises StorageFullError, and StoreBusyError after a minute of waiting.
        """
        if not rows:
            return
        rows = [redacted(row, self._redacted) for row in rows]
        rows = self._supported(rows) if table == "feedback" else rows
        with self.store.lease("journal", wait_s=60):
            self._fold_all()
            started = time.time()
            self.store.upsert_rows(table, rows)
            self.store.upkeep.flush(table, started)
            self.store.upkeep.tidy(table)

    def _supported(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return feedback with what its corrections rest on."""
        wanted = sorted({row["interaction_id"] for row in rows if row["correction"]})
        known = self._answers(wanted, self._waiting(wanted)) if wanted else {}
        given = [(known[row["interaction_id"]], row["correction"]) for row in rows if row["interaction_id"] in known]
        given = [one for one in given if one[1]]
        support = iter(self._supporting(given)) if given else iter(())
        corrected = [bool(row["correction"]) and row["interaction_id"] in known for row in rows]
        supported = [next(support) if one else None for one in corrected]
        return [{**row, "support": one} for row, one in zip(rows, supported, strict=True)]

    def unreadable(self) -> int:
        """Count the lines of the log that could not be read; they stand in `home/journal/unreadable.lines`."""
        return self._segment.unreadable()

    def tables(self) -> tuple[LogTable, LogTable]:
        """Return the tables `interactions` and `feedback` as they are now, after everything that waits was folded."""
        self.fold()
        return self._table("interactions"), self._table("feedback")

    def _table(self, name: str) -> LogTable:
        return LogTable(self.store, name, _TIME[name])

    def counts(self) -> dict[str, int]:
        """Count the interactions and the pieces of feedback that are logged; read no row of the tables."""
        waiting = self._waiting()
        tables = {name: self._table(name) for name in FOLDED}
        return {name: table.count() + _beside(table, waiting.table(name)).num_rows for name, table in tables.items()}

    def newest(self, count: int) -> pa.Table:
        """Return the newest logged answers, newest last, in the schema of the table `interactions`."""
        waiting, table = self._waiting().table("interactions"), self._table("interactions")
        rows = pa.concat_tables([table.take(table.newest(count)), _beside(table, waiting)]).sort_by("asked_at")
        return rows.slice(max(0, rows.num_rows - count))

    def interactions(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all logged answers, oldest first, in the schema of the table `interactions`."""
        self.fold()
        return self.store.rows("interactions", where, columns).sort_by("asked_at")

    def feedback(self) -> pa.Table:
        """Return all feedback, oldest first, in the schema of the table `feedback`."""
        self.fold()
        return self.store.rows("feedback").sort_by("given_at")

    def _waiting(self, about: Sequence[str] = ()) -> Entries:
        """Return what is not folded yet, of these few interactions or of all; fold it where it is much."""
        if self._segment.size() > MUCH_UNFOLDED:
            self.fold()
        lines = self._segment.unfolded()
        if 0 < len(about) <= _FEW:
            lines = (line for line in lines if any(one.encode("utf-8", "replace") in line for one in about))
        return Entries.of(lines)

    def give_feedback(self, interaction_id: str, kind: str, correction: str | None = None) -> str:
        """Append feedback on an answer and return its id. Raises NotFoundError when no such answer was logged."""
        return self.give_all_feedback([(interaction_id, kind, correction)])[0]

    def give_all_feedback(self, given: Sequence[tuple[str, str, str | None]], *, once: bool = False) -> list[str]:
        """Append several pieces of feedback at once: (interaction id, kind, correction).

        With `once`, the id of a piece follows from what it says, so that the log has it once, whoever else appends it.
        """
        given = [(one, kind, text and self._screened(text)) for one, kind, text in given]
        for _, kind, correction in given:
            if kind not in FEEDBACK_KINDS or (kind == FeedbackKind.CORRECTION) != bool(
                correction and correction.strip()
            ):
                raise UsageError("feedback is up, down, or a correction that holds the right answer")
            _must_fit(correction or "")
        if not given:
            return []
        wanted = sorted({interaction_id for interaction_id, _, _ in given})
        waiting = self._waiting(wanted)
        known = self._answers(wanted, waiting)
        if missing := [one for one in wanted if one not in known]:
            raise NotFoundError(_unknown(missing[0]))
        support = iter(self._supporting([(known[i], c) for i, _, c in given if c]))
        times = self._times(known, waiting)
        entries = []
        for interaction_id, kind, correction in given:
            # The last correction counts, also where the clock was set back since the one before.
            at = times[interaction_id] = after(self.store.now(), [times[interaction_id]])
            feedback_id = self._id_of(interaction_id, kind, correction) if once else uuid4().hex
            names = {"feedback_id": feedback_id, "interaction_id": interaction_id, "given_at": at}
            rests_on = next(support) if correction else None
            entries.append({**names, "kind": kind, "correction": correction, "support": rests_on})
        self.append("feedback", entries)
        return [str(entry["feedback_id"]) for entry in entries]

    def _id_of(self, interaction_id: str, kind: str, correction: str | None) -> str:
        return sha256_of_text(f"{interaction_id}\0{kind}\0{self._redacted(correction or '')}")[:_ID]

    def answer(self, interaction_id: str) -> dict[str, Any]:
        """Return the row of a logged answer. Raises NotFoundError."""
        waiting = self._waiting([interaction_id]).table("interactions").to_pylist()
        found = [row for row in waiting if row["interaction_id"] == interaction_id] or self.store.rows(
            "interactions", f"interaction_id IN ({quoted([interaction_id])})"
        ).to_pylist()
        if not found:
            raise NotFoundError(_unknown(interaction_id))
        return {**found[0], **{name: dict(found[0][name] or ()) for name in _MAPS}}

    def _answers(self, wanted: Sequence[str], waiting: Entries) -> dict[str, Mapping[str, Any]]:
        """Return what corrections need to know of these answers, by interaction id."""
        columns = ["interaction_id", "asked_at", "question", "rewritten", "passages"]
        held = self.store.rows("interactions", f"interaction_id IN ({quoted(wanted)})", columns).to_pylist()
        rows = [*waiting.table("interactions").select(columns).to_pylist(), *held]
        return {row["interaction_id"]: row for row in rows if row["interaction_id"] in wanted}

    def _times(self, asked: Mapping[str, Mapping[str, Any]], waiting: Entries) -> dict[str, datetime]:
        """Return when each of these answers was given, or the last feedback on it, by interaction id."""
        times = {one: row["asked_at"] or _LONG_AGO for one, row in asked.items()}
        columns = ["interaction_id", "given_at"]
        given = self.store.rows("feedback", f"interaction_id IN ({quoted(sorted(times))})", columns).to_pylist()
        for row in (*waiting.table("feedback").select(columns).to_pylist(), *given):
            one, at = row["interaction_id"], row["given_at"] or _LONG_AGO
            if one in times:
                times[one] = max(times[one], at)
        return times


def _erased_documents(store: Store) -> Set[str]:
    """Return the ids of the documents that were erased, and may not be indexed again."""
    if not store.tables.has("suppressions"):  # it is gone, which doctor says
        return frozenset()
    return frozenset(store.rows("suppressions", "kind = 'document'", ["sha256"])["sha256"].to_pylist())


def as_logged(journal: Journal, correction: str) -> str:
    """Return a correction as a log holds it. Raises UsageError where it holds no text, or too much."""
    screened = journal._screened(correction)
    if not screened.strip():
        raise UsageError("found no text in the correction, expected the right answer")
    _must_fit(screened)
    return journal._redacted(screened)


def _must_fit(correction: str) -> None:
    """Raise UsageError for a correction that is too long."""
    if len(correction) > LONGEST_CORRECTION:
        raise UsageError(
            f"the correction has {len(correction):,} characters, at most {LONGEST_CORRECTION:,} are taken; "
            "give the right answer alone"
        )


def _unknown(interaction_id: str) -> str:
    return f"found no interaction {interaction_id!r} in the log; `ragloop log tail` lists the newest"


def _beside(table: LogTable, rows: pa.Table) -> pa.Table:
    """Return the rows that are not in the table."""
    key = rows.schema.names[0]
    if not rows.num_rows:
        return rows
    there = table.rows([key], f"{key} IN ({quoted(rows[key].to_pylist())})")[key]
    return rows.filter(pc.invert(pc.is_in(rows[key], value_set=there)))
