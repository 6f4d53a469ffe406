"""The indexes that searches use: made by size, brought up to date, and as exact as comparing all vectors."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lancedb.query import FullTextOperator, MultiMatchQuery
from lancedb.table import Table

from ragloop.corpus.index import health
from ragloop.corpus.index import search_indexes as maintenance
from ragloop.corpus.index.generations.builds import Builds
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.predicates import CHUNKS
from ragloop.corpus.index.search_indexes import WORDS
from ragloop.corpus.index.searching import search as search_module
from ragloop.corpus.index.searching.search import Search, outside_words
from ragloop.corpus.index.searching.side_by_side import side_by_side
from ragloop.corpus.index.table import Index, tombstone
from ragloop.models import Vectors
from ragloop.store import Store

DIMENSION = 32


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index that is empty and held, and that has many vectors from 500 rows on, many parts from 8."""
    monkeypatch.setattr(maintenance, "MANY_VECTORS", 500)
    monkeypatch.setattr(maintenance, "SEGMENTS", 8)
    store = Store.open(tmp_path / "home")
    with store.lease("index"):
        yield Index(store, Builds(Generations(store)).begin(Generation("p/1", "c/1/256", "e", DIMENSION)).active)


def clustered(count: int, seed: int) -> Vectors:
    centres = np.random.default_rng(0).standard_normal((20, DIMENSION))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(20, size=count)] + 0.5 * random.standard_normal((count, DIMENSION))
    made: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def commit(index: Index, first: int, vectors: Vectors) -> None:
    rows = [
        {
            "id": f"{first + i:08}", "kind": "chunk", "deleted": False, "document_id": f"d{(first + i) // 10}",
            "source": "s", "uri": "u", "title": "t", "heading": "h",
            "text": f"word{first + i}", "text_hash": f"{first + i:064}",
        }
        for i in range(len(vectors))
    ]  # fmt: skip
    index.commit(rows, list(vectors))
    health.maintain_indexes(index)


def parts(index: Index) -> int:
    """Of the index of the vectors; 0 when there is none."""
    table = index.store.table(index.generation.table)
    return max((one.num_segments or 0 for one in table.list_indices() if one.columns == ["vector"]), default=0)


def recall(index: Index, vectors: Vectors, questions: Vectors) -> float:
    found = [{int(row["id"]) for row in Search(index).by_vector(one, 30)[:10]} for one in questions]
    exact = [set(row) for row in np.argsort(-(questions @ vectors.T), axis=1)[:, :10].tolist()]
    return float(np.mean([len(mine & truth) / 10 for mine, truth in zip(found, exact, strict=True)]))


def test_vectors_are_indexed_when_there_are_many(index: Index) -> None:
    commit(index, 0, clustered(400, 1))
    few = parts(index)
    commit(index, 400, clustered(200, 2))

    assert (few, parts(index)) == (0, 1)


def test_sources_and_states_are_looked_up_when_there_are_many_rows(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def indexed() -> set[str]:
        return {one.columns[0] for one in index.store.table(index.generation.table).list_indices()}

    monkeypatch.setattr(maintenance, "MANY_ROWS", 300)
    commit(index, 0, clustered(200, 1))
    few = indexed()
    commit(index, 200, clustered(200, 2))

    assert indexed() - few == {"source", "status"}


def test_the_index_finds_what_comparing_all_vectors_finds(index: Index) -> None:
    vectors = clustered(3000, 1)
    commit(index, 0, vectors)

    assert parts(index) == 1
    assert recall(index, vectors, clustered(50, 9)) >= 0.98


def test_a_chunk_is_found_as_soon_as_it_is_committed_and_no_longer_than_it_lives(index: Index) -> None:
    commit(index, 0, clustered(600, 1))
    new = clustered(5, 3)
    commit(index, 600, new)
    found = Search(index).by_vector(new[2], 1)[0]["id"]
    words = Search(index).by_words("word602", new[2], 1)[0]["id"]
    index.commit([tombstone("00000602", "chunk", "d60")], [None])

    assert found == words == "00000602"
    assert "00000602" not in {row["id"] for row in Search(index).by_vector(new[2], 30)}


def test_updates_leave_few_rows_outside_the_indexes_and_few_parts(index: Index) -> None:
    vectors = clustered(600, 1)
    commit(index, 0, vectors)
    for number in range(maintenance.SEGMENTS + 4):
        vectors = np.concatenate([vectors, clustered(70, 10 + number)])
        commit(index, len(vectors) - 70, vectors[-70:])

    assert parts(index) <= maintenance.SEGMENTS + 1
    assert health.lacking_indexes(index) == []
    assert recall(index, vectors, clustered(50, 9)) >= 0.98


def test_versions_that_nobody_reads_leave_the_disk(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(index, 0, clustered(200, 1))
    before = len(index.store.table(index.generation.table).list_versions())
    monkeypatch.setattr(maintenance, "KEPT_VERSIONS", timedelta(milliseconds=1))
    commit(index, 200, clustered(100, 2))

    assert len(index.store.table(index.generation.table).list_versions()) < before


def test_rows_outside_the_indexes_are_ranked_as_if_they_were_in_them(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a history of commits, deletes and updates, some of which were killed half-way, both ways find the same."""
    random = np.random.default_rng(4)
    name, words = index.generation.table, [f"common{n}" for n in range(12)]

    def write(documents: Sequence[int]) -> None:
        rows = [
            {
                "id": f"{document}-{n}",
                "kind": "chunk",
                "deleted": bool(random.random() > 0.9),
                "document_id": f"d{document}",
                "heading": " ".join(random.choice(words, 2)),
                "text": " ".join(random.choice(words, 9)),
            }
            for document in documents
            for n in range(3)
        ]
        index.commit(rows, list(clustered(len(rows), int(documents[0]))))

    asked: list[bool] = []
    by_words = search_module._by_words

    def noting(table: Table, *of: Any, indexed: bool = False) -> pa.Table:
        asked.append(indexed)
        return by_words(table, *of, indexed=indexed)

    monkeypatch.setattr(search_module, "_by_words", noting)
    write(range(200))
    health.maintain_indexes(index)
    apart = 0
    for turn in range(14):
        if turn % 3 == 0:
            index.remove([f"d{one}" for one in random.choice(230, 9, replace=False)])
        if turn % 7 == 5:
            health.index_anew(index, ["title_words"])
        if turn % 6 == 4:
            index.store.table(name).optimize()
        if turn % 6 != 5:
            write(sorted(random.choice(230, 8, replace=False).tolist()))
        apart += max(outside_words(index).values()) > 0
        for question in (*words[:4], " ".join(words)):
            found = []
            for together in (0, 10**9):
                monkeypatch.setattr(search_module, "RANKED_TOGETHER", together)
                matching = MultiMatchQuery(question, list(WORDS), boosts=None, operator=FullTextOperator.OR)
                outside = max(outside_words(index).values())
                (best,) = side_by_side([Search(index)._best_by_words(matching, 1000, outside, CHUNKS)])
                found.append(
                    dict(zip(best["_rowid"].to_pylist(), np.round(best["_score"].to_pylist(), 4), strict=True))
                )
                assert len(found[-1]) == best.num_rows
            assert found[0] == found[1]
    assert apart > 5
    assert asked.count(True) == 5 * apart, "in large tables the indexes are asked for their best alone"
