"""Checks of the index that answers: its rows, its vectors, its search indexes, and what sources list."""

from collections import Counter
from collections.abc import Callable, Set
from functools import partial

from ragloop.corpus.doctor import index_repair
from ragloop.corpus.doctor.audit import Audit
from ragloop.corpus.doctor.check import Check, Completion, Found, named
from ragloop.corpus.doctor.examination import Examination
from ragloop.corpus.sync.scans import unconfirmed
from ragloop.reports import Reports

_BY_SYNC = "a sync reads and writes it again"


def _unreadable_vectors(examined: Examination) -> Found:
    return named(examined.index.unreadable_vectors)


def _set_vectors_aside(examined: Examination) -> None:
    for name in examined.index.unreadable_vectors:
        examined.store.tables.set_aside(name)


def _unreadable_index(examined: Examination) -> Found:
    unread = examined.index.index is not None and examined.index.audited is None
    return named([examined.index.index.generation.table] if examined.index.index is not None and unread else [])


def _wrong_search_indexes(examined: Examination) -> Found:
    return named(examined.index.wrong_search_indexes)


def _disagreeing(examined: Examination) -> Found:
    return Found(len(examined.index.audit.disagreeing))


def _broken(examined: Examination) -> Found:
    return Found(len(examined.index.audit.broken))


def _not_stored(examined: Examination) -> Found:
    return Found(len(examined.index.audit.not_stored))


def _doubled(examined: Examination) -> Found:
    return Found(len(examined.index.audit.doubled))


def _ownerless(examined: Examination) -> Found:
    return named(examined.index.audit.ownerless)


def _keys(documents: Callable[[Audit], Set[str]], examined: Examination) -> Found:
    """Return the keys of documents that are in the ledger."""
    ledger = examined.index.audit.ledger
    return named(ledger[one]["key"] or one for one in documents(examined.index.audit) if one in ledger)


def _written_again(name: str, looks_for: str, documents: Callable[[Audit], Set[str]]) -> Check:
    """Return a check for documents that a sync writes again."""
    found = partial(_keys, documents)
    return Check(name, looks_for, _BY_SYNC, found, completed_by=Completion.SYNC, marks=documents)


def _differing(examined: Examination) -> Found:
    return named(examined.listings.differing)


def _unlisted(examined: Examination) -> Found:
    unlisted = examined.listings.unlisted
    reasons = "; ".join(f"{name} cannot be listed: {why}" for name, why in unlisted.items())
    return Found(len(unlisted), detail=reasons)


def _lost_documents(examined: Examination) -> Found:
    """Find the documents that an index lost: one that was begun again may hold less than the one before it, which a
    sync withholds to call complete."""
    if examined.index.audited is None or "reports" in examined.tables.lost:
        return Found()
    found = Counter(row["source"] for row in examined.index.audit.ledger.values())
    before = unconfirmed(Reports(examined.store))
    lost = {source: count - found[source] for source, count in before.items() if count > found[source]}
    return Found(sum(lost.values()), detail=f"{_LOST}, of {', '.join(sorted(lost))}")


_LOST = "documents that were there before the index was begun again"

INDEX_CHECKS = (
    Check(
        "tables",
        "stored vectors that cannot be read",
        "set aside; the vectors are taken from the index",
        _unreadable_vectors,
        _set_vectors_aside,
    ),
    Check(
        "index",
        "the index cannot be read",
        "a sync rebuilds it from stored vectors",
        _unreadable_index,
        completed_by=Completion.REBUILD,
    ),
    Check(
        "indexes",
        "search indexes that are missing, stale or damaged",
        "rebuilt",
        _wrong_search_indexes,
        index_repair.rebuild_search_indexes,
    ),
    Check(
        "doubled-rows",
        "rows whose id stands twice",
        "all but one deleted; a sync writes the document again",
        _doubled,
        index_repair.delete_doubles,
        Completion.SYNC,
        destroys=True,
        marks=lambda audit: audit.doubled_documents,
    ),
    # A sync writes documents again from stored vectors, so these come first.
    Check(
        "vectors-apart",
        "strings of which the index has another vector than is stored",
        "embedded again",
        _disagreeing,
        index_repair.embed_again,
        Completion.SYNC,
        marks=lambda audit: audit.doubted,
    ),
    Check(
        "stored-vectors",
        "stored vectors that are not of unit length",
        "deleted",
        _broken,
        index_repair.delete_broken_vectors,
        destroys=True,
    ),
    Check(
        "unstored-vectors",
        "vectors that only the index has",
        "stored",
        _not_stored,
        index_repair.store_vectors,
    ),
    Check(
        "ownerless-rows",
        "rows that no document of the ledger has",
        "deleted",
        _ownerless,
        index_repair.delete_ownerless,
        destroys=True,
    ),
    _written_again("rows", "documents whose chunks are not those that the ledger counts", lambda audit: audit.rows),
    _written_again(
        "descriptions",
        "documents with chunks of another place, title or labels",
        lambda audit: audit.descriptions,
    ),
    _written_again("texts", "documents with chunks that were not embedded as they read", lambda audit: audit.texts),
    _written_again("vectors", "documents with chunks without a vector of unit length", lambda audit: audit.vectors),
    Check(
        "waiting",
        "documents that a repair left to the next sync",
        _BY_SYNC,
        partial(_keys, lambda audit: audit.waiting),
        completed_by=Completion.SYNC,
    ),
)

SOURCE_CHECKS = (
    Check(
        "sources",
        "documents that are not in the index as their source lists them",
        "a sync, as `ragloop sync` does",
        _differing,
        completed_by=Completion.SYNC,
    ),
    Check(
        "sources",
        "a source cannot be listed",
        "none; `--offline` leaves sources out",
        _unlisted,
    ),
    Check(
        "lost-documents",
        _LOST,
        "none: a sync, once their source has them again; `ragloop sync --confirm-deletes` where they are gone for good",
        _lost_documents,
    ),
)
