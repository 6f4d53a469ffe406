"""A document that was read, its ledger row and its chunks in the index in, the rows to write and to take away out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index import identity
from ragloop.corpus.index.ledger import CURRENT, WAITING, Held, LedgerRow
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.decisions.diff import Rows, diff
from ragloop.corpus.sync.preparing.prepared import Prepared

DOCUMENT = identity.document_id("notes", "a.md")
ROW = LedgerRow(
    document_id=DOCUMENT, key="a.md", uri="file:///a.md", revision="before", title="A", labels=("staff",),
    status=CURRENT, reason=None, attempts=0, stamp="1", changed_at=0, committed_at=0, lag_s=None, chunks=2,
)  # fmt: skip


def _read(*texts: str, title: str = "A", uri: str = "file:///a.md") -> Prepared:
    listed = Listed("a.md", uri, "2", 10, datetime(2026, 1, 1, tzinfo=UTC), "/a.md")
    chunks = [Chunk("A", 10 * n, 10 * n + len(text), text, text, f"hash of {text}", 3) for n, text in enumerate(texts)]
    return Prepared(listed, None, "now", title, chunks)


def _id(text: str, number: int = 0, document_id: str = DOCUMENT) -> str:
    return identity.chunk_id(document_id, f"hash of {text}", number)


def _held(*texts: str, heading: str = "A", document_id: str = DOCUMENT) -> dict[str, Held]:
    return {_id(text, document_id=document_id): Held(document_id, heading, text) for text in texts}


def _diff(document: Prepared, row: LedgerRow | None, held: dict[str, Held], labels: Sequence[str] = ("staff",)) -> Rows:
    return diff(document, row, held, source="notes", labels=tuple(labels))


def test_every_chunk_of_a_new_document_is_written() -> None:
    rows = _diff(_read("one", "two"), None, {})
    assert list(rows.upserts) == [span.chunk_id for span in rows.spans] == [_id("one"), _id("two")]
    assert (rows.spans[1].start, rows.spans[1].end, rows.tombstones) == (10, 13, {})


def test_of_an_edited_document_only_what_changed_is_written_and_what_is_gone_becomes_a_tombstone() -> None:
    held = _held("one", "two")
    rows = _diff(_read("one", "three"), ROW, held)
    assert [chunk.text for chunk in rows.upserts.values()] == ["three"]
    assert list(rows.tombstones) == [_id("two")]
    assert list(held) == [_id("one"), _id("two")]


def test_a_text_that_a_document_has_twice_has_two_ids() -> None:
    rows = _diff(_read("one", "one"), ROW, _held("one"))
    assert list(rows.upserts) == [_id("one", 1)]
    assert [span.chunk_id for span in rows.spans] == [_id("one", 0), _id("one", 1)]


@pytest.mark.parametrize(
    ("document", "row", "labels"),
    [
        (_read("one", title="Another title"), ROW, ("staff",)),
        (_read("one", uri="file:///elsewhere/a.md"), ROW, ("staff",)),
        (_read("one"), ROW, ()),
        (_read("one"), replace(ROW, revision=WAITING), ("staff",)),
    ],
    ids=["title", "place", "labels", "waits for a sync"],
)
def test_kept_chunks_are_written_again_where_what_they_say_of_their_document_changed(
    document: Prepared, row: LedgerRow, labels: tuple[str, ...]
) -> None:
    rows = _diff(document, row, _held("one"), labels)
    assert (list(rows.upserts), rows.tombstones) == ([_id("one")], {})


def test_a_chunk_under_another_heading_is_written_again() -> None:
    assert list(_diff(_read("one"), ROW, _held("one", heading="B")).upserts) == [_id("one")]


def test_the_ids_are_those_of_the_ledger_though_the_key_would_make_another() -> None:
    row = replace(ROW, document_id="as it came in")
    rows = _diff(_read("one"), row, _held("one", document_id="as it came in"))
    assert ([span.chunk_id for span in rows.spans], rows.upserts) == ([_id("one", document_id="as it came in")], {})


def test_of_the_document_that_was_renamed_to_this_one_every_chunk_goes() -> None:
    held = _held("one", document_id="before")
    rows = _diff(_read("one"), None, held)
    assert (list(rows.upserts), rows.tombstones) == ([_id("one")], held)


def test_a_document_that_cannot_be_read_writes_no_chunk() -> None:
    failed = replace(_read(), chunks=None, reason="cannot be read")
    assert _diff(failed, ROW, {}) == Rows((), {}, {})


def test_a_chunk_that_was_recognised_with_another_confidence_is_written_again() -> None:
    document = _read("one")
    assert document.chunks is not None
    recognised = replace(document, chunks=[replace(document.chunks[0], confidence=0.9)])
    before = {_id("one"): Held(DOCUMENT, "A", "one", 0.8)}
    assert list(_diff(recognised, ROW, before).upserts) == [_id("one")]
    assert list(_diff(recognised, ROW, {_id("one"): Held(DOCUMENT, "A", "one", 0.9)}).upserts) == []
