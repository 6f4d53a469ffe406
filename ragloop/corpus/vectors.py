"""Vectors by the SHA-256 of the exact string that was embedded, so that no string is embedded twice."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ragloop.errors import is_damage
from ragloop.models import Embedder, Vectors
from ragloop.store import TIME, Store, quoted, vectors_schema

_LOOKUP = 1000


class VectorStore:
    """The vectors of one embedder."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._name = "vectors_" + hashlib.sha256(embedder.fingerprint.encode()).hexdigest()[:16]
        self._schema = vectors_schema(embedder.dimension)

    def find(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        """The stored vectors among these hashes. A table that cannot be read is dropped, to be made anew."""
        if not hashes or not self._store.has(self._name):
            return {}
        try:
            return self._find(hashes)
        except RuntimeError as error:
            if not is_damage(error):
                raise
            self._store.drop(self._name)
            return {}

    def _find(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        wanted = sorted(set(hashes))
        for first in range(0, len(wanted), _LOOKUP):
            part = wanted[first : first + _LOOKUP]
            rows = self._store.rows(self._name, f"text_hash IN ({quoted(part)})", ["text_hash", "vector"])
            found.update(
                zip(rows["text_hash"].to_pylist(), to_numpy(rows["vector"], self._embedder.dimension), strict=True)
            )
        return found

    def embed(self, strings: Mapping[str, str]) -> dict[str, Vectors]:
        """Embed strings given by hash, and store their vectors in one commit."""
        hashes = list(strings)
        vectors = self._embedder.embed([strings[one] for one in hashes])
        self._store.create(self._name, self._schema)
        now = pa.array([datetime.now(UTC)] * len(hashes), TIME)
        unused = pa.nulls(len(hashes), TIME)
        rows = pa.Table.from_arrays([pa.array(hashes), now, to_arrow(vectors), unused], schema=self._schema)
        self._store.insert(self._name, rows)
        return dict(zip(hashes, vectors, strict=True))

    def maintain(self) -> None:
        """Keep the table quick to search; see Store.tidy. Needs the index lease."""
        if self._store.has(self._name):
            self._store.tidy(self._name)

    def of_texts(self, texts: Sequence[str]) -> Vectors:
        """Vectors of any texts in order, embedding only those that are not stored; shape (n, dimension)."""
        hashes = [text_hash(text) for text in texts]
        found = self.find(hashes)
        missing = {one: text for one, text in zip(hashes, texts, strict=True) if one not in found}
        if missing:
            found.update(self.embed(missing))
        return (
            np.stack([found[one] for one in hashes]) if hashes else np.empty((0, self._embedder.dimension), np.float32)
        )


def text_hash(text: str) -> str:
    """SHA-256 of a string's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def to_numpy(column: pa.ChunkedArray, dimension: int) -> Vectors:
    """A column of vectors without nulls as an array of shape (n, dimension)."""
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], pa.float32()).to_numpy()
    vectors: Vectors = flat.reshape(-1, dimension)
    return vectors


def to_arrow(vectors: Vectors) -> pa.FixedSizeListArray:
    """Rows of an array of shape (n, dimension) as a column of vectors."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])
