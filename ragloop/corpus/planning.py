"""Decide what a sync has to do: a listing and the ledger in, a plan out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

CURRENT = "current"
QUARANTINED = "quarantined"
FIRST_RETRY_S = 15 * 60
LAST_RETRY_S = 24 * 60 * 60
"""Bounds of the wait before a document whose parser was stopped is tried again; it doubles with each attempt."""


@dataclass(frozen=True)
class Listed:
    """What a listing says of one document, without reading it.

    `stamp` changes whenever the bytes may have changed; an empty stamp is never trusted. `locator` is what the source
    needs to read it.
    """

    key: str
    uri: str
    stamp: str
    size: int
    changed_at: datetime
    locator: str


@dataclass(frozen=True)
class LedgerRow:
    """What the index says of one document. Times are microseconds since 1970 (UTC), `lag_s` is seconds.

    `retry_at` is of a quarantined document that is worth another try though its bytes are the same.
    """

    document_id: str
    key: str
    uri: str
    revision: str | None
    title: str | None
    labels: tuple[str, ...]
    status: str
    reason: str | None
    attempts: int
    stamp: str
    changed_at: int
    committed_at: int
    lag_s: float | None
    chunks: int
    retry_at: int | None = None


@dataclass(frozen=True)
class SyncPlan:
    """`read`: documents whose bytes must be looked at; `missing`: ledger rows that the listing no longer has."""

    read: tuple[Listed, ...]
    missing: tuple[LedgerRow, ...]
    unchanged: int


def plan(
    listing: Iterable[Listed],
    ledger: Mapping[str, LedgerRow],
    labels: tuple[str, ...],
    *,
    settled: Mapping[str, tuple[str, str]] | None = None,
    retry_quarantined: bool = False,
    now_us: int = 0,
) -> SyncPlan:
    """Compare by stamp. A quarantined document is read again when it changed, when its time has come, or on request.

    `settled`: stamp and place of documents that are current under these labels, whose row is looked at only where the
    listing says otherwise.
    """
    read, seen, known = [], set(), settled or {}
    for listed in listing:
        seen.add(listed.key)
        if listed.stamp and known.get(listed.key) == (listed.stamp, listed.uri):
            continue
        row = ledger.get(listed.key)
        if row is None or _may_have_changed(listed, row, labels) or _is_due(row, retry_quarantined, now_us):
            read.append(listed)
    missing = tuple(ledger[key] for key in ledger if key not in seen)
    return SyncPlan(tuple(read), missing, len(seen) - len(read))


def retry_after_s(attempts: int) -> float:
    """Seconds from the last of so many attempts to the next: 15 minutes, then twice as long each, at most a day."""
    return min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 30), LAST_RETRY_S)


def _is_due(row: LedgerRow, retry_quarantined: bool, now_us: int) -> bool:
    if row.status != QUARANTINED:
        return False
    return retry_quarantined or (row.retry_at is not None and row.retry_at <= now_us)


def _may_have_changed(listed: Listed, row: LedgerRow, labels: tuple[str, ...]) -> bool:
    return not listed.stamp or listed.stamp != row.stamp or not is_described(row, listed, labels)


def is_described(row: LedgerRow, listed: Listed, labels: tuple[str, ...]) -> bool:
    """Whether the ledger has the document's place and labels as they are now."""
    return row.labels == labels and row.uri == listed.uri


def withholds(deletes: int, documents: int, guard_documents: int, guard_share: float) -> bool:
    """Whether so many deletes, out of a source's documents, look like a mistake: more than both bounds allow."""
    return deletes > max(guard_documents, guard_share * documents)
