"""The index, its vectors and reports: rows go, tables are written anew, and so are their search indexes."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.catalogue import Derived
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.retention import drop_unnamed_pages, unnamed_pages
from ragloop.corpus.index.search_indexes import maintain
from ragloop.erasure.removing.work import Counts, Work
from ragloop.erasure.traces import Traces
from ragloop.hashes import sha256_of_text
from ragloop.store import Store, quoted

_OF_PROSE = frozenset({"reason", "reasons"})
_OF_JSON = frozenset({"body", "metrics"})
"""Columns in which names of documents stand. Others are ids, kinds and states, which an ordinary word may equal."""
_OF_PERSONS = frozenset({"by", "named_by"})
"""Columns, and keys in columns of JSON, that name somebody."""
_WHATEVER_ITS_AGE = timedelta(days=-1)
"""A clock that was set back makes files of tomorrow."""


def leave_answers(work: Work) -> None:
    """Delete the documents from every index, in one commit each: from then on nothing retrieves them."""
    for table in _tables(work.store, "index_"):
        if work.store.count(table, (where := _of(work.traces))):
            work.store.delete(table, where)


def erase_documents(work: Work, entry: Derived) -> Counts:
    """Write every index anew without these documents and without tombstones, and index it again."""
    tables = _tables(work.store, entry.name)
    for table in tables:
        gone = _Gone("document_id", work.traces.documents)
        work.store.tables.rewrite(table, gone.without_tombstones)
        work.store.upkeep.leave_newest(table)
        maintain(work.store, table, committed=True)
    return {"indexes written anew": len(tables)}


def erase_vectors(work: Work, entry: Derived) -> Counts:
    """Write every table of vectors anew, with those of texts that an index or a logged question has, and no others."""
    wanted = _living_hashes(work.store)
    dropped = 0
    for table in _tables(work.store, entry.name):
        gone = _Gone("text_hash", work.traces.text_hashes, kept=wanted)
        work.store.tables.rewrite(table, gone.without)
        work.store.upkeep.leave_newest(table)
        dropped += gone.count
    return {"vectors": dropped}


def erase_pages(work: Work, entry: Derived) -> Counts:
    """Remove the recognised text of images that no document rests on any more."""
    generations = Generations(work.store)
    found = len(unnamed_pages(generations))
    drop_unnamed_pages(generations)
    return {"recognised pages": found}


def erase_aside(work: Work, entry: Derived) -> Counts:
    """Remove every table that was set aside: nobody can tell what is in it."""
    found = work.store.tables.aside()
    work.store.tables.expire_aside(_WHATEVER_ITS_AGE)
    return {"tables that were set aside": len(found)}


def erase_from_rows(work: Work, entry: Derived) -> Counts:
    """Take names and ids of documents out of the rows of a table, and write it anew."""
    changed = 0

    def kept(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal changed
        rows = batch.to_pylist()
        now = [_cleaned(row, work.traces) for row in rows]
        different = sum(one != other for one, other in zip(rows, now, strict=True))
        changed += different
        return pa.RecordBatch.from_pylist(now, schema=batch.schema) if different else batch

    work.store.tables.rewrite(entry.name, kept)
    work.store.upkeep.leave_newest(entry.name)
    return {f"rows of {entry.name} that named a document": changed}


def _cleaned(row: Mapping[str, Any], traces: Traces) -> dict[str, Any]:
    return {name: _cleaned_value(name, value, traces) for name, value in row.items()}


def _cleaned_value(column: str, value: Any, traces: Traces) -> Any:
    if column in _OF_JSON and isinstance(value, str) and value:
        found = json.loads(value)
        left = _without_persons(traces.without_names(found) if traces.name(found) else found, traces)
        return value if left == found else json.dumps(left)
    if column in _OF_PERSONS:
        return traces.without_words(value)
    return traces.without_words(traces.without_names(value)) if column in _OF_PROSE and value else value


def _without_persons(value: Any, traces: Traces) -> Any:
    """Take those who are named out of a value of JSON where their names have words of what is erased."""
    if isinstance(value, list):
        return [_without_persons(one, traces) for one in value]
    if isinstance(value, dict):
        return {
            key: traces.without_words(one) if key in _OF_PERSONS else _without_persons(one, traces)
            for key, one in value.items()
        }
    return value


class _Gone:
    """Leaves out the rows of batches whose value is among some, or with `kept` is not among others; counts them."""

    def __init__(self, column: str, values: frozenset[str], *, kept: frozenset[str] | None = None) -> None:
        self._column, self.count = column, 0
        self._values = pa.array(sorted(values), pa.string())
        self._kept = None if kept is None else pa.array(sorted(kept), pa.string())

    def without(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that stay."""
        column = batch[self._column]
        stays = pc.invert(pc.is_in(column, value_set=self._values))
        if self._kept is not None:
            stays = pc.and_(stays, pc.is_in(column, value_set=self._kept))
        left = batch.filter(stays)
        self.count += batch.num_rows - left.num_rows
        return left

    def without_tombstones(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that stay and are no tombstones."""
        return self.without(batch.filter(pc.invert(pc.fill_null(batch["deleted"], False))))


def _living_hashes(store: Store) -> frozenset[str]:
    """Return the hashes of every text that an index has, and of every logged question."""
    found: set[str] = set()
    for table in _tables(store, "index_"):
        found |= set(store.rows(table, "kind = 'chunk' AND NOT deleted", ["text_hash"])["text_hash"].to_pylist())
    asked = store.rows("interactions", None, ["question"])["question"].to_pylist()
    return frozenset(one for one in found if one) | frozenset(sha256_of_text(one) for one in asked if one)


def _tables(store: Store, prefix: str) -> list[str]:
    return list(filter(store.tables.has, store.tables.names(prefix)))


def _of(traces: Traces) -> str:
    return f"document_id IN ({quoted(sorted(traces.documents) or [''])})"
