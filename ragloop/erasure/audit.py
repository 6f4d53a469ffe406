"""Who saw a document in which answer, and who approved what about it; the log is read by columns."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.sync.decided_deletes import DeleteDecision, decisions
from ragloop.erasure.asked import Asked
from ragloop.erasure.certificate import Certificates
from ragloop.erasure.finding import Finder, FoundDocument
from ragloop.errors import MismatchError, NotFoundError
from ragloop.journal import Journal, LogTable
from ragloop.learning.examples.lineage import read_rows
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.registry import Registry
from ragloop.reports import Reports
from ragloop.store import Store
from ragloop.wording import counted

_COLUMNS = ("interaction_id", "asked_at", "asked_by", "conversation", "lane", "adapter", "passages", "citations")


@dataclass(frozen=True)
class Seen:
    """An answer that was given a passage of a document. `cited`: it cites one, else one was only retrieved.

    `asked_by` is the name of the caller's key; empty where the log has none, as for a question of the command line.
    """

    interaction_id: str
    asked_at: datetime
    asked_by: str
    conversation: str
    lane: str
    adapter: str
    cited: bool
    revisions: tuple[str, ...]


@dataclass(frozen=True)
class Approval:
    """What a person or a part of ragloop decided about a document, or about what rests on it."""

    at: str
    what: str
    by: str
    reason: str


@dataclass(frozen=True)
class Audit:
    """What is known of a document: it, the answers that saw it, oldest first, and what was approved about it.

    `unreadable` names adapters of which nobody can tell whether they rest on it.
    """

    documents: tuple[FoundDocument, ...]
    seen: tuple[Seen, ...]
    approvals: tuple[Approval, ...]
    unreadable: tuple[str, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """Return the audit as JSON shows it."""
        names = ("document_id", "uri", "source", "key", "title", "revisions")
        return {
            "documents": [{name: getattr(one, name) for name in names} for one in self.documents],
            "seen": [asdict(one) for one in self.seen],
            "cited": sum(one.cited for one in self.seen),
            "approvals": [asdict(one) for one in self.approvals],
            "unreadable": list(self.unreadable),
        }


@dataclass(frozen=True)
class Auditor:
    """Answers who saw what, from the log and the histories of one store."""

    journal: Journal
    registry: Registry

    def audit(self, name: str, source: str | None = None) -> Audit:
        """Return what is known of a document, by its URI, its key or an end of one.

        Raises NotFoundError, UsageError.
        """
        answers, _ = self.journal.tables()
        documents = Finder(self._store, self.registry, None).documents(Asked((name,), source))
        ids = frozenset(one.document_id for one in documents)
        trained, unreadable = self._trained_on(ids)
        approvals = [*self._promotions(trained), *self._deletes(documents), *self._erasures(ids), *self._moves(ids)]
        ordered = sorted(approvals, key=lambda one: one.at)
        return Audit(documents, tuple(sorted(_seen(answers, ids), key=_by_time)), tuple(ordered), unreadable)

    @property
    def _store(self) -> Store:
        return self.journal.store

    def _trained_on(self, ids: frozenset[str]) -> tuple[list[str], tuple[str, ...]]:
        """Return the adapters with a row that rests on a document, and those whose rows cannot be read."""
        found, unreadable = [], []
        for adapter in self.registry.adapters():
            if adapter.is_erased:
                continue
            try:
                rows = read_rows(self.registry.artifacts.files, adapter.path)
            except (MismatchError, NotFoundError):
                unreadable.append(adapter.adapter_id)
                continue
            if any(one.document_id in ids for row in rows for one in row.documents):
                found.append(adapter.adapter_id)
        return found, tuple(unreadable)

    def _promotions(self, adapters: Sequence[str]) -> Iterator[Approval]:
        for row in self.registry.history():
            if row["adapter_id"] in adapters:
                what = f"{row['kind']} of adapter {row['adapter_id']}, which was trained on it"
                yield Approval(row["at"].isoformat(), what, row["by"] or "", row["reason"] or "")

    def _deletes(self, documents: Sequence[FoundDocument]) -> Iterator[Approval]:
        sources = {one.source for one in documents}
        places = {(one.source, one.key) for one in documents}
        for one in decisions(Reports(self._store)):
            if told := _about(one, sources, places):
                yield Approval(one.at.isoformat(), told, one.by, one.reason)

    def _erasures(self, ids: frozenset[str]) -> Iterator[Approval]:
        for read in Certificates(self.registry.artifacts.files, self._store.home).all():
            one = read.certificate
            if ids & one.traces.documents:
                yield Approval(one.begun_at, f"erasure {one.certificate_id}", one.by, one.reason)

    def _moves(self, ids: frozenset[str]) -> Iterator[Approval]:
        for one in KeptRoutes(self._store).history():
            if any(document.document_id in ids for document in one.documents):
                what = f"topic {one.topic_id}, which rests on it, moved {one.kind} to {one.lane} at {one.share:.0%}"
                yield Approval(one.at.isoformat(), what, one.by, one.reason)


def _about(decision: DeleteDecision, sources: set[str], places: set[tuple[str, str]]) -> str:
    """Say what a decision about deletes was, where it was about a document or its source; which ones were approved is
    not kept."""
    if decision.refused & places:
        return "delete refused"
    counts = {source: count for source, count in decision.counts.items() if source in sources}
    if not counts or not decision.approved:
        return ""
    return "; ".join(f"{counted(count, 'delete')} of its source {source} approved" for source, count in counts.items())


def _by_time(one: Seen) -> tuple[datetime, str]:
    return one.asked_at, one.interaction_id


def _seen(answers: LogTable, ids: frozenset[str]) -> Iterator[Seen]:
    wanted = pa.array(sorted(ids), pa.string())
    for batch in answers.batches(_COLUMNS):
        cited, retrieved = (_rows_with(batch[name], wanted) for name in ("citations", "passages"))
        places = np.union1d(cited, retrieved)
        for place, row in zip(places, batch.take(pa.array(places)).to_pylist(), strict=True):
            yield _of_row(row, ids, cited=place in cited)


def _rows_with(lists: pa.ListArray, documents: pa.Array) -> Any:
    """Return the numbers of the rows whose list has one of these documents."""
    is_one = pc.is_in(pc.struct_field(pc.list_flatten(lists), "document_id"), value_set=documents)
    return np.unique(pc.list_parent_indices(lists).filter(is_one).to_numpy(zero_copy_only=False))


def _of_row(row: dict[str, Any], ids: frozenset[str], *, cited: bool) -> Seen:
    held = [*(row["passages"] or ()), *(row["citations"] or ())]
    revisions = sorted({one["revision"] for one in held if one["document_id"] in ids and one["revision"]})
    texts = {name: row[name] or "" for name in ("asked_by", "conversation", "lane", "adapter")}
    return Seen(row["interaction_id"], row["asked_at"], cited=cited, revisions=tuple(revisions), **texts)
