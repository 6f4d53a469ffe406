"""Compare a document that was read with the chunks that the index has of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index import identity
from ragloop.corpus.index.ledger import WAITING, Held, LedgerRow, Span
from ragloop.corpus.sync.preparing.prepared import Prepared


@dataclass(frozen=True)
class Rows:
    """What a document changes among the chunks of the index.

    `spans`: where its chunks stand, by the ids that they have or get. `upserts`: the chunks to embed and write, by id.
    `tombstones`: the chunks that the index has and is to have no longer, by id.
    """

    spans: tuple[Span, ...]
    upserts: Mapping[str, Chunk]
    tombstones: Mapping[str, Held]


def diff(
    document: Prepared, row: LedgerRow | None, held: Mapping[str, Held], *, source: str, labels: tuple[str, ...]
) -> Rows:
    """Decide what a document changes; it has no chunks where it cannot be read, or was read before.

    `row` is what the ledger says of it. `held` are the chunks whose place its own take: those of its earlier revision,
    or of the document that was renamed to it. `labels` are those that the source has now.
    """
    spans = _spans(document, row.document_id if row else identity.document_id(source, document.listed.key))
    chunks = {span.chunk_id: chunk for span, chunk in zip(spans, document.chunks or (), strict=True)}
    same = row is not None and _is_described_alike(document, row, labels)
    upserts = {
        chunk_id: chunk for chunk_id, chunk in chunks.items() if not (same and _is_held(chunk, held.get(chunk_id)))
    }
    return Rows(spans, upserts, {chunk_id: one for chunk_id, one in held.items() if chunk_id not in chunks})


def _spans(document: Prepared, document_id: str) -> tuple[Span, ...]:
    seen = Counter[str]()
    spans = []
    for chunk in document.chunks or ():
        chunk_id = identity.chunk_id(document_id, chunk.text_hash, seen[chunk.text_hash])
        spans.append(Span(chunk_id, chunk.start, chunk.end))
        seen[chunk.text_hash] += 1
    return tuple(spans)


def _is_described_alike(document: Prepared, row: LedgerRow, labels: tuple[str, ...]) -> bool:
    """Return whether what every chunk says of its document is as it was; of what waits for a sync, nothing is."""
    return row.revision != WAITING and row.title == document.title and row.is_described_as(document.listed.uri, labels)


def _is_held(chunk: Chunk, held: Held | None) -> bool:
    return held is not None and held[1:] == (chunk.heading, chunk.text, chunk.confidence)
