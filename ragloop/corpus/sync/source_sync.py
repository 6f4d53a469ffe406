"""Bring the index to the state of its sources: scan, prepare, apply.

A run is a function of (sources, index): killed at any point, the next one ends in the same state. What makes it so: a
document's ledger row and its chunks change in one commit, vectors are stored before the commit that uses them, and
listing and committing happen under one lease, so that an older listing never follows a newer one.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index import documents, identity, inventory
from ragloop.corpus.index.ledger import CURRENT, QUARANTINED, Held, LedgerRow, Span
from ragloop.corpus.index.table import Index, document_row, tombstone
from ragloop.corpus.index.vectors import VectorStore
from ragloop.corpus.sources.source import Listed, Source
from ragloop.corpus.sync.diff import Rows, diff
from ragloop.corpus.sync.guard import split
from ragloop.corpus.sync.planning import SyncPlan, is_described, kept_stamp, plan, retry_after_s
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.preparing import Preparation, Prepared
from ragloop.corpus.sync.renames import Renames, inherit
from ragloop.corpus.sync.report import Change, ChangeKind, Progress, SourceOutcome, add_up, changes_of
from ragloop.models import Embedder, Vectors

FIRST_BATCH_TOKENS = 16_000
"""Tokens in the first commit of a run, before its rate is known: two to four seconds on two cores."""

NAMED = 1_000
"""Most documents whose ledger rows are asked for by name; of more, all rows are read."""


@dataclass(frozen=True)
class _Embedded:
    """The vectors of chunks by hash, the hashes of those that had none before, and the seconds that those took."""

    vectors: Mapping[str, Vectors]
    new: frozenset[str]
    seconds: float


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
    ) -> None:
        """`keys` restricts the sync to these documents; the listing must then be of them alone."""
        self._source, self._index, self._embedder = source, index, embedder
        self._policy, self._last_scan = policy, last_scan
        self._vectors = VectorStore(index.store, embedder)
        self._progress = progress or (lambda done, total, embedded: None)
        self._keys = keys
        self._documents = self._began_us = 0
        self._ledger: Mapping[str, LedgerRow] = {}
        self._moved: set[str] = set()
        self._tokens_per_second: float | None = None
        self._reused_batches = 0

    def run(self, until: float = math.inf, listing: Iterable[Listed] | None = None) -> SourceOutcome:
        """Scan, or take the `listing`; apply in batches; delete what is gone.

        The first batch after `until` (time.monotonic()) is the last one. Raises NotFoundError when the source is not
        there.
        """
        name, self._began_us = self._source.name, _us(self._index.store.now())
        known = documents.known(self._index, name, self._source.labels, self._keys)
        planned = plan(
            self._source.list() if listing is None else listing,
            known,
            retry_quarantined=self._policy.retry_quarantined,
            now_us=self._began_us,
        )
        self._documents = len(known) if self._keys is None else inventory.documents(self._index, name)
        self._ledger = self._rows([*(one.key for one in planned.read if one.key in known), *planned.missing])
        scan = SourceOutcome(scanned=planned.unchanged + len(planned.read), unchanged=planned.unchanged)
        changes = self._apply_changes(planned, until)
        deletes = self._apply_deletes(planned) if changes.whole else SourceOutcome()
        return add_up([scan, changes, deletes])

    def _rows(self, keys: Sequence[str]) -> Mapping[str, LedgerRow]:
        """The ledger of these documents, and perhaps of others; without those that another writer let go meanwhile."""
        if not keys:
            return {}
        named = documents.ledger(self._index, self._source.name, keys) if len(keys) <= NAMED else {}
        # A row that came in behind a sync's back may have another id than its key makes.
        return named if all(key in named for key in keys) else documents.ledger(self._index, self._source.name)

    def _missing(self, planned: SyncPlan) -> list[LedgerRow]:
        return [row for key in planned.missing if (row := self._ledger.get(key)) is not None]

    def _apply_changes(self, planned: SyncPlan, until: float) -> SourceOutcome:
        renames = Renames(self._missing(planned), self._source.trace)
        preparation = Preparation(
            self._source,
            self._ledger,
            self._embedder.count_tokens,
            chunk_tokens=self._index.generation.chunk_tokens,
            max_bytes=self._policy.max_document_bytes,
            limits=self._policy.limits,
        )
        done = embedded = 0
        outcomes: list[SourceOutcome] = []
        for batch in self._batches(self._policy.prepare(preparation, planned.read)):
            outcomes.append(self._apply(batch, renames))
            done += len(batch)
            embedded += outcomes[-1].chunks_embedded
            self._progress(done, len(planned.read), embedded)
            if done < len(planned.read) and time.monotonic() > until:
                return replace(add_up(outcomes), whole=False)
        return add_up(outcomes)

    def _batches(self, prepared: Iterable[Prepared]) -> Iterator[list[Prepared]]:
        """Batches that take about `batch_seconds` to encode, at the rate measured so far."""
        batch: list[Prepared] = []
        tokens = 0
        for document in prepared:
            batch.append(document)
            tokens += sum(one.tokens for one in document.chunks or ())
            # What embeds nothing, as a rebuild does, says nothing of the rate; its commits grow up to batch_documents.
            room = self._batch_tokens() * 2 ** min(self._reused_batches, 16)
            if len(batch) >= self._policy.batch_documents or tokens >= room:
                yield batch
                batch, tokens = [], 0
        if batch:
            yield batch

    def _batch_tokens(self) -> float:
        if self._tokens_per_second is None:
            return FIRST_BATCH_TOKENS
        return max(1.0, self._tokens_per_second * self._policy.batch_seconds)

    # --- apply: embed what is new, commit ------------------------------------------------------------------------

    def _apply(self, batch: Sequence[Prepared], renames: Renames) -> SourceOutcome:
        moved = {d.listed.key: row for d in batch if (row := self._moved_from(d, renames)) is not None}
        rewritten = [
            self._ledger[d.listed.key].document_id
            for d in batch
            if d.chunks is not None and d.listed.key in self._ledger
        ]
        held = self._held([*rewritten, *(row.document_id for row in moved.values())])
        diffs = {d.listed.key: self._diff(d, moved.get(d.listed.key), held) for d in batch}
        changed = [(key, chunk_id, one) for key, rows in diffs.items() for chunk_id, one in rows.upserts.items()]
        embedded = self._embed([one for *_, one in changed])
        vectors = embedded.vectors
        rows = {document.listed.key: self._ledger_row(document, diffs[document.listed.key].spans) for document in batch}
        unreadable = [(moved[d.listed.key], rows[d.listed.key]) for d in batch if d.reason and d.listed.key in moved]
        inherited, chunks_inherited = self._inherited(unreadable)
        rows |= inherited
        written: list[tuple[dict[str, Any], Vectors | None]] = [
            *((document_row(row, self._source.name), None) for row in rows.values() if not self._is_kept(row)),
            *((self._chunk_row(chunk_id, one, rows[key]), vectors[one.text_hash]) for key, chunk_id, one in changed),
            *self._redescribed(batch),
            *chunks_inherited,
            *_tombstones(diffs.values()),
            *((tombstone(row.document_id, "document", row.document_id), None) for row in moved.values()),
        ]
        new_to_index = not moved and all(document.listed.key not in self._ledger for document in batch)
        self._index.commit([row for row, _ in written], [vector for _, vector in written], new=new_to_index)
        self._moved.update(row.key for row in moved.values())
        return self._outcome(batch, moved, rows, embedded)

    def _held(self, document_ids: Sequence[str]) -> Mapping[str, Mapping[str, Held]]:
        """Return the chunks that the index has of these documents, by document and chunk id."""
        of_document: dict[str, dict[str, Held]] = {}
        for chunk_id, one in documents.held_chunks(self._index, document_ids).items():
            of_document.setdefault(one.document_id, {})[chunk_id] = one
        return of_document

    def _diff(self, document: Prepared, moved: LedgerRow | None, held: Mapping[str, Mapping[str, Held]]) -> Rows:
        old = self._ledger.get(document.listed.key)
        place = moved or (old if document.chunks is not None else None)
        replaced = held.get(place.document_id, {}) if place else {}
        return diff(document, old, replaced, source=self._source.name, labels=self._source.labels)

    def _is_kept(self, row: LedgerRow) -> bool:
        """Whether the ledger has just this row: a document was read since its stamp could not tell, and is the same."""
        return self._ledger.get(row.key) == row

    def _redescribed(self, batch: Sequence[Prepared]) -> Iterator[tuple[dict[str, Any], Vectors]]:
        """The kept chunks of documents that fail now, where their labels or place are no longer those of the source."""
        failing = {
            row.document_id: document.listed
            for document in batch
            if document.reason is not None
            and (row := self._ledger.get(document.listed.key)) is not None
            and not is_described(row, document.listed, self._source.labels)
        }
        for chunk_row, vector in documents.chunk_rows(self._index, list(failing)):
            listed = failing[chunk_row["document_id"]]
            yield {**chunk_row, "labels": list(self._source.labels), "uri": listed.uri}, vector

    def _embed(self, changed: Sequence[Chunk]) -> _Embedded:
        """Find the vectors of these chunks, and embed those that have none."""
        chunks = {one.text_hash: one for one in changed}
        vectors = self._vectors.find(list(chunks))
        new = [one for text_hash, one in chunks.items() if text_hash not in vectors]
        self._reused_batches = 0 if new else self._reused_batches + 1
        spent = 0.0
        for part in self._slices(new):
            hashes = [one.text_hash for one in part]
            started = time.perf_counter()
            made = self._embedder.embed([one.embedded for one in part])
            seconds = time.perf_counter() - started
            self._vectors.keep(hashes, made)
            vectors.update(zip(hashes, made, strict=True))
            spent += seconds
            self._tokens_per_second = sum(one.tokens for one in part) / max(seconds, 1e-6)
        return _Embedded(vectors, frozenset(one.text_hash for one in new), spent)

    def _slices(self, chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
        """Slices of about `batch_seconds`: a kill in a long document loses no more than one of them."""
        part: list[Chunk] = []
        tokens = 0
        for one in chunks:
            part.append(one)
            tokens += one.tokens
            if tokens >= self._batch_tokens():
                yield part
                part, tokens = [], 0
        if part:
            yield part

    def _moved_from(self, document: Prepared, renames: Renames) -> LedgerRow | None:
        """The ledger row of the document that was renamed to this one."""
        listed = document.listed
        if listed.key in self._ledger:
            return None
        if document.reason is not None:
            stamp = document.read.stamp if document.read else listed.stamp
            return renames.of_unreadable(listed.key, stamp, document.revision)
        return renames.of_bytes(document.revision) if document.revision else None

    def _inherited(
        self, pairs: Sequence[tuple[LedgerRow, LedgerRow]]
    ) -> tuple[dict[str, LedgerRow], list[tuple[dict[str, Any], Vectors | None]]]:
        """Ledger rows by key, and chunks, of documents that cannot be read and have the last good revision of another.

        `pairs` are the ledger rows of that one and of the document.
        """
        of_document: dict[str, list[tuple[dict[str, Any], Vectors]]] = {}
        for chunk, vector in documents.chunk_rows(self._index, [row.document_id for row, _ in pairs]):
            of_document.setdefault(chunk["document_id"], []).append((chunk, vector))
        heirs: dict[str, LedgerRow] = {}
        chunks: list[tuple[dict[str, Any], Vectors | None]] = []
        for row, heir in pairs:
            held = of_document.get(row.document_id, [])
            kept, ids = inherit(row, heir, {one["id"]: one["text_hash"] for one, _ in held})
            place = {name: getattr(kept, name) for name in ("document_id", "key", "uri")}
            place["labels"] = list(kept.labels)
            heirs[heir.key] = kept
            chunks += [({**one, **place, "id": ids[one["id"]]}, vector) for one, vector in held if one["id"] in ids]
        return heirs, chunks

    def _ledger_row(self, document: Prepared, spans: tuple[Span, ...]) -> LedgerRow:
        listed, read = document.listed, document.read
        old = self._ledger.get(listed.key)
        changed = read.changed_at if read else listed.changed_at
        now = self._index.store.now()
        base = old or LedgerRow(
            identity.document_id(self._source.name, listed.key), listed.key, listed.uri, None, None,
            self._source.labels, CURRENT, None, 0, "", _us(changed), _us(now), None, 0,
        )  # fmt: skip
        stamp = self._kept_stamp(base.stamp, read.stamp if read else listed.stamp, _us(now))
        base = replace(base, uri=listed.uri, labels=self._source.labels, stamp=stamp)
        if document.reason is not None:
            attempts = base.attempts + 1
            retry_at = _us(now) + int(retry_after_s(attempts) * 1e6) if document.stopped else None
            base = replace(base, status=QUARANTINED, reason=document.reason, attempts=attempts, retry_at=retry_at)
            return replace(base, text_hash=document.revision)
        base = replace(base, status=CURRENT, reason=None, attempts=0, retry_at=None, text_hash=None)
        if document.chunks is None:
            return base
        return replace(
            base, revision=document.revision, title=document.title, changed_at=_us(changed), committed_at=_us(now),
            lag_s=self._lag(changed, now), chunks=len(spans), spans=spans,
        )  # fmt: skip

    def _kept_stamp(self, before: str, stamp: str, now_us: int) -> str:
        # What was written since this run began is written after the listing, and perhaps after the reading.
        settles_us = self._source.settles_us(stamp, self._began_us)
        return kept_stamp(before, stamp, settles_us, began_us=self._began_us, now_us=now_us)

    def _lag(self, changed: datetime, now: datetime) -> float | None:
        """Seconds since the later of the change and the start of the last completed scan; a first index has none."""
        if self._last_scan is None:
            return None
        return max(0.0, (now - max(changed, self._last_scan)).total_seconds())

    def _chunk_row(self, chunk_id: str, one: Chunk, row: LedgerRow) -> dict[str, Any]:
        return {
            "id": chunk_id,
            "kind": "chunk",
            "live": True,
            "document_id": row.document_id,
            "source": self._source.name,
            "key": row.key,
            "uri": row.uri,
            "title": row.title,
            "labels": list(row.labels),
            "heading": one.heading,
            "text": one.text,
            "text_hash": one.text_hash,
        }

    def _outcome(
        self,
        batch: Sequence[Prepared],
        moved: Mapping[str, LedgerRow],
        rows: Mapping[str, LedgerRow],
        embedded: _Embedded,
    ) -> SourceOutcome:
        """Account for a batch: `moved` are the rows of renamed documents, by new key; `rows` the ledger."""
        counts = _first_embedded(batch, embedded.new)
        changes = tuple(
            self._change(one, moved.get(one.listed.key), rows[one.listed.key].lag_s, counts[one.listed.key])
            for one in batch
            if one.chunks is not None or one.reason is not None
        )
        return SourceOutcome(
            unchanged=len(batch) - len(changes),
            documents_read=sum(one.read is not None for one in batch),
            bytes_read=sum(one.bytes_read for one in batch),
            chunks_embedded=sum(one.embedded for one in changes),
            chunks_reused=sum(one.chunks - one.embedded for one in changes),
            embed_seconds=embedded.seconds,
            changes=changes,
        )

    def _change(self, document: Prepared, moved: LedgerRow | None, lag_s: float | None, embedded: int) -> Change:
        return Change(
            self._kind(document, moved),
            self._source.name,
            document.listed.key,
            was=moved.key if moved else None,
            chunks=len(document.chunks or ()),
            embedded=embedded,
            reason=document.reason,
            lag_s=None if document.reason else lag_s,
        )

    def _kind(self, document: Prepared, moved: LedgerRow | None) -> ChangeKind:
        if document.reason:
            return ChangeKind.FAILED
        if moved:
            return ChangeKind.RENAMED
        return ChangeKind.UPDATED if document.listed.key in self._ledger else ChangeKind.ADDED

    # --- delete --------------------------------------------------------------------------------------------------

    def _apply_deletes(self, planned: SyncPlan) -> SourceOutcome:
        gone = [row for row in self._missing(planned) if row.key not in self._moved]
        guarded = split(gone, self._policy, source=self._source.name, documents=self._documents)
        withheld = changes_of(ChangeKind.WITHHELD, self._source.name, guarded.withheld)
        self._bequeath(guarded.may_go)
        return SourceOutcome(changes=(*withheld, *delete(self._index, self._source.name, guarded.may_go)))

    def _bequeath(self, gone: Sequence[LedgerRow]) -> None:
        """Hand the last good revision of what is deleted to the copy that took its place while it was still there."""
        if not any(row.revision for row in gone):
            return
        renames = Renames(gone, self._source.trace)
        heirs = documents.never_read(self._index, self._source.name).values()
        found = ((renames.of_unreadable(heir.key, heir.stamp, heir.text_hash), heir) for heir in heirs)
        rows, chunks = self._inherited([(row, heir) for row, heir in found if row is not None])
        written = [*((document_row(row, self._source.name), None) for row in rows.values()), *chunks]
        self._index.commit([row for row, _ in written], [vector for _, vector in written])


def _tombstones(diffs: Collection[Rows]) -> Iterator[tuple[dict[str, Any], None]]:
    """Yield a tombstone for each chunk that no document of a batch has any longer.

    In a ledger that came in behind a sync's back, two documents may have one id.
    """
    wanted = {span.chunk_id for rows in diffs for span in rows.spans}
    gone = {chunk_id: one for rows in diffs for chunk_id, one in rows.tombstones.items() if chunk_id not in wanted}
    for chunk_id, one in gone.items():
        yield tombstone(chunk_id, "chunk", one.document_id), None


def _first_embedded(batch: Sequence[Prepared], new: Collection[str]) -> Mapping[str, int]:
    """Count the strings that were embedded for each document, by key: a string of several is counted at the first."""
    left = set(new)
    counts = {}
    for document in batch:
        of_document = left & {chunk.text_hash for chunk in document.chunks or ()}
        counts[document.listed.key] = len(of_document)
        left -= of_document
    return counts


def delete(index: Index, source: str, gone: Sequence[LedgerRow]) -> tuple[Change, ...]:
    """Remove documents, with all their chunks, in one commit."""
    index.remove([row.document_id for row in gone])
    return changes_of(ChangeKind.DELETED, source, gone)


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
