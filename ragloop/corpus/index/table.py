"""The index table of one generation: its ledger, its commits, its searches, its maintenance.

A row of kind `document` and the rows of kind `chunk` of one document change in one commit. Rows that others take the
place of become tombstones in that same commit (`live` false, no text, no vector), which maintenance removes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.query import FullTextOperator, LanceFtsQueryBuilder, LanceVectorQueryBuilder, MultiMatchQuery
from lancedb.table import Table

from ragloop.corpus.index.generations import Generation
from ragloop.corpus.index.identity import document_id
from ragloop.corpus.index.ledger import COLUMNS, COMPARED, QUARANTINED, WAITING, Known, Ledger, LedgerRow, known
from ragloop.corpus.index.search_indexes import INDEXES, WORDS, maintain, most_unindexed, wanted_indexes
from ragloop.corpus.index.vectors import to_numpy
from ragloop.errors import StoreDamagedError
from ragloop.models import Embedder, Vectors
from ragloop.records import UNLABELLED, View
from ragloop.store import Store, index_schema, quoted

FTS_TERMS = 64
"""Longest full-text query in words; what a person asks is shorter."""
PROBES = 20
"""Partitions of the vectors' index that are searched; with them recall@10 against all is .99 and more."""

RANKED_TOGETHER = 100_000
"""Up to so many rows, those outside the words' indexes are ranked in one query with the others. While any are, LanceDB
ranks every match instead of the best ones: at 1,000,000 chunks that takes .7 s instead of .02."""
RANKED_APART = 5_000
"""Most rows outside the indexes that are ranked apart: they are asked for by id."""
_CHUNKS = "live AND kind = 'chunk'"
_TEXTS = 500
"""Documents whose texts are read at once."""
_LOOKED_FOR = 16
"""How many vectors tell whether the index of them finds what is there."""
_SAME = 1e-3
"""Largest cosine distance of a vector from itself, as far as 32 bits tell."""

_PASSAGE = ["id", "document_id", "source", "uri", "title", "heading", "text", "text_hash"]


class Held(NamedTuple):
    """What a chunk that is in the index says beside its description; its id says the rest."""

    document_id: str
    heading: str
    text: str


