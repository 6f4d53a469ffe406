"""Searches in one state of an index: by vector, by words, by id."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.query import FullTextOperator, LanceFtsQueryBuilder, LanceVectorQueryBuilder, MultiMatchQuery
from lancedb.table import Table

from ragloop.corpus.index.predicates import chunks_in
from ragloop.corpus.index.search_indexes import WORDS
from ragloop.corpus.index.table import Index
from ragloop.corpus.index.vectors import to_numpy
from ragloop.language.forms import searchable
from ragloop.models import Vectors
from ragloop.records import UNLABELLED, View
from ragloop.store import quoted

FTS_TERMS = 64
"""Longest full-text query in words; what a person asks is shorter."""
FTS_CHARACTERS = 2_000
"""And in characters, for scripts that have no spaces."""
PROBES = 20
"""Partitions of the vectors' index that are searched; with them recall@10 against all is .99 and more."""

RANKED_TOGETHER = 100_000
"""Up to so many rows, those outside the words' indexes are ranked in one query with the others. While any are, LanceDB
ranks every match instead of the best ones: at 1,000,000 chunks that takes .7 s instead of .02."""
RANKED_APART = 5_000
"""Most rows outside the indexes that are ranked apart: they are asked for by id."""
_PASSAGE = ["id", "document_id", "source", "uri", "title", "heading", "text", "text_hash", "confidence"]


class Search:
    """Every search sees the index as it was when this was made, whatever is committed later."""

    def __init__(self, index: Index) -> None:
        self._index = index.snapshot()

    def by_vector(
        self, vector: Vectors, limit: int, view: View = UNLABELLED, *, path: str = ""
    ) -> list[dict[str, Any]]:
        """Find the chunks in view that are nearest by cosine, with `similarity`.

        With `path`, only those of documents whose URI has it.
        """
        where = chunks_in(view) if not path else f"{chunks_in(view)} AND contains(uri, {quoted([path])})"
        with self._index.store.errors():
            query = self._index.table().search(vector, vector_column_name="vector", query_type="vector")
            rows = (
                cast(LanceVectorQueryBuilder, query)
                .distance_type("cosine")
                .nprobes(PROBES)
                .maximum_nprobes(0)
                .where(where, prefilter=True)
                .limit(limit)
            )
            found: list[dict[str, Any]] = rows.select([*_PASSAGE, "_distance"]).to_arrow().to_pylist()
        return [{**row, "similarity": 1 - row.pop("_distance")} for row in found]

    def by_words(self, question: str, vector: Vectors, limit: int, view: View = UNLABELLED) -> list[dict[str, Any]]:
        """Find the chunks in view that match best by words (BM25), with `similarity` to the question's vector."""
        # Bytes of a command line that are no UTF-8 arrive as lone surrogates, which LanceDB refuses.
        asked = " ".join(question.split()[:FTS_TERMS])[:FTS_CHARACTERS].encode("utf-8", "replace").decode()
        words = searchable(asked)
        outside = outside_words(self._index)
        if not words or not outside:
            return []
        # A plain string is parsed: one in quotes would ask for a phrase, which this index does not answer.
        matching = MultiMatchQuery(words, list(outside), boosts=None, operator=FullTextOperator.OR)
        with self._index.store.errors():
            best = self._best_by_words(matching, limit, max(outside.values()), chunks_in(view))
        if best.num_rows == 0:
            return []
        similarity = to_numpy(best["vector"], self._index.generation.dimension) @ vector
        rows = best.drop_columns(["vector", "_score"]).to_pylist()
        return [{**row, "similarity": float(one)} for row, one in zip(rows, similarity, strict=True)]

    def holding(self, word: str, limit: int, view: View = UNLABELLED) -> list[str]:
        """Find the ids of chunks in view that have a word, in any of its forms; at most so many."""
        words, outside = searchable(word), outside_words(self._index)
        if not words or not outside:
            return []
        matching = MultiMatchQuery(words, list(outside), boosts=None, operator=FullTextOperator.OR)
        with self._index.store.errors():
            query = self._index.table().search(matching, query_type="fts").where(chunks_in(view), prefilter=True)
            ids: list[str] = query.limit(limit).select(["id", "_score"]).to_arrow()["id"].to_pylist()
        return ids

    def _best_by_words(self, matching: MultiMatchQuery, limit: int, outside: int, where: str) -> pa.Table:
        """Find the best matches among these rows, where so many of the table's rows, its last ones, are in no index."""
        table = self._index.table()
        rows = table.count_rows()
        if not outside or outside > RANKED_APART or rows <= RANKED_TOGETHER:
            return _by_words(table, matching, limit, where)
        last = table.take_offsets(list(range(rows - outside, rows))).select(["id", "kind", "deleted"]).to_arrow()
        ids = last.filter(pc.and_not(pc.equal(last["kind"], "chunk"), last["deleted"]))["id"].to_pylist()
        apart = [_by_words(table, matching, limit, f"id IN ({quoted(ids)}) AND {where}")] if ids else []
        found = pa.concat_tables([*apart, _by_words(table, matching, limit, where, indexed=True)])
        found = found.sort_by([("_score", "descending"), ("id", "ascending")])
        # Where an update was killed, rows are in the one index and not yet in the other: they are found by both.
        _, first = np.unique(found["id"].to_pylist(), return_index=True)
        return found.take(np.sort(first)).slice(0, limit)

    def passages(self, chunk_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Read the chunks with these ids, by id; ids of chunks that are gone are left out."""
        if not chunk_ids:
            return {}
        rows = self._index.read(f"NOT deleted AND id IN ({quoted(sorted(set(chunk_ids)))})", _PASSAGE).to_pylist()
        return {row["id"]: row for row in self.located(rows)}

    def located(self, chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add to these rows of chunks their documents' `revision`, and `start` and `end` in it.

        One that its document does not name, as no sync leaves any, is left out: it can be cited nowhere.
        """
        if not chunks:
            return []
        documents = f"id IN ({quoted(sorted({row['document_id'] for row in chunks}))})"
        places = _places(self._index.read(documents, ["revision", "spans"]), [row["id"] for row in chunks])
        return [{**row, **places[row["id"]]} for row in chunks if row["id"] in places]


def outside_words(index: Index) -> dict[str, int]:
    """Count the rows outside the index of each column that can be searched by words now."""
    with index.store.errors():
        outside = {one.columns[0]: one.num_unindexed_rows or 0 for one in index.table().list_indices()}
    return {column: outside[column] for column in WORDS if column in outside}


def _by_words(table: Table, matching: MultiMatchQuery, limit: int, where: str, *, indexed: bool = False) -> pa.Table:
    """Find the best matches among these rows with their `_score`, or among those that are `indexed`."""
    query = cast(LanceFtsQueryBuilder, table.search(matching, query_type="fts").where(where, prefilter=True))
    query = query.fast_search() if indexed else query
    columns = [*_PASSAGE, "vector", "_score"]
    # The one has a column more than the other.
    return query.limit(limit).select(columns).to_arrow().select(columns)


def _places(documents: pa.Table, chunk_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read `revision`, `start` and `end` of these chunks by id; a long document has thousands of others."""
    spans = documents["spans"].combine_chunks()
    revisions = documents["revision"].combine_chunks().take(pc.list_parent_indices(spans))
    columns = [*spans.flatten().flatten(), revisions]
    found = pa.table(columns, ["id", "start", "end", "revision"])
    found = found.filter(pc.is_in(found["id"], value_set=pa.array(chunk_ids, pa.string())))
    return {row.pop("id"): row for row in found.to_pylist()}
