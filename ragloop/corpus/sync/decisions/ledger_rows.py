"""Decide what the ledger says of a document after it was read."""

from dataclasses import dataclass, replace
from datetime import datetime

from ragloop.corpus.index import identity
from ragloop.corpus.index.ledger import CURRENT, QUARANTINED, LedgerRow, Span
from ragloop.corpus.sync.decisions.planning import kept_stamp, retry_after_s
from ragloop.corpus.sync.preparing.prepared import Prepared


@dataclass(frozen=True)
class Moment:
    """When a document is committed: `now`, in a run that began at `began_us`, after a source's last completed scan."""

    now: datetime
    began_us: int
    last_scan: datetime | None

    @property
    def now_us(self) -> int:
        """Return now in microseconds since 1970."""
        return microseconds(self.now)

    def lag_s(self, changed: datetime) -> float | None:
        """Count the seconds since the later of the change and the last completed scan; a first index has no lag."""
        if self.last_scan is None:
            return None
        return max(0.0, (self.now - max(changed, self.last_scan)).total_seconds())


def ledger_row(
    document: Prepared,
    before: LedgerRow | None,
    spans: tuple[Span, ...],
    moment: Moment,
    *,
    source: str,
    labels: tuple[str, ...],
    settles_us: int,
) -> LedgerRow:
    """Decide the ledger's row of a document. `before` is what the ledger says; `settles_us` see `kept_stamp`."""
    row = before or _first(document, moment, source, labels)
    # What was written since this run began is written after the listing, and perhaps after the reading.
    stamp = kept_stamp(row.stamp, document.stamp, settles_us, began_us=moment.began_us, now_us=moment.now_us)
    row = replace(row, uri=document.listed.uri, labels=labels, stamp=stamp, format=document.format)
    if document.reason is not None:
        return _quarantined(row, document, moment)
    row = replace(row, status=CURRENT, reason=None, attempts=0, retry_at=None, text_hash=None)
    return row if document.chunks is None else _written(row, document, spans, moment)


def _first(document: Prepared, moment: Moment, source: str, labels: tuple[str, ...]) -> LedgerRow:
    return LedgerRow(
        document_id=identity.document_id(source, document.key),
        key=document.key,
        uri=document.listed.uri,
        revision=None,
        title=None,
        labels=labels,
        status=CURRENT,
        reason=None,
        attempts=0,
        stamp="",
        changed_at=microseconds(document.changed_at or moment.now),
        committed_at=moment.now_us,
        lag_s=None,
        chunks=0,
    )


def _quarantined(row: LedgerRow, document: Prepared, moment: Moment) -> LedgerRow:
    """Keep the last good revision of a document that cannot be read; try again where its parser was stopped."""
    attempts = row.attempts + 1
    retry_at = moment.now_us + int(retry_after_s(attempts) * 1e6) if document.stopped else None
    return replace(
        row,
        status=QUARANTINED,
        reason=document.reason,
        attempts=attempts,
        retry_at=retry_at,
        text_hash=document.revision,
    )


def _written(row: LedgerRow, document: Prepared, spans: tuple[Span, ...], moment: Moment) -> LedgerRow:
    return replace(
        row,
        revision=document.revision,
        title=document.title,
        encoding=document.encoding,
        left_out=document.left_out,
        recognised=document.recognised,
        changed_at=microseconds(document.changed_at or moment.now),
        committed_at=moment.now_us,
        lag_s=moment.lag_s(document.changed_at or moment.now),
        chunks=len(spans),
        spans=spans,
    )


def microseconds(moment: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return int(moment.timestamp() * 1_000_000)
