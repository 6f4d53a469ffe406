"""The log of answers: which rest on what is erased, and how they and their feedback go.

An answer goes when it, or a correction of it, rests on a document that is erased, or when its question, its text or a
correction has a run of words of it. One that was merely shown a passage stays, without that passage.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ragloop.catalogue import Derived
from ragloop.durable import whole_file
from ragloop.erasure.removing.work import Counts, Work
from ragloop.erasure.traces import Traces
from ragloop.journal import Journal, parsed, rests_on
from ragloop.store import Store
from ragloop.traffic.intake.requests import unpacked

_LEASE_WAIT_S = 60
_COLUMNS = ["interaction_id", "question", "rewritten", "answer", "passages", "citations", "support"]
_CORRECTIONS = ["interaction_id", "correction", "support"]
_BATCH = 16_384
StandsIn = Callable[[str], bool]


@dataclass(frozen=True)
class Logged:
    """An answer as far as an erasure looks at it, with the corrections of it."""

    interaction_id: str
    question: str
    answer: str
    behind: frozenset[str]
    """Documents that the answer or a correction rests on."""
    shown: frozenset[str]
    corrections: tuple[str, ...] = ()
    votes: int = 0
    rewritten: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what was asked, looked for, answered and corrected."""
        return tuple(filter(None, (*self.questions, self.answer, *self.corrections)))

    @property
    def questions(self) -> tuple[str, ...]:
        """Return what was asked, and what was looked for in its place."""
        return tuple(filter(None, (self.question, *self.rewritten)))

    def rests_on(self, documents: frozenset[str], interactions: Iterable[str], stands_in: StandsIn) -> bool:
        """Return whether it rests on one of these documents, is one of these answers, or has words of theirs."""
        if self.interaction_id in interactions or self.behind & documents:
            return True
        return any(map(stands_in, self.texts))

    def mentions(self, documents: frozenset[str]) -> bool:
        """Return whether it was shown a passage of one of these documents."""
        return bool((self.shown | self.behind) & documents)


def logged(store: Store) -> list[Logged]:
    """Read every answer that is logged, in the tables and in the journal."""
    answers: dict[str, Mapping[str, Any]] = {}
    feedback: dict[str, list[Mapping[str, Any]]] = {}
    for table, row in _entries(store):
        if table == "interactions":
            answers[row["interaction_id"]] = row
        else:
            feedback.setdefault(row["interaction_id"], []).append(row)
    return [_logged(row, feedback.get(one, [])) for one, row in answers.items()]


def _entries(store: Store) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for line in _unfolded(store.home / "journal"):
        if found := parsed(line):
            yield found
    for table, columns in (("interactions", _COLUMNS), ("feedback", _CORRECTIONS)):
        with store.errors():
            for batch in store.table(table).search().select(columns).to_batches(_BATCH):
                yield from ((table, row) for row in batch.to_pylist())


def _unfolded(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.glob("*.jsonl")):
        with suppress(FileNotFoundError):
            yield from file.read_bytes().split(b"\n")


def _logged(row: Mapping[str, Any], feedback: Sequence[Mapping[str, Any]]) -> Logged:
    given = tuple(text for one in feedback if (text := one.get("correction")))
    return Logged(
        row["interaction_id"],
        row.get("question") or "",
        row.get("answer") or "",
        rests_on(row).union(*map(rests_on, feedback)),
        frozenset(one["document_id"] for one in row.get("passages") or ()),
        given,
        len(feedback) - len(given),
        tuple((row.get("rewritten") or "").splitlines()),
    )


# --- erase ------------------------------------------------------------------------------------------------------------


def fold(work: Work, entry: Derived) -> Counts:
    """Move what waits in the journal into the tables, where it is erased; its files are removed."""
    return {"journal lines": Journal(work.store).fold(also_erased=True)}


def erase_interactions(work: Work, entry: Derived) -> Counts:
    """Delete the answers that rest on what is erased, and take its passages out of the others."""
    gone, traces = gone_interactions(work), work.traces
    kept = _Kept(entry.name, lambda row: row["interaction_id"] not in gone, lambda row: _without_passages(row, traces))
    _rewrite(work.store, entry, kept)
    return {"answers": kept.deleted, "answers that lost a passage": kept.changed}


