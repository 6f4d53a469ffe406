"""Decide what a sync has to do: a listing and the ledger in, a plan out."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from ragloop.corpus.index.ledger import Known
from ragloop.corpus.sources.source import Listed

_MARK = "?"
"""Begins a stamp that is not trusted yet; no source makes such a stamp."""
FIRST_RETRY_S = 15 * 60
LAST_RETRY_S = 24 * 60 * 60
"""Bounds of the wait before a document whose parser was stopped is tried again; it doubles with each attempt."""


@dataclass(frozen=True)
class SyncPlan:
    """`read`: documents whose bytes must be looked at; `missing`: keys that the listing no longer has."""

    read: tuple[Listed, ...]
    missing: tuple[str, ...]
    unchanged: int


def plan(listing: Iterable[Listed], known: Known, *, retry_quarantined: bool = False, now_us: int = 0) -> SyncPlan:
    """Compare by stamp. A quarantined document is read again when it changed, when its time has come, or on request."""
    due = {key for key, at in known.retry_at.items() if retry_quarantined or (at is not None and at <= now_us)}
    read, seen, place_of = [], set(), known.places.get
    for listed in listing:
        key, uri, stamp, *_ = listed
        seen.add(key)
        if not stamp or place_of(key) != (stamp, uri) or key in due:
            read.append(listed)
    missing = tuple(key for key in chain(known.places, known.relabelled) if key not in seen)
    return SyncPlan(tuple(read), missing, len(seen) - len(read))


def kept_stamp(before: str, stamp: str, settles_us: int, *, began_us: int, now_us: int) -> str:
    """Decide how the ledger keeps the stamp of a document that was just read: bare if every later write gets another.

    A stamp that a later write may get as well is marked with the time when it was first kept. No listing has such a
    stamp, so that the document is read again; when the stamp has been kept for `settles_us` before that run began,
    the clock of its place has moved on, whatever it shows. `before` is what the ledger kept.
    """
    kept_us, same = _marked(before)
    if not settles_us or before == stamp:
        return stamp
    if kept_us is None or same != stamp or kept_us > now_us:
        return f"{_MARK}{now_us}:{stamp}"
    return stamp if began_us - kept_us >= settles_us else before


def bare_stamp(kept: str) -> str:
    """Return a stamp as the listing had it."""
    return _marked(kept)[1]


def _marked(kept: str) -> tuple[int | None, str]:
    if not kept.startswith(_MARK):
        return None, kept
    kept_us, _, stamp = kept.removeprefix(_MARK).partition(":")
    # A mark that no sync made is of no listing either, so that the document is read.
    return (int(kept_us), stamp) if kept_us.isdecimal() else (None, kept)


def retry_after_s(attempts: int) -> float:
    """Count the seconds from the last of so many attempts to the next: 15 minutes, then twice as long, up to a day."""
    return min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 30), LAST_RETRY_S)
