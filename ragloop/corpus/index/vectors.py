"""Vectors by the SHA-256 of the exact string that was embedded, so that no string is embedded twice."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.index import BTree

from ragloop.errors import StoreDamagedError
from ragloop.hashes import sha256_of_text
from ragloop.models import Embedder, Vectors, question_vectors, questions_differ
from ragloop.store import TIME, Store, quoted, vectors_schema

_LOOKUP = 1000
_SCANNED = 10
"""Read the hashes of all vectors when they are fewer than this many times those looked for: a first index finds few,
and looking for each takes longer."""
LARGE = 100_000
"""Vectors from which on hashes are indexed: ten are then found in 11 ms instead of 18, among 300,000 in 12, not 41."""
UNINDEXED_SHARE = 0.25
"""Index the hashes again when more than this share of the vectors is outside the index; it takes 1 s per million."""


class VectorStore:
    """The vectors of one embedder: those of passages, or with `asked` those of questions.

    Where an embedder reads both in one way, they are in one table.
    """

    def __init__(self, store: Store, embedder: Embedder, *, asked: bool = False) -> None:
        self._store = store
        self._embedder = embedder
        self._asked = asked and questions_differ(embedder)
        self._name = table_of(f"{embedder.fingerprint} questions" if self._asked else embedder.fingerprint)

    def find(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        """Find the stored vectors among these hashes. A table that is damaged is set aside, to be created again."""
        if not hashes or not self._store.tables.has(self._name):
            return {}
        try:
            return self._find(hashes)
        except StoreDamagedError:
            self._store.tables.set_aside(self._name)
            return {}

    def _find(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        wanted = sorted(set(hashes))
        if self._store.count(self._name) < _SCANNED * len(wanted):
            stored = self._store.rows(self._name, None, ["text_hash"])["text_hash"]
            wanted = pc.filter(pa.array(wanted), pc.is_in(pa.array(wanted), stored)).to_pylist()
        for first in range(0, len(wanted), _LOOKUP):
            part = wanted[first : first + _LOOKUP]
            rows = self._store.rows(self._name, f"text_hash IN ({quoted(part)})", ["text_hash", "vector"])
            found.update(
                zip(rows["text_hash"].to_pylist(), to_numpy(rows["vector"], self._embedder.dimension), strict=True)
            )
        return found

    def add(self, hashes: Sequence[str], vectors: Vectors) -> None:
        """Add the vectors of strings given by hash, shape (len(hashes), dimension), in one commit."""
        add_vectors(self._store, self._name, hashes, vectors)

    def of_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed any texts in order, except those that are stored; the vectors have shape (n, dimension)."""
        hashes = [sha256_of_text(text) for text in texts]
        found = self.find(hashes)
        missing = {one: text for one, text in zip(hashes, texts, strict=True) if one not in found}
        if missing:
            new = list(missing.values())
            made = question_vectors(self._embedder, new) if self._asked else self._embedder.embed(new)
            self.add(list(missing), made)
            found.update(zip(missing, made, strict=True))
        return (
            np.stack([found[one] for one in hashes]) if hashes else np.empty((0, self._embedder.dimension), np.float32)
        )


def add_vectors(store: Store, name: str, hashes: Sequence[str], vectors: Vectors, *, replaces: bool = False) -> None:
    """Add vectors to this table, which is made where it is missing; see VectorStore.add.

    `replaces`: some are there already, and are replaced.
    """
    schema = vectors_schema(vectors.shape[1])
    store.tables.create(name, schema)
    now = pa.array([store.now()] * len(hashes), TIME)
    unused = pa.nulls(len(hashes), TIME)
    rows = pa.Table.from_arrays([pa.array(hashes), now, to_arrow(vectors), unused], schema=schema)
    (store.upsert if replaces else store.insert)(name, rows)


def table_of(fingerprint: str) -> str:
    """Name the table that keeps the vectors of the embedder with this fingerprint."""
    return "vectors_" + sha256_of_text(fingerprint)[:16]


def tidy(store: Store, name: str) -> None:
    """Keep a table of vectors quick to search; see Upkeep.tidy. Needs the index lease."""
    store.upkeep.tidy(name)
    rows = store.count(name)
    if rows < LARGE:
        return
    table = store.table(name)
    with store.errors():
        behind = min((one.num_unindexed_rows or 0 for one in table.list_indices()), default=rows)
    if behind > UNINDEXED_SHARE * rows:
        with store.writing("index", name):
            table.create_index("text_hash", config=BTree(), replace=True)


def to_numpy(column: pa.ChunkedArray, dimension: int) -> Vectors:
    """Turn a column of vectors without nulls into an array of shape (n, dimension)."""
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], pa.float32()).to_numpy()
    vectors: Vectors = flat.reshape(-1, dimension)
    return vectors


def to_arrow(vectors: Vectors) -> pa.FixedSizeListArray:
    """Turn an array of shape (n, dimension) into a column of vectors."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])
