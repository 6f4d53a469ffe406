"""Bring the index to the state of its sources: scan, prepare, apply.

A run is a function of (sources, index): killed at any point, the next one ends in the same state. What makes it so: a
document's ledger row and its chunks change in one commit, vectors are stored before the commit that uses them, and
listing and committing happen under one lease, so that an older listing never follows a newer one.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index import documents, inventory
from ragloop.corpus.index.ledger import Held, LedgerRow
from ragloop.corpus.index.table import Index, document_row, tombstone
from ragloop.corpus.index.vectors import VectorStore
from ragloop.corpus.sources.listing import Listed, Listing, PassedOver
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.applying.batches import Pace
from ragloop.corpus.sync.applying.embedding import embed
from ragloop.corpus.sync.applying.heirs import heirs
from ragloop.corpus.sync.decisions.accounting import account
from ragloop.corpus.sync.decisions.diff import Rows, diff
from ragloop.corpus.sync.decisions.guard import split
from ragloop.corpus.sync.decisions.ledger_rows import Moment, ledger_row, microseconds
from ragloop.corpus.sync.decisions.planning import SyncPlan, plan
from ragloop.corpus.sync.decisions.renames import Renames
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.corpus.sync.report import Change, ChangeKind, Looking, Progress, SourceOutcome, add_up, changes_of
from ragloop.models import Embedder, Vectors

NAMED = 1_000
"""Most documents whose ledger rows are asked for by name; of more, all rows are read."""
LISTED_EVERY = 500
"""Documents between two words about a listing."""
Written = tuple[dict[str, Any], Vectors | None]
"""A row to commit, with its vector if it has one."""


class SourceSync:
    """One source brought into one index, under the lease that the caller holds."""

    def __init__(
        self,
        source: Source,
        index: Index,
        embedder: Embedder,
        policy: SyncPolicy,
        *,
        last_scan: datetime | None = None,
        keys: Sequence[str] | None = None,
        progress: Progress | None = None,
        looking: Looking | None = None,
    ) -> None:
        """`keys` restricts the sync to these documents; the listing must then be of them alone."""
        self._source, self._index, self._embedder = source, index, embedder
        self._policy, self._last_scan = policy, last_scan
        self._vectors = VectorStore(index.store, embedder)
        self._pace = Pace(policy.batch_seconds, policy.batch_documents)
        self._progress = progress or (lambda done, total, embedded: None)
        self._looking = looking or (lambda source, found, to_read: None)
        self._keys = keys
        self._documents = self._began_us = self._suppressed = 0
        self._ledger: Mapping[str, LedgerRow] = {}
        self._moved: set[str] = set()

    def run(self, until: float = math.inf, listing: Iterable[Listed] | None = None) -> SourceOutcome:
        """Scan, or take the `listing`; apply in batches; delete what is gone.

        The first batch after `until` (time.monotonic()) is the last one. Raises NotFoundError when the source is not
        there.
        """
        name, self._began_us = self._source.name, microseconds(self._index.store.now())
        known = documents.known(self._index, name, self._source.labels, self._keys)
        listing = self._source.list() if listing is None else listing
        planned = plan(
            self._watched(listing),
            known,
            retry_quarantined=self._policy.retry_quarantined,
            now_us=self._began_us,
        )
        self._looking(name, planned.unchanged + len(planned.read), len(planned.read))
        self._documents = len(known) if self._keys is None else inventory.documents(self._index, name)
        self._ledger = self._rows([*(one.key for one in planned.read if one.key in known), *planned.missing])
        scan = SourceOutcome(
            scanned=planned.unchanged + len(planned.read),
            unchanged=planned.unchanged,
            passed_over=listing.passed_over if isinstance(listing, Listing) else PassedOver(),
        )
        changes = self._apply_changes(planned, until)
        deletes = self._apply_deletes(planned) if changes.whole else SourceOutcome()
        return add_up([scan, changes, deletes, SourceOutcome(suppressed=self._suppressed)])

    def _watched(self, listing: Iterable[Listed]) -> Iterator[Listed]:
        """Yield what is listed, and tell how much that is so far."""
        for found, listed in enumerate(listing):
            if found % LISTED_EVERY == 0:
                self._looking(self._source.name, found, None)
            if self._policy.suppressed.holds(self._source.name, listed.key, listed.uri):
                self._suppressed += 1
                continue
            yield listed

    def _rows(self, keys: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Read the ledger of these documents, and perhaps of others; without those that another writer deleted."""
        if not keys:
            return {}
        named = documents.ledger(self._index, self._source.name, keys) if len(keys) <= NAMED else {}
        # A row that came in behind a sync's back may have another id than its key makes.
        return named if all(key in named for key in keys) else documents.ledger(self._index, self._source.name)

    def _missing(self, planned: SyncPlan) -> list[LedgerRow]:
        """Return what the listing no longer has; nothing becomes of what was erased, so that it is not among it."""
        return [row for row in self._gone(planned) if not self._is_erased(row)]

    def _gone(self, planned: SyncPlan) -> list[LedgerRow]:
        return [row for key in planned.missing if (row := self._ledger.get(key)) is not None]

    def _is_erased(self, row: LedgerRow) -> bool:
        return self._policy.suppressed.holds(self._source.name, row.key, row.uri)

    def _without_erased(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Return a batch without copies of what was erased; what the index has is none, it keeps its last revision."""
        erased = self._policy.suppressed.revisions
        kept = [one for one in batch if one.revision not in erased or self._has(one)]
        self._suppressed += len(batch) - len(kept)
        return kept

    def _has(self, document: Prepared) -> bool:
        """Return whether the index has a document with this content."""
        row = self._ledger.get(document.key)
        return row is not None and row.revision == document.revision

    # --- apply: embed what is new, commit ------------------------------------------------------------------------

    def _apply_changes(self, planned: SyncPlan, until: float) -> SourceOutcome:
        renames = Renames(self._missing(planned), self._source.trace)
        prepared = self._policy.prepare(self._preparation(), planned.read)
        done = embedded = 0
        outcomes: list[SourceOutcome] = []
        for batch in self._pace.batches(prepared):
            told = partial(self._tell, done, len(planned.read), embedded)
            outcomes.append(self._apply(self._without_erased(batch), renames, told))
            done += len(batch)
            embedded += outcomes[-1].chunks_embedded
            self._progress(done, len(planned.read), embedded)
            if done < len(planned.read) and time.monotonic() > until:
                return replace(add_up(outcomes), whole=False)
        return add_up(outcomes)

    def _tell(self, done: int, total: int, embedded: int, more: int) -> None:
        """Say how far the sync has come while a batch is embedded."""
        self._progress(done, total, embedded + more)

    def _preparation(self) -> Preparation:
        return Preparation(
            self._source,
            self._ledger,
            self._embedder.count_tokens,
            chunk_tokens=self._index.generation.chunk_tokens,
            max_bytes=self._policy.max_document_bytes,
            limits=self._policy.limits,
        )

    def _apply(self, batch: Sequence[Prepared], renames: Renames, told: Callable[[int], None]) -> SourceOutcome:
        moved = {one.key: row for one in batch if (row := self._moved_from(one, renames)) is not None}
        held = self._held(batch, moved)
        diffs = {one.key: self._diff(one, moved.get(one.key), held) for one in batch}
        changed = [chunk for rows in diffs.values() for chunk in rows.upserts.values()]
        embedded = embed(changed, self._vectors, self._embedder, self._pace, told)
        moment = Moment(self._index.store.now(), self._began_us, self._last_scan)
        rows = {one.key: self._ledger_row(one, diffs[one.key], moment) for one in batch}
        inherited = heirs(self._index, [(moved[d.key], rows[d.key]) for d in batch if d.reason and d.key in moved])
        rows |= {heir.row.key: heir.row for heir in inherited}
        self._commit(
            [
                *((document_row(row, self._source.name), None) for row in rows.values() if not self._is_kept(row)),
                *self._chunk_rows(diffs, rows, embedded.vectors),
                *self._redescribed(batch),
                *(chunk for heir in inherited for chunk in heir.chunks),
                *_tombstones(diffs.values()),
                *((tombstone(row.document_id, "document", row.document_id), None) for row in moved.values()),
            ],
            new=not moved and all(one.key not in self._ledger for one in batch),
        )
        self._moved.update(row.key for row in moved.values())
        return account(
            batch,
            source=self._source.name,
            before=self._ledger.keys(),
            moved=moved,
            rows=rows,
            new=embedded.new,
            embed_seconds=embedded.seconds,
        )

    def _commit(self, written: Sequence[Written], *, new: bool = False) -> None:
        self._index.commit([row for row, _ in written], [vector for _, vector in written], new=new)

    def _moved_from(self, document: Prepared, renames: Renames) -> LedgerRow | None:
        """Find the ledger row of the document that was renamed to this one."""
        if document.key in self._ledger:
            return None
        if document.reason is not None:
            return renames.of_unreadable(document.key, document.stamp, document.revision)
        return renames.of_bytes(document.revision) if document.revision else None

    def _held(self, batch: Sequence[Prepared], moved: Mapping[str, LedgerRow]) -> Mapping[str, Mapping[str, Held]]:
        """Read the chunks that the index has of what a batch rewrites or renames, by document and chunk id."""
        old = (self._ledger.get(one.key) for one in batch if one.chunks is not None)
        ids = [row.document_id for row in (*old, *moved.values()) if row is not None]
        of_document: dict[str, dict[str, Held]] = {}
        for chunk_id, one in documents.held_chunks(self._index, ids).items():
            of_document.setdefault(one.document_id, {})[chunk_id] = one
        return of_document

    def _diff(self, document: Prepared, moved: LedgerRow | None, held: Mapping[str, Mapping[str, Held]]) -> Rows:
        old = self._ledger.get(document.key)
        place = moved or (old if document.chunks is not None else None)
        replaced = held.get(place.document_id, {}) if place else {}
        return diff(document, old, replaced, source=self._source.name, labels=self._source.labels)

    def _ledger_row(self, document: Prepared, rows: Rows, moment: Moment) -> LedgerRow:
        return ledger_row(
            document,
            self._ledger.get(document.key),
            rows.spans,
            moment,
            source=self._source.name,
            labels=self._source.labels,
            settles_us=self._source.settles_us(document.stamp, self._began_us),
        )

    def _is_kept(self, row: LedgerRow) -> bool:
        """Return whether the ledger has just this row: a document was read as its stamp could not tell, and is same."""
        return self._ledger.get(row.key) == row

    def _chunk_rows(
        self, diffs: Mapping[str, Rows], rows: Mapping[str, LedgerRow], vectors: Mapping[str, Vectors]
    ) -> Iterator[Written]:
        """Yield a row for each chunk that must be written."""
        for key, changes in diffs.items():
            for chunk_id, chunk in changes.upserts.items():
                yield _chunk_row(chunk_id, chunk, rows[key], self._source.name), vectors[chunk.text_hash]

    def _redescribed(self, batch: Sequence[Prepared]) -> Iterator[Written]:
        """Rewrite the stored chunks of documents that failed this time but whose labels or URI changed."""
        failing = {
            row.document_id: document.listed
            for document in batch
            if document.reason is not None
            and (row := self._ledger.get(document.key)) is not None
            and not row.is_described_as(document.listed.uri, self._source.labels)
        }
        for chunk_row, vector in documents.chunk_rows(self._index, list(failing)):
            listed = failing[chunk_row["document_id"]]
            yield {**chunk_row, "labels": list(self._source.labels), "uri": listed.uri}, vector

    # --- delete --------------------------------------------------------------------------------------------------

    def _apply_deletes(self, planned: SyncPlan) -> SourceOutcome:
        gone = [row for row in self._missing(planned) if row.key not in self._moved]
        # As a restore may have brought them back; no guard asks, and no report names them.
        self._index.remove([row.document_id for row in self._gone(planned) if self._is_erased(row)])
        guarded = split(gone, self._policy, source=self._source.name, documents=self._documents)
        self._bequeath(guarded.may_go)
        deleted = delete(self._index, self._source.name, guarded.may_go)
        return SourceOutcome(changes=(*guarded.kept(self._source.name), *deleted))

    def _bequeath(self, gone: Sequence[LedgerRow]) -> None:
        """Hand the last good revision of what is deleted to the copy that took its place while it was still there."""
        if not any(row.revision for row in gone):
            return
        renames = Renames(gone, self._source.trace)
        unread = documents.never_read(self._index, self._source.name).values()
        found = ((renames.of_unreadable(heir.key, heir.stamp, heir.text_hash), heir) for heir in unread)
        inherited = heirs(self._index, [(row, heir) for row, heir in found if row is not None])
        rows = ((document_row(heir.row, self._source.name), None) for heir in inherited)
        self._commit([*rows, *(chunk for heir in inherited for chunk in heir.chunks)])


def _chunk_row(chunk_id: str, chunk: Chunk, row: LedgerRow, source: str) -> dict[str, Any]:
    return {
        "id": chunk_id,
        "kind": "chunk",
        "deleted": False,
        "document_id": row.document_id,
        "source": source,
        "key": row.key,
        "uri": row.uri,
        "title": row.title,
        "labels": list(row.labels),
        "heading": chunk.heading,
        "text": chunk.text,
        "confidence": chunk.confidence,
        "text_hash": chunk.text_hash,
    }


def _tombstones(diffs: Collection[Rows]) -> Iterator[Written]:
    """Yield a tombstone for each chunk that no document of a batch has any longer.

    In a ledger that came in behind a sync's back, two documents may have one id.
    """
    wanted = {span.chunk_id for rows in diffs for span in rows.spans}
    gone = {chunk_id: one for rows in diffs for chunk_id, one in rows.tombstones.items() if chunk_id not in wanted}
    for chunk_id, one in gone.items():
        yield tombstone(chunk_id, "chunk", one.document_id), None


def delete(index: Index, source: str, gone: Sequence[LedgerRow]) -> tuple[Change, ...]:
    """Remove documents, with all their chunks, in one commit."""
    index.remove([row.document_id for row in gone])
    return changes_of(ChangeKind.DELETED, source, gone)
