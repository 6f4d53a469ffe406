"""Batches take about as long as the settings say, at the rate that was measured."""

from datetime import UTC, datetime

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.applying.batches import FIRST_BATCH_TOKENS, Pace
from ragloop.corpus.sync.preparing.prepared import Prepared


def documents(count: int, tokens: int) -> list[Prepared]:
    listed = Listed("a.md", "file:///a.md", "1", 10, datetime(2026, 1, 1, tzinfo=UTC), "/a.md")
    return [Prepared(listed, None, "now", "A", [Chunk("A", 0, 4, "text", "text", "hash", tokens)])] * count


def sizes(pace: Pace, tokens: int, count: int = 12) -> list[int]:
    return [len(batch) for batch in pace.batches(documents(count, tokens))]


def test_the_first_batch_is_bounded_before_the_rate_is_known() -> None:
    assert sizes(Pace(4.0, 500), FIRST_BATCH_TOKENS // 4) == [4, 4, 4]


def test_a_batch_holds_what_the_measured_rate_embeds_in_time() -> None:
    pace = Pace(4.0, 500)
    pace.note_embedded(tokens=100, seconds=2.0)
    assert sizes(pace, tokens=40) == [5, 5, 2]


def test_batches_that_embed_nothing_double_up_to_the_most_documents() -> None:
    pace = Pace(1.0, 8)
    pace.note_embedded(tokens=10, seconds=1.0)
    pace.note_batch(embeds=False)
    assert sizes(pace, tokens=5) == [4, 4, 4]
    for _ in range(3):
        pace.note_batch(embeds=False)
    assert sizes(pace, tokens=5) == [8, 4]
    pace.note_batch(embeds=True)
    assert sizes(pace, tokens=5) == [2] * 6


def test_a_long_document_is_embedded_slice_by_slice() -> None:
    pace = Pace(1.0, 500)
    pace.note_embedded(tokens=10, seconds=1.0)
    chunks = [chunk for one in documents(5, tokens=4) for chunk in one.chunks or ()]
    assert [len(part) for part in pace.slices(chunks)] == [3, 2]
