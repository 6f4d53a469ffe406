"""Maintain the search indexes of an index, check them, and rebuild them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np
import pyarrow.compute as pc
from lancedb.query import FullTextOperator, LanceVectorQueryBuilder, MultiMatchQuery
from lancedb.table import Table

from ragloop.corpus.index.search_indexes import maintain, make_index, most_unindexed, wanted_indexes
from ragloop.corpus.index.searching.search import PROBES, outside_words
from ragloop.corpus.index.table import Index
from ragloop.corpus.index.vectors import to_numpy
from ragloop.errors import StoreDamagedError
from ragloop.models import Vectors

_LOOKED_FOR = 16
"""How many vectors tell whether the index of them finds what is there."""
_SAME = 1e-3
"""Largest cosine distance of a vector from itself, as far as 32 bits tell."""


def maintain_indexes(index: Index) -> None:
    """Make missing indexes, remove tombstones, compact fragments, each where it is due. Needs the index lease.

    Raises StorageFullError; the index answers as before.
    """
    maintain(index.store, index.generation.table, committed=index.commits > 0)


def lacking_indexes(index: Index) -> list[str]:
    """Name the columns whose index is missing, or has more rows outside it than maintenance leaves."""
    table = index.store.table(index.generation.table)
    with index.store.errors():
        rows = table.count_rows()
        outside = {one.columns[0]: one.num_unindexed_rows or 0 for one in table.list_indices()}
    return [one for one in wanted_indexes(rows) if outside.get(one, rows) > most_unindexed(rows)]


def failing_indexes(index: Index, expected: Mapping[str, tuple[str, int]], word: str) -> list[str]:
    """Name the columns whose index cannot be read, or does not find as many rows as expected.

    `expected`: per column a predicate on it and how many rows satisfy it; `word` is for those searched by words.
    """
    table = index.store.table(index.generation.table)

    def by_words(column: str) -> bool:
        matching = MultiMatchQuery(word, [column], boosts=None, operator=FullTextOperator.OR)
        table.search(matching, query_type="fts").limit(1).to_arrow()
        return True

    tries: dict[str, Callable[[], bool]] = {name: partial(by_words, name) for name in outside_words(index)}
    with index.store.errors():
        if any(one.columns == ["vector"] for one in table.list_indices()):
            tries["vector"] = partial(_finds_vectors, table, index.generation.dimension)
    for name, (where, count) in expected.items():
        tries[name] = lambda where=where, count=count: table.count_rows(where) == count  # type: ignore[misc]
    return [name for name, work in tries.items() if not _works(index, work)]


def _works(index: Index, work: Callable[[], bool]) -> bool:
    try:
        with index.store.errors():
            return work()
    except StoreDamagedError:
        return False


def index_anew(index: Index, columns: Sequence[str]) -> None:
    """Make the indexes of these columns from all rows. Needs the index lease."""
    for column in columns:
        make_index(index.store, index.generation.table, column)


def _finds_vectors(table: Table, dimension: int) -> bool:
    """Check that the index of the vectors can be read whole, and finds some that the table holds, taken evenly."""
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