@dataclass(frozen=True)
class Live:
    """What answers: the index of the live generation, and the embedder that built it."""

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
        """This index as it is now, whatever is committed later: searches in it see one state of each document."""
        if self._pinned is not None:
            return self
        table = self.store.table(self.generation.table)
        with self.store.errors():
            table.checkout(table.version)
        return Index(self.store, self.generation, table)

    def _table(self) -> Table:
        return self._pinned if self._pinned is not None else self.store.table(self.generation.table)

    def known(self, source: str, labels: tuple[str, ...], keys: Sequence[str] | None = None) -> Known:
        """What a listing of a source with these labels is compared with, for all documents or those with these keys."""
        return known(self.store.rows(self.generation.table, _of_source(source, keys), COMPARED), labels)

    def ledger(self, source: str, keys: Sequence[str] | None = None) -> Ledger:
        """The documents of a source by key, all of them or those with these keys."""
        return Ledger(self.store.rows(self.generation.table, _of_source(source, keys), COLUMNS))

    def never_read(self, source: str) -> Ledger:
        """The quarantined documents of a source of which no revision was ever good."""
        where = f"{_of_source(source)} AND status = '{QUARANTINED}' AND revision IS NULL"
        return Ledger(self.store.rows(self.generation.table, where, COLUMNS))

    def documents(self, source: str) -> int:
        """How many documents a source has."""
        return self.store.count(self.generation.table, _of_source(source))

    def sources(self) -> list[str]:
        """Names of the sources that have documents."""
        rows = self.store.rows(self.generation.table, "kind = 'document' AND live", ["source"])
        return sorted(set(rows["source"].to_pylist()))

    def held(self, document_ids: Sequence[str]) -> dict[str, Held]:
        """The live chunks of these documents by id."""
        rows = self._chunks(document_ids, ["id", *Held._fields])
        columns = (rows[name].to_pylist() for name in Held._fields)
        return dict(zip(rows["id"].to_pylist(), map(Held, *columns), strict=True))

    def chunk_rows(self, document_ids: Sequence[str]) -> list[tuple[dict[str, Any], Vectors]]:
        """The live chunks of these documents as they were committed, each with its vector."""
        rows = self._chunks(document_ids)
        vectors = to_numpy(rows["vector"], self.generation.dimension)
        return list(zip(rows.drop_columns(["vector"]).to_pylist(), vectors, strict=True))

    def _chunks(self, document_ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        if not document_ids:
            return index_schema(self.generation.dimension).empty_table()
        where = f"kind = 'chunk' AND live AND document_id IN ({quoted(document_ids)})"
        return self.store.rows(self.generation.table, where, columns)

    def revisions(self) -> dict[str, str]:
        """The revision of every document that can be retrieved, by document id; without those that wait for a sync.

        What those show may be damaged: nothing that was shown of them counts as unchanged.
        """
        where = f"kind = 'document' AND live AND revision IS NOT NULL AND revision != '{WAITING}'"
        rows = self.store.rows(self.generation.table, where, ["document_id", "revision"])
        return dict(zip(rows["document_id"].to_pylist(), rows["revision"].to_pylist(), strict=True))

    def labelled(self) -> frozenset[str]:
        """The ids of the documents that carry labels."""
        where = "kind = 'document' AND live AND cardinality(labels) > 0"
        return frozenset(self.store.rows(self.generation.table, where, ["document_id"])["document_id"].to_pylist())

    def keys(self) -> dict[str, str]:
        """The key of every live document, by document id."""
        rows = self.store.rows(self.generation.table, "kind = 'document' AND live", ["document_id", "key"])
        return dict(zip(rows["document_id"].to_pylist(), rows["key"].to_pylist(), strict=True))

    def chunk_texts(self, document_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Document, heading, text and text hash of every live chunk of these documents, some documents at a time."""
        columns = ["document_id", "heading", "text", "text_hash"]
        for first in range(0, len(document_ids), _TEXTS):
            yield from self._chunks(document_ids[first : first + _TEXTS], columns).to_pylist()

    @property
    def version(self) -> tuple[str, int]:
        """What changes with every commit to the index, and with a cut-over."""
        with self.store.errors():
            return self.generation.table, self._table().version

    def text_hashes(self) -> dict[str, str]:
        """The hash of every live chunk's embedded string, by chunk id."""
        rows = self.store.rows(self.generation.table, "kind = 'chunk' AND live", ["id", "text_hash"])
        return dict(zip(rows["id"].to_pylist(), rows["text_hash"].to_pylist(), strict=True))

    def passages(self, chunk_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The live chunks with these ids, by id; ids of chunks that are gone are left out."""
        if not chunk_ids:
            return {}
        index = self.snapshot()
        rows = index._read(f"live AND id IN ({quoted(sorted(set(chunk_ids)))})", _PASSAGE).to_pylist()
        return {row["id"]: row for row in index.located(rows)}

    def located(self, chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """These rows of chunks with their documents' `revision`, and `start` and `end` in it.

        One that its document does not name, as no sync leaves any, is left out: it can be cited nowhere.
        """
        if not chunks:
            return []
        documents = f"id IN ({quoted(sorted({row['document_id'] for row in chunks}))})"
        places = _places(self._read(documents, ["revision", "spans"]), [row["id"] for row in chunks])
        return [{**row, **places[row["id"]]} for row in chunks if row["id"] in places]

    def _read(self, where: str, columns: Sequence[str]) -> pa.Table:
        """Rows of the version that a snapshot holds."""
        with self.store.errors():
            return self._table().search().where(where).select(list(columns)).to_arrow()

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
        if self._appends is None:
            self._appends = not self.store.leases_expire and self.store.count(self.generation.table) == 0
        self._appends = self._appends and new
        schema = index_schema(self.generation.dimension)
        scalars = pa.Table.from_pylist(list(rows), schema=schema.remove(len(schema) - 1))
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

    def search_vectors(self, vector: Vectors, limit: int, view: View = UNLABELLED) -> list[dict[str, Any]]:
        """The chunks in view that are nearest by cosine, with `similarity`."""
        with self.store.errors():
            query = self._table().search(vector, vector_column_name="vector", query_type="vector")
            rows = (
                cast(LanceVectorQueryBuilder, query)
                .distance_type("cosine")
                .nprobes(PROBES)
                .maximum_nprobes(0)
                .where(_chunks_in(view), prefilter=True)
                .limit(limit)
            )
            found: list[dict[str, Any]] = rows.select([*_PASSAGE, "_distance"]).to_arrow().to_pylist()
        return [{**row, "similarity": 1 - row.pop("_distance")} for row in found]

    def search_text(self, question: str, vector: Vectors, limit: int, view: View = UNLABELLED) -> list[dict[str, Any]]:
        """The chunks in view that match best by words (BM25), with their `similarity` to the question's vector."""
        # Bytes of a command line that are no UTF-8 arrive as lone surrogates, which LanceDB refuses.
        words = " ".join(question.split()[:FTS_TERMS]).encode("utf-8", "replace").decode()
        outside = self._outside_words()
        if not words or not outside:
            return []
        # A plain string is parsed: one in quotes would ask for a phrase, which this index does not answer.
        matching = MultiMatchQuery(words, list(outside), boosts=None, operator=FullTextOperator.OR)
        with self.store.errors():
            best = self._best_by_words(matching, limit, max(outside.values()), _chunks_in(view))
        if best.num_rows == 0:
            return []
        similarity = to_numpy(best["vector"], self.generation.dimension) @ vector
        rows = best.drop_columns(["vector", "_score"]).to_pylist()
        return [{**row, "similarity": float(one)} for row, one in zip(rows, similarity, strict=True)]

    def _best_by_words(self, matching: MultiMatchQuery, limit: int, outside: int, where: str) -> pa.Table:
        """The best matches among these rows, where so many of the table's rows, its last ones, are in no index yet."""
        table = self._table()
        rows = table.count_rows()
        if not outside or outside > RANKED_APART or rows <= RANKED_TOGETHER:
            return _by_words(table, matching, limit, where)
        last = table.take_offsets(list(range(rows - outside, rows))).select(["id", "kind", "live"]).to_arrow()
        ids = last.filter(pc.and_(last["live"], pc.equal(last["kind"], "chunk")))["id"].to_pylist()
        apart = [_by_words(table, matching, limit, f"id IN ({quoted(ids)}) AND {where}")] if ids else []
        found = pa.concat_tables([*apart, _by_words(table, matching, limit, where, indexed=True)])
        found = found.sort_by([("_score", "descending"), ("id", "ascending")])
        # Where an update was killed, rows are in the one index and not yet in the other: they are found by both.
        _, first = np.unique(found["id"].to_pylist(), return_index=True)
        return found.take(np.sort(first)).slice(0, limit)

    def _outside_words(self) -> dict[str, int]:
        """The columns that can be searched by words now, and how many rows are outside the index of each."""
        with self.store.errors():
            outside = {index.columns[0]: index.num_unindexed_rows or 0 for index in self._table().list_indices()}
        return {column: outside[column] for column in WORDS if column in outside}

    def maintain(self) -> None:
        """Make missing indexes, remove tombstones, compact fragments, each where it is due. Needs the index lease.

        Raises StorageFullError; the index answers as before.
        """
        with self.store.writing():
            maintain(self.store.table(self.generation.table), committed=self.commits > 0)

    def lacking_indexes(self) -> list[str]:
        """The columns whose index is missing, or has more rows outside it than maintenance leaves."""
        table = self.store.table(self.generation.table)
        with self.store.errors():
            rows = table.count_rows()
            outside = {index.columns[0]: index.num_unindexed_rows or 0 for index in table.list_indices()}
        return [one for one in wanted_indexes(rows) if outside.get(one, rows) > most_unindexed(rows)]

    def failing_indexes(self, expected: Mapping[str, tuple[str, int]], word: str) -> list[str]:
        """The columns whose index cannot be read, or does not find as many rows as expected.

        `expected`: per column a predicate on it and how many rows satisfy it; `word` is for those searched by words.
        """
        table = self.store.table(self.generation.table)

        def by_words(column: str) -> bool:
            matching = MultiMatchQuery(word, [column], boosts=None, operator=FullTextOperator.OR)
            table.search(matching, query_type="fts").limit(1).to_arrow()
            return True

        tries: dict[str, Callable[[], bool]] = {name: partial(by_words, name) for name in self._outside_words()}
        with self.store.errors():
            if any(one.columns == ["vector"] for one in table.list_indices()):
                tries["vector"] = partial(_finds_vectors, table, self.generation.dimension)
        for name, (where, count) in expected.items():
            tries[name] = lambda where=where, count=count: table.count_rows(where) == count  # type: ignore[misc]
        return [name for name, work in tries.items() if not self._works(work)]

    def _works(self, work: Callable[[], bool]) -> bool:
        try:
            with self.store.errors():
                return work()
        except StoreDamagedError:
            return False

    def index_anew(self, columns: Sequence[str]) -> None:
        """Make the indexes of these columns from all rows. Needs the index lease."""
        table = self.store.table(self.generation.table)
        for column in columns:
            with self.store.writing():
                table.create_index(column, config=INDEXES[column], replace=True)

    def chunks(self) -> int:
        """How many chunks can be retrieved."""
        return self.store.count(self.generation.table, "kind = 'chunk' AND live")

    def counts(self) -> dict[str, Any]:
        """Documents, chunks, quarantined documents, and the lag of documents in seconds (p50, p95, max)."""
        where = "kind = 'document' AND live"
        documents = self.store.rows(self.generation.table, where, ["revision", "status", "lag_s"])
        lags = pc.drop_null(documents["lag_s"]).to_numpy()
        lag = (
            dict(zip(("p50", "p95", "max"), np.quantile(lags, (0.5, 0.95, 1)).round(3).tolist(), strict=True))
            if len(lags)
            else {}
        )
        return {
            "documents": pc.count(documents["revision"]).as_py(),
            "chunks": self.chunks(),
            "quarantined": documents["status"].to_pylist().count(QUARANTINED),
            "lag_s": {"p50": None, "p95": None, "max": None, **lag},
        }

    def quarantine(self) -> list[dict[str, Any]]:
        """Documents that cannot be read, with their reasons."""
        where = f"kind = 'document' AND live AND status = '{QUARANTINED}'"
        rows: list[dict[str, Any]] = self.store.rows(
            self.generation.table, where, ["source", "key", "uri", "reason", "attempts", "revision"]
        ).to_pylist()
        return rows


def _of_source(source: str, keys: Sequence[str] | None = None) -> str:
    """Where the documents of a source are, all of them or those with these keys."""
    where = f"kind = 'document' AND live AND source IN ({quoted([source])})"
    if keys is None:
        return where
    return f"{where} AND document_id IN ({quoted([document_id(source, key or '') for key in keys] or [''])})"


def _chunks_in(view: View) -> str:
    """Where the chunks in view are. Labels that cannot be told (null among them) are nobody's."""
    if view.labels is None:
        return _CHUNKS
    shared = f" OR array_has_any(labels, [{quoted(sorted(view.labels))}])" if view.labels else ""
    return f"{_CHUNKS} AND (labels IS NULL OR cardinality(labels) = 0{shared})"


def _places(documents: pa.Table, chunk_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`revision`, `start` and `end` of these chunks by id; a long document has thousands of others."""
    spans = documents["spans"].combine_chunks()
    revisions = documents["revision"].combine_chunks().take(pc.list_parent_indices(spans))
    columns = [*spans.flatten().flatten(), revisions]
    found = pa.table(columns, ["id", "start", "end", "revision"])
    found = found.filter(pc.is_in(found["id"], value_set=pa.array(chunk_ids, pa.string())))
    return {row.pop("id"): row for row in found.to_pylist()}


def tombstone(row_id: str, kind: str, document_id: str) -> dict[str, Any]:
    """A row that takes the place of one that is no longer wanted."""
    return {"id": row_id, "kind": kind, "document_id": document_id, "live": False}


def document_row(row: LedgerRow, source: str) -> dict[str, Any]:
    """The ledger's row of a document, as it is committed."""
    return {
        "id": row.document_id,
        "kind": "document",
        "live": True,
        "source": source,
        **{name: getattr(row, name) for name in COLUMNS},
        "labels": list(row.labels),
    }


def _by_words(table: Table, matching: MultiMatchQuery, limit: int, where: str, *, indexed: bool = False) -> pa.Table:
    """The best matches among these rows with their `_score`, or among those that are `indexed`."""
    query = cast(LanceFtsQueryBuilder, table.search(matching, query_type="fts").where(where, prefilter=True))
    query = query.fast_search() if indexed else query
    columns = [*_PASSAGE, "vector", "_score"]
    # The one has a column more than the other.
    return query.limit(limit).select(columns).to_arrow().select(columns)


def _finds_vectors(table: Table, dimension: int) -> bool:
    """Whether the index of the vectors can be read as a whole, and finds some that the table holds, taken evenly."""
    rows = table.count_rows()
    offsets = sorted({int(one) for one in np.linspace(0, rows - 1, _LOOKED_FOR)}) if rows else []
    column = table.take_offsets(offsets).select(["vector"]).to_arrow()["vector"]
    held = to_numpy(pc.drop_null(column), dimension)
    whole = held[np.linalg.norm(held, axis=1) > 0]

    def distance(vector: Vectors, probes: int) -> float:
        query = table.search(vector, vector_column_name="vector", query_type="vector")
        near = cast(LanceVectorQueryBuilder, query).distance_type("cosine").nprobes(probes).limit(1)
        return float(near.select(["_distance"]).to_arrow()["_distance"][0].as_py())

    every = [distance(one, rows) for one in whole[:1]]
    return all(one <= _SAME for one in [*every, *(distance(one, PROBES) for one in whole)])


def _vector_column(vectors: Sequence[Vectors | None], dimension: int) -> pa.FixedSizeListArray:
    zero = np.zeros(dimension, np.float32)
    flat = np.concatenate([zero if vector is None else vector for vector in vectors]).astype(np.float32, copy=False)
    mask = pa.array([vector is None for vector in vectors])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension, mask=mask)
