"""The index table of one generation, its reads and its commits.

A row of kind `document` and the rows of kind `chunk` of one document change in one commit. Rows that others take the
place of become tombstones in that same commit (`deleted`, no text, no vector), which maintenance removes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb.table import Table

from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.ledger import COLUMNS, LedgerRow
from ragloop.corpus.index.predicates import chunks_of_documents
from ragloop.language.forms import searchable
from ragloop.language.planted import planted_spans
from ragloop.models import Embedder, Vectors
from ragloop.records import NO_LABEL
from ragloop.store import LATER, Store, index_schema, quoted


@dataclass(frozen=True)
class ActiveIndex:
    """What answers: the index of the active generation, and the embedder that built it."""

    index: "Index"
    embedder: Embedder


class Index:
    """One generation of a store."""

    def __init__(self, store: Store, generation: Generation, pinned: Table | None = None) -> None:
        self.store = store
        self.generation = generation
        self.commits = 0
        self._pinned = pinned
        self._appends: bool | None = None

    def snapshot(self) -> "Index":
        """Pin this index as it is now, whatever is committed later: searches see one state of each document."""
        if self._pinned is not None:
            return self
        table = self.store.table(self.generation.table)
        with self.store.errors():
            table.checkout(table.version)
        return Index(self.store, self.generation, table)

    def table(self) -> Table:
        """Open the table, in the version that a snapshot holds."""
        return self._pinned if self._pinned is not None else self.store.table(self.generation.table)

    def rows(self, where: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read rows as they are committed now."""
        return self.store.rows(self.generation.table, where, columns)

    def chunks_of(self, document_ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Read rows of the chunks of these documents as they are committed now."""
        if not document_ids:
            return index_schema(self.generation.dimension).empty_table()
        return self.rows(chunks_of_documents(document_ids), columns)

    def has(self, column: str) -> bool:
        """Return whether the table has this column, which one that was made by an earlier ragloop may lack."""
        if self._pinned is None:
            return column in self.store.reads.schema(self.generation.table).names
        with self.store.errors():
            return column in self._pinned.schema.names

    @property
    def version(self) -> tuple[str, int]:
        """Return what changes with every commit to the index, and with a cut-over."""
        with self.store.errors():
            return self.generation.table, self.table().version

    def read(self, where: str, columns: Sequence[str]) -> pa.Table:
        """Read rows of the version that a snapshot holds."""
        with self.store.errors():
            return self.table().search().where(where).select(list(columns)).to_arrow()

    def widen(self) -> None:
        """Add the columns that a table of an earlier ragloop lacks, null in every row. Needs the index lease."""
        schema = index_schema(self.generation.dimension)
        lacking = [schema.field(name) for name in sorted(LATER) if not self.has(name)]
        if lacking:
            with self.store.tables.committing("widen", self.generation.table) as table:
                table.add_columns(lacking)

    def commit(
        self, rows: Sequence[Mapping[str, Any]], vectors: Sequence[Vectors | None], *, new: bool = False
    ) -> None:
        """Upsert rows with their vectors (None where a row has none) in one commit. Needs the index lease.

        `new`: no document of the rows is in the index. Where that holds for all that was ever committed to it, rows are
        appended: no id can be there, not even as a tombstone, and looking for it takes longer the larger the table is.
        Where a lease can be lost between its check and the commit, another writer may have put them there meanwhile.
        """
        if not rows:
            return
        schema = index_schema(self.generation.dimension)
        if self._appends is None:
            self.widen()
            self._appends = not self.store.leases_expire and self.store.count(self.generation.table) == 0
        self._appends = self._appends and new
        written = [_flagged(searchable_row(row)) for row in rows]
        scalars = pa.Table.from_pylist(written, schema=schema.remove(len(schema) - 1))
        table = scalars.append_column(schema.field("vector"), _vector_column(vectors, self.generation.dimension))
        write = self.store.insert if self._appends else self.store.upsert
        write(self.generation.table, table.cast(schema))
        self.commits += 1

    def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents with all their chunks, in one commit. Needs the index lease.

        A tombstone would be a row outside the search indexes, which have to be brought up to date for many of them.
        """
        if document_ids:
            self.store.delete(self.generation.table, f"document_id IN ({quoted(document_ids)})")
            self.commits += 1


def searchable_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add to the row of a chunk the words by which it is searched, and a label where its document has none."""
    if row["kind"] != "chunk" or row["deleted"]:
        return row
    title, heading = row.get("title") or "", row.get("heading") or ""
    titles = heading if heading.startswith(title) else f"{title}\n{heading}"
    labels = labels_of_chunk(row.get("labels"))
    return {**row, "words": searchable(row.get("text") or ""), "title_words": searchable(titles), "labels": labels}


def _flagged(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count in the row of a chunk where it speaks to a model."""
    text = row.get("text")
    return row if text is None else {**row, "planted": len(planted_spans(text))}


def labels_of_chunk(labels: Sequence[str] | None) -> list[str]:
    """Return what a chunk of a document with these labels carries: an index of labels does not find what is empty."""
    return list(labels or (NO_LABEL,))


def tombstone(row_id: str, kind: str, document_id: str) -> dict[str, Any]:
    """Make the row that takes the place of one that is no longer wanted."""
    return {"id": row_id, "kind": kind, "document_id": document_id, "deleted": True}


def document_row(row: LedgerRow, source: str) -> dict[str, Any]:
    """Return the ledger's row of a document as it is committed."""
    return {
        "id": row.document_id,
        "kind": "document",
        "deleted": False,
        "source": source,
        **{name: getattr(row, name) for name in COLUMNS},
        "labels": list(row.labels),
        "left_out": list(row.left_out),
        "recognised": list(row.recognised),
    }


def _vector_column(vectors: Sequence[Vectors | None], dimension: int) -> pa.FixedSizeListArray:
    zero = np.zeros(dimension, np.float32)
    flat = np.concatenate([zero if vector is None else vector for vector in vectors]).astype(np.float32, copy=False)
    mask = pa.array([vector is None for vector in vectors])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension, mask=mask)
