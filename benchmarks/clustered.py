"""Chunks that no model made: clustered unit vectors and words by Zipf's law, equal for equal seeds.

A vector is the centre of one of `clusters` clusters plus Gaussian noise whose norm is `spread` times the centre's, so
that by the default two vectors of a cluster have a cosine of about .5, and of different clusters about 0. A text is 80
words of 30,000, the n-th of which comes up in proportion to 1 / n. Ten chunks make a document.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ragloop.models import Vectors
from ragloop.records import NO_LABEL
from ragloop.store import index_schema

DIMENSION = 384
WORDS = 30_000
CHUNKS = 10
"""Chunks in a document."""


def digest(text: str) -> str:
    """Thirty-two hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Clustered:
    """The generator."""

    clusters: int = 500
    spread: float = 1.0
    seed: int = 7

    @cached_property
    def centres(self) -> Vectors:
        centres = np.random.default_rng(self.seed).standard_normal((self.clusters, DIMENSION), dtype=np.float32)
        normalized: Vectors = centres / np.linalg.norm(centres, axis=1, keepdims=True)
        return normalized

    @cached_property
    def _words(self) -> tuple[list[str], np.ndarray]:
        share = 1 / np.arange(1, WORDS + 1)
        return [digest(f"word {n}")[:7] for n in range(WORDS)], np.cumsum(share / share.sum())

    def vectors(self, count: int, part: int) -> Vectors:
        """Unit vectors, shape (count, 384); `part` is a seed beside the generator's."""
        random = np.random.default_rng([self.seed, part])
        noise = random.standard_normal((count, DIMENSION), dtype=np.float32) * self.spread / np.sqrt(DIMENSION)
        vectors = self.centres[random.integers(self.clusters, size=count)] + noise
        normalized: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return normalized

    def texts(self, count: int, part: int, words: int = 80) -> list[str]:
        """Texts of so many words."""
        names, upto = self._words
        drawn = np.searchsorted(upto, np.random.default_rng([self.seed, part]).random((count, words)) * upto[-1])
        return [" ".join(names[min(one, WORDS - 1)] for one in row) for row in drawn.tolist()]

    def rows(self, documents: Sequence[int], part: int, round_: int = 0) -> pa.Table:
        """The rows of whole documents, chunks first; another `round_` gives a document other chunks."""
        count = len(documents) * CHUNKS
        of = [number for number in documents for _ in range(CHUNKS)]
        texts, now = self.texts(count, part), datetime.now(UTC)
        described = {number: self._document(number, round_) for number in documents}
        described_chunks: dict[str, list[Any]] = {
            name: [described[number][name] for number in of] for name in described[documents[0]]
        }
        chunks = described_chunks | {
            "id": [digest(f"{number} {i % CHUNKS} {round_}") for i, number in enumerate(of)],
            "kind": ["chunk"] * count,
            "heading": ["Heading"] * count,
            "title_words": ["Heading"] * count,
            "labels": [[NO_LABEL]] * count,
            "text": texts,
            "words": texts,
            "text_hash": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        }
        ledger = {name: [described[number][name] for number in documents] for name in described[documents[0]]} | {
            "id": [described[number]["document_id"] for number in documents],
            "kind": ["document"] * len(documents),
            "status": ["current"] * len(documents),
            "stamp": [digest(f"{number} {round_}") for number in documents],
            "attempts": [0] * len(documents),
            "chunks": [CHUNKS] * len(documents),
            "spans": [
                [(chunks["id"][at * CHUNKS + n], 600 * n, 600 * n + 600) for n in range(CHUNKS)]
                for at in range(len(documents))
            ],
            "changed_at": [now] * len(documents),
            "committed_at": [now] * len(documents),
        }
        flat = self.vectors(count, part)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), DIMENSION)
        return pa.concat_tables([_table(chunks, count, vectors), _table(ledger, len(documents), None)])

    @staticmethod
    def _document(number: int, round_: int) -> dict[str, object]:
        key = f"{number // 500:04}/{number:07}.md"
        return {
            "deleted": False,
            "document_id": digest(f"document {number}"),
            "source": "folder",
            "key": key,
            "uri": f"file:///documents/{key}",
            "revision": digest(f"{number} {round_}") * 2,
            "title": f"Document {number}",
            "labels": [],
        }


def _table(columns: Mapping[str, object], count: int, vectors: pa.Array | None) -> pa.Table:
    schema = index_schema(DIMENSION)
    arrays = [
        vectors
        if field.name == "vector" and vectors is not None
        else pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
