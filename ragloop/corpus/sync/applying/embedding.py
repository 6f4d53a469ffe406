"""Find the vectors of chunks, and embed what has none."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index.vectors import VectorStore
from ragloop.corpus.sync.applying.batches import Pace
from ragloop.models import Embedder, Vectors
from ragloop.telemetry import span


@dataclass(frozen=True)
class Embedded:
    """The vectors of chunks by hash, the hashes of those that had none before, and the seconds that those took."""

    vectors: Mapping[str, Vectors]
    new: frozenset[str]
    seconds: float


def embed(
    chunks: Sequence[Chunk], stored: VectorStore, embedder: Embedder, pace: Pace, stored_so_far: Callable[[int], None]
) -> Embedded:
    """Find the vectors of these chunks; embed those that have none, and store them slice by slice.

    `stored_so_far` is called with how many are, between slices: a long document takes minutes.
    """
    by_hash = {one.text_hash: one for one in chunks}
    vectors = stored.find(list(by_hash))
    new = [one for text_hash, one in by_hash.items() if text_hash not in vectors]
    pace.note_batch(embeds=bool(new))
    spent, done = 0.0, 0
    for part in pace.slices(new):
        if done:
            stored_so_far(done)
        hashes = [one.text_hash for one in part]
        started = time.perf_counter()
        with span("embed batch", strings=len(part)):
            made = embedder.embed([one.embedded for one in part])
        seconds = time.perf_counter() - started
        stored.add(hashes, made)
        vectors.update(zip(hashes, made, strict=True))
        spent += seconds
        done += len(part)
        pace.note_embedded(sum(one.tokens for one in part), seconds)
    return Embedded(vectors, frozenset(one.text_hash for one in new), spent)
