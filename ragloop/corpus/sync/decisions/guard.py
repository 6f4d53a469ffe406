"""Decide which deletes a sync makes unasked: a mount that is empty must not empty the index."""

from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.sync.policy import SyncPolicy


@dataclass(frozen=True)
class Guarded:
    """Documents that are gone from their source, of which some may be deleted and the others are withheld."""

    may_go: tuple[LedgerRow, ...]
    withheld: tuple[LedgerRow, ...] = ()


def split(gone: Sequence[LedgerRow], policy: SyncPolicy, *, source: str, documents: int) -> Guarded:
    """Tell what may be deleted from what is withheld, out of so many documents of a source.

    Where more are gone than is plausible, only those may be deleted that were approved by name.
    """
    if policy.confirm_deletes or not withholds(len(gone), documents, policy.guard_documents, policy.guard_share):
        return Guarded(tuple(gone))
    approved = tuple(row for row in gone if (source, row.key) in policy.approved)
    return Guarded(approved, tuple(row for row in gone if (source, row.key) not in policy.approved))


def withholds(deletes: int, documents: int, guard_documents: int, guard_share: float) -> bool:
    """Return whether so many deletes, out of a source's documents, look like a mistake: more than both bounds allow."""
    return deletes > max(guard_documents, guard_share * documents)
