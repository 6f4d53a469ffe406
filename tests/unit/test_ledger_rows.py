"""A document that was read, what the ledger says of it and the moment in, its ledger row out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index.ledger import CURRENT, QUARANTINED, LedgerRow, Span
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.decisions.ledger_rows import Moment, ledger_row, microseconds
from ragloop.corpus.sync.decisions.planning import FIRST_RETRY_S
from ragloop.corpus.sync.preparing.prepared import Prepared

CHANGED = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = CHANGED + timedelta(seconds=30)
MOMENT = Moment(NOW, microseconds(NOW) - 5_000_000, CHANGED + timedelta(seconds=20))
LISTED = Listed("a.md", "file:///a.md", "2", 10, CHANGED, "/a.md")
SPANS = (Span("c1", 0, 4),)
READ = Prepared(LISTED, None, "now", "A", [Chunk("A", 0, 4, "text", "text", "hash", 3)])
UNREADABLE = Prepared(LISTED, None, "broken", reason="it is empty")


def row(document: Prepared, before: LedgerRow | None, moment: Moment = MOMENT) -> LedgerRow:
    spans = SPANS if document.chunks is not None else ()
    return ledger_row(document, before, spans, moment, source="notes", labels=("staff",), settles_us=0)


def test_a_new_document_is_committed_now_and_lags_since_the_last_scan() -> None:
    found = row(READ, None)
    assert (found.key, found.revision, found.title, found.labels, found.status) == (
        "a.md",
        "now",
        "A",
        ("staff",),
        CURRENT,
    )
    assert (found.changed_at, found.committed_at, found.lag_s) == (microseconds(CHANGED), microseconds(NOW), 10)
    assert (found.chunks, found.spans, found.stamp) == (1, SPANS, "2")


@pytest.mark.parametrize(("last_scan", "lag_s"), [(None, None), (CHANGED - timedelta(days=1), 30), (NOW, 0)])
def test_lag_counts_from_the_later_of_the_change_and_the_last_scan(last_scan: datetime, lag_s: float) -> None:
    assert row(READ, None, replace(MOMENT, last_scan=last_scan)).lag_s == lag_s


def test_a_document_with_the_same_bytes_keeps_its_revision_and_gets_the_new_place() -> None:
    before = replace(row(READ, None), uri="file:///old.md", stamp="1")
    assert row(replace(READ, chunks=None, title=None), before) == replace(before, uri=LISTED.uri, stamp="2")


def test_a_document_that_cannot_be_read_keeps_its_last_good_revision() -> None:
    before = row(READ, None)
    failed = row(UNREADABLE, before)
    assert (failed.revision, failed.spans, failed.committed_at) == ("now", SPANS, before.committed_at)
    assert (failed.status, failed.reason, failed.text_hash) == (QUARANTINED, "it is empty", "broken")
    assert (failed.attempts, failed.retry_at) == (1, None)


def test_a_document_whose_parser_was_stopped_is_tried_again_later_and_later() -> None:
    first = row(replace(UNREADABLE, stopped=True), row(READ, None))
    second = row(replace(UNREADABLE, stopped=True), first)
    waits = [one.retry_at - MOMENT.now_us for one in (first, second)]
    assert waits == [FIRST_RETRY_S * 1e6, 2 * FIRST_RETRY_S * 1e6]


def test_a_document_that_can_be_read_again_leaves_the_quarantine() -> None:
    again = row(READ, row(replace(UNREADABLE, stopped=True), None))
    assert (again.status, again.reason, again.attempts, again.retry_at, again.text_hash) == (
        CURRENT,
        None,
        0,
        None,
        None,
    )


def test_a_document_keeps_its_encoding_and_what_was_not_read_of_it_until_it_is_read_again() -> None:
    told = ("2 pages hold no text",)
    first = row(replace(READ, encoding="utf-8", left_out=told), None)
    assert (first.format, first.encoding, first.left_out) == ("md", "utf-8", told)
    assert row(replace(READ, chunks=None, title=None), first).left_out == told
    failed = row(UNREADABLE, first)
    assert (failed.encoding, failed.left_out) == ("utf-8", told)
    assert row(READ, failed).left_out == ()