def erase_feedback(work: Work, entry: Derived) -> Counts:
    """Delete the feedback on answers that are erased, and take what is erased out of what the rest rests on."""
    there = set(work.store.rows("interactions", None, ["interaction_id"])["interaction_id"].to_pylist())
    gone, traces = gone_interactions(work), work.traces

    def stays(row: Mapping[str, Any]) -> bool:
        one = row["interaction_id"]
        lost = one not in there and (traces.rest_in([row["correction"]]) or rests_on(row) & traces.documents)
        return one not in gone and not lost

    kept = _Kept(entry.name, stays, lambda row: _without_support(row, traces))
    _rewrite(work.store, entry, kept)
    return {"pieces of feedback": kept.deleted}


def gone_interactions(work: Work) -> frozenset[str]:
    """Return the answers that rest on what is erased, those included that were given since it was planned."""
    traces = work.traces
    found = (
        one.interaction_id
        for one in logged(work.store)
        if one.rests_on(traces.documents, traces.interactions, traces.runs.stand_in)
    )
    return traces.interactions | frozenset(found)


def erase_unreadable(work: Work, entry: Derived) -> Counts:
    """Delete the lines that are no entries and have something of what is erased."""
    file = work.store.home / "journal" / "unreadable.lines"
    if not file.exists():
        return {}
    with work.store.lease("journal", wait_s=_LEASE_WAIT_S):
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [one for one in lines if not _rests(work.traces, one)]
        if len(kept) < len(lines):
            with whole_file(file) as part:
                part.write_bytes(b"".join(kept))
                part.chmod(0o600)
    return {"unreadable lines": len(lines) - len(kept)}


def erase_waiting(work: Work, entry: Derived) -> Counts:
    """Remove the requests of other services that wait to be logged and have something of what is erased.

    One that cannot be unpacked is removed: nobody could tell.
    """
    removed = 0
    for file in (work.store.home / entry.name.partition("/")[0]).glob("*/*"):
        with suppress(FileNotFoundError):
            if file.name != "lock" and _request_rests(work.traces, file.read_bytes()):
                file.unlink()
                removed += 1
    return {"requests that wait": removed}


def _request_rests(traces: Traces, kept: bytes) -> bool:
    try:
        head, _, body = kept.partition(b"\n")
        return _rests(traces, unpacked(body, json.loads(head)["encoding"]))
    except (ValueError, LookupError, TypeError):
        return True


def _rests(traces: Traces, line: bytes) -> bool:
    text = line.decode("utf-8", "replace")
    ids = (*traces.documents, *traces.interactions)
    return any(one in text for one in ids) or traces.runs.stand_in(text) or traces.names.stand_in(text)


class _Kept:
    """What becomes of the rows of a table, batch by batch."""

    def __init__(
        self,
        table: str,
        stays: Callable[[Mapping[str, Any]], bool],
        changed: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        self.table, self.deleted, self.changed = table, 0, 0
        self._stays, self._change = stays, changed

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that stay, as they stay."""
        rows = batch.to_pylist()
        left = [(row, self._change(row)) for row in rows if self._stays(row)]
        changed = sum(row != now for row, now in left)
        self.deleted += len(rows) - len(left)
        self.changed += changed
        if len(left) == len(rows) and not changed:
            return batch
        return pa.RecordBatch.from_pylist([dict(now) for _, now in left], schema=batch.schema)


def _rewrite(store: Store, entry: Derived, kept: _Kept) -> None:
    with store.lease(entry.lease, wait_s=_LEASE_WAIT_S):
        store.tables.rewrite(kept.table, kept)
        store.upkeep.leave_newest(kept.table)


def _without_passages(row: Mapping[str, Any], traces: Traces) -> Mapping[str, Any]:
    passages = row["passages"]
    if passages is not None:
        passages = [one for one in passages if one["document_id"] not in traces.documents]
    decisions = row["decisions"] and [(name, _said(text, traces)) for name, text in row["decisions"]]
    said = {"fallback": _said(row["fallback"], traces), "decisions": decisions}
    return {**_without_support(row, traces), "passages": passages, **said}


def _without_support(row: Mapping[str, Any], traces: Traces) -> Mapping[str, Any]:
    support = row["support"]
    if support is None:
        return row
    return {**row, "support": [one for one in support if one["document_id"] not in traces.documents]}


def _said(text: str | None, traces: Traces) -> str | None:
    return text and str(traces.without_names(text))
