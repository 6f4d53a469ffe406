"""Searches in one state of an index: by vector, by words, by id."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.query import FullTextOperator, MultiMatchQuery
from lancedb.table import AsyncTable

from ragloop.corpus.index.predicates import chunks_in
from ragloop.corpus.index.search_indexes import WORDS
from ragloop.corpus.index.searching.kept import PASSAGE, ROW_ID, Beginnings, KeptChunks, Places
from ragloop.corpus.index.searching.side_by_side import asynchronous, side_by_side, together
from ragloop.corpus.index.table import Index
from ragloop.language.forms import searchable
from ragloop.models import Vectors
from ragloop.records import UNLABELLED, View
from ragloop.store import LATER, quoted

_T = TypeVar("_T")

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
_Ranking = list[tuple[int, float | None]]
"""Row ids, best first, each with its similarity where the search tells it."""


@dataclass(frozen=True)
class Nearest:
    """The chunks that are nearest to a vector, of documents whose URI has `path`."""

    path: str = ""


@dataclass(frozen=True)
class Matching:
    """The chunks that match these words best."""

    words: str


class Search:
    """Every search sees the index as it was when this was made, whatever is committed later."""

    def __init__(self, index: Index) -> None:
        self._index = index.snapshot()
        # Not later: what runs in LanceDB's thread must not ask a table that is not asynchronous.
        self._passage = [one for one in PASSAGE if one not in LATER or self._index.has(one)]

    @cached_property
    def _table(self) -> AsyncTable:
        return asynchronous(self._index.table())

    @cached_property
    def _chunks(self) -> KeptChunks:
        return KeptChunks(self._table, self._index.generation.dimension, self._passage)

    @cached_property
    def _places(self) -> Places:
        return Places(self._table)

    @cached_property
    def _beginnings(self) -> Beginnings:
        return Beginnings(self._table)

    @cached_property
    def _outside(self) -> dict[str, int]:
        return outside_words(self._index)

    def by_vector(
        self, vector: Vectors, limit: int, view: View = UNLABELLED, *, path: str = ""
    ) -> list[dict[str, Any]]:
        """Find the chunks in view that are nearest by cosine, with `similarity`.

        With `path`, only those of documents whose URI has it.
        """
        (found,) = self.rankings([Nearest(path)], vector, limit, view)
        return found

    def by_words(self, question: str, vector: Vectors, limit: int, view: View = UNLABELLED) -> list[dict[str, Any]]:
        """Find the chunks in view that match best by words (BM25), with `similarity` to the question's vector."""
        (found,) = self.rankings([Matching(question)], vector, limit, view)
        return found

    def rankings(
        self, wanted: Sequence["Nearest | Matching"], vector: Vectors, limit: int, view: View = UNLABELLED
    ) -> list[list[dict[str, Any]]]:
        """Find several rankings of chunks in view side by side, each the best first."""
        reads = [
            self._nearest(vector, limit, view, one.path)
            if isinstance(one, Nearest)
            else self._matching(self._words(one.words), limit, view)
            for one in wanted
        ]
        (found,) = self._read([self._rankings(reads, vector)])
        return found

    async def _rankings(
        self, reads: Sequence[Coroutine[Any, Any, _Ranking]], vector: Vectors
    ) -> list[list[dict[str, Any]]]:
        """Rank row ids, then read the chunks that no ranking found before."""
        ranked = await together(reads)
        chunks = await self._chunks.of(row for ranking in ranked for row, _ in ranking)
        return [
            [
                {**chunks[row].columns, "similarity": float(chunks[row].vector @ vector) if known is None else known}
                for row, known in ranking
            ]
            for ranking in ranked
        ]

    def holding(self, words: Sequence[str], limit: int, view: View = UNLABELLED) -> dict[str, list[str]]:
        """Find, by word, the ids of chunks in view that have it in any of its forms; at most so many of each."""
        if not words:
            return {}
        found = self._read([self._holding(self._words(word), limit, view) for word in words])
        return dict(zip(words, found, strict=True))

    def _read(self, reads: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
        with self._index.store.errors():
            return side_by_side(reads)

    async def _rows(self, where: str, columns: Sequence[str]) -> pa.Table:
        return await self._table.query().where(where).select(list(columns)).to_arrow()

    async def _nearest(self, vector: Vectors, limit: int, view: View, path: str = "") -> _Ranking:
        where = chunks_in(view) if not path else f"{chunks_in(view)} AND contains(uri, {quoted([path])})"
        rows = self._table.query().nearest_to(vector).distance_type("cosine").nprobes(PROBES).maximum_nprobes(0)
        found = await rows.where(where).limit(limit).with_row_id().select(["_distance"]).to_arrow()
        return [(row, 1 - one) for row, one in zip(*_columns(found, ROW_ID, "_distance"), strict=True)]

    async def _matching(self, words: MultiMatchQuery | None, limit: int, view: View) -> _Ranking:
        if words is None:
            return []
        best = await self._best_by_words(words, limit, max(self._outside.values()), chunks_in(view))
        return [(row, None) for row in best[ROW_ID].to_pylist()]

    async def _holding(self, words: MultiMatchQuery | None, limit: int, view: View) -> list[str]:
        if words is None:
            return []
        query = self._table.query().nearest_to_text(words).where(chunks_in(view))
        ids: list[str] = (await query.limit(limit).select(["id", "_score"]).to_arrow())["id"].to_pylist()
        return ids

    def _words(self, asked: str) -> MultiMatchQuery | None:
        """Return the query for these words, None where there are none or no column has an index of its words."""
        # Bytes of a command line that are no UTF-8 arrive as lone surrogates, which LanceDB refuses.
        readable = " ".join(asked.split()[:FTS_TERMS])[:FTS_CHARACTERS].encode("utf-8", "replace").decode()
        words = searchable(readable)
        if not words or not self._outside:
            return None
        # A plain string is parsed: one in quotes would ask for a phrase, which this index does not answer.
        return MultiMatchQuery(words, list(self._outside), boosts=None, operator=FullTextOperator.OR)

    async def _best_by_words(self, matching: MultiMatchQuery, limit: int, outside: int, where: str) -> pa.Table:
        """Find the best matches among these rows, where so many of the table's rows, its last ones, are in no index."""
        table = self._table
        rows = await table.count_rows() if 0 < outside <= RANKED_APART else 0
        if rows <= RANKED_TOGETHER:
            return await _by_words(table, matching, limit, where)
        last = await table.take_offsets(list(range(rows - outside, rows))).select(["id", "kind", "deleted"]).to_arrow()
        ids = last.filter(pc.and_not(pc.equal(last["kind"], "chunk"), last["deleted"]))["id"].to_pylist()
        apart = [await _by_words(table, matching, limit, f"id IN ({quoted(ids)}) AND {where}")] if ids else []
        found = pa.concat_tables([*apart, await _by_words(table, matching, limit, where, indexed=True)])
        found = found.sort_by([("_score", "descending"), (ROW_ID, "ascending")])
        # Where an update was killed, rows are in the one index and not yet in the other: they are found by both.
        _, first = np.unique(found[ROW_ID].to_pylist(), return_index=True)
        return found.take(np.sort(first)).slice(0, limit)

    def passages(self, chunk_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Read the chunks with these ids, by id; ids of chunks that are gone are left out."""
        if not chunk_ids:
            return {}
        wanted = f"NOT deleted AND id IN ({quoted(sorted(set(chunk_ids)))})"
        (rows,) = self._read([self._rows(wanted, self._passage)])
        return {row["id"]: row for row in self.located(rows.to_pylist())}

    def located(self, chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add to these rows of chunks where they stand (see Places), and `begins`, what their document begins with.

        One that its document does not name, as no sync leaves any, is left out: it can be cited nowhere.
        """
        places = self._places.known(row["id"] for row in chunks)
        begins = self._beginnings.known(one["first"] for one in places.values())
        missing = [row for row in chunks if row["id"] not in places or places[row["id"]]["first"] not in begins]
        if missing:
            ((found, read),) = self._read([self._placed(missing)])
            places, begins = places | found, begins | read
        located = [{**row, **places[row["id"]]} for row in chunks if row["id"] in places]
        return [{**row, "begins": begins.get(row["first"], "")} for row in located]

    async def _placed(self, chunks: Sequence[Mapping[str, Any]]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        places = await self._places.find(chunks)
        return places, await self._beginnings.find({one["first"] for one in places.values()})


@lru_cache(maxsize=2)
def search_of(snapshot: Index) -> Search:
    """Return the searches in a snapshot; what they learn of it serves every question that is asked of it."""
    return Search(snapshot)


def outside_words(index: Index) -> dict[str, int]:
    """Count the rows outside the index of each column that can be searched by words now."""
    with index.store.errors():
        outside = {one.columns[0]: one.num_unindexed_rows or 0 for one in index.table().list_indices()}
    return {column: outside[column] for column in WORDS if column in outside}


async def _by_words(
    table: AsyncTable, matching: MultiMatchQuery, limit: int, where: str, *, indexed: bool = False
) -> pa.Table:
    """Find the row ids of the best matches among these rows, or among those that are `indexed`, with `_score`."""
    query = table.query().nearest_to_text(matching).where(where)
    query = query.fast_search() if indexed else query
    columns = ["_score", ROW_ID]
    # The one has a column more than the other.
    return (await query.limit(limit).with_row_id().select(columns[:1]).to_arrow()).select(columns)


def _columns(table: pa.Table, *names: str) -> list[list[Any]]:
    return [table[name].to_pylist() for name in names]
