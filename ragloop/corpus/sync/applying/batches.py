"""How much a sync commits and embeds at once: what takes about `batch_seconds`, at the rate measured so far."""

from collections.abc import Iterable, Iterator, Sequence

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.sync.preparing.prepared import Prepared

FIRST_BATCH_TOKENS = 16_000
"""Tokens in the first commit of a run, before its rate is known: two to four seconds on two cores."""


class Pace:
    """The rate at which texts are embedded in one run, and what follows for the size of batches."""

    def __init__(self, batch_seconds: float, batch_documents: int) -> None:
        self._batch_seconds, self._batch_documents = batch_seconds, batch_documents
        self._tokens_per_second: float | None = None
        self._reused_batches = 0

    def note_batch(self, *, embeds: bool) -> None:
        """Note whether a batch had texts to embed."""
        self._reused_batches = 0 if embeds else self._reused_batches + 1

    def note_embedded(self, tokens: int, seconds: float) -> None:
        """Note how long so many tokens took."""
        self._tokens_per_second = tokens / max(seconds, 1e-6)

    def batches(self, prepared: Iterable[Prepared]) -> Iterator[list[Prepared]]:
        """Yield batches of documents that take about `batch_seconds` to embed."""
        batch: list[Prepared] = []
        tokens = 0
        for document in prepared:
            batch.append(document)
            tokens += document.tokens
            # What embeds nothing, as a rebuild does, says nothing of the rate; its commits grow up to batch_documents.
            room = self._tokens() * 2 ** min(self._reused_batches, 16)
            if len(batch) >= self._batch_documents or tokens >= room:
                yield batch
                batch, tokens = [], 0
        if batch:
            yield batch

    def slices(self, chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
        """Yield slices of about `batch_seconds`: a kill in a long document loses no more than one of them."""
        part: list[Chunk] = []
        tokens = 0
        for one in chunks:
            part.append(one)
            tokens += one.tokens
            if tokens >= self._tokens():
                yield part
                part, tokens = [], 0
        if part:
            yield part

    def _tokens(self) -> float:
        if self._tokens_per_second is None:
            return FIRST_BATCH_TOKENS
        return max(1.0, self._tokens_per_second * self._batch_seconds)
