"""Decide which deletes a sync makes unasked: a mount that is empty must not empty the index."""

from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import Change, ChangeKind, changes_of


@dataclass(frozen=True)
class Guarded:
    """Documents that are gone from their source: some may be deleted, others are withheld until somebody says so, and
    of others somebody said that they stay."""

    may_go: tuple[LedgerRow, ...]
    withheld: tuple[LedgerRow, ...] = ()
    refused: tuple[LedgerRow, ...] = ()

    def kept(self, source: str) -> tuple[Change, ...]:
        """Return a change for each document of this source that is gone and stays in the index."""
        withheld = changes_of(ChangeKind.WITHHELD, source, self.withheld)
        return (*withheld, *changes_of(ChangeKind.REFUSED, source, self.refused))


def split(gone: Sequence[LedgerRow], policy: SyncPolicy, *, source: str, documents: int) -> Guarded:
    """Tell what may be deleted from what is withheld, out of so many documents of a source.

    Those whose deletion is refused stay and do not count. Where more of the others are gone than is plausible, only
    those may be deleted that were approved by name.
    """
    if policy.confirm_deletes:
        return Guarded(tuple(gone))
    stay = policy.refused - policy.approved
    refused = tuple(row for row in gone if (source, row.key) in stay)
    others = tuple(row for row in gone if (source, row.key) not in stay)
    if not withholds(len(others), documents, policy.guard_documents, policy.guard_share):
        return Guarded(others, refused=refused)
    approved = tuple(row for row in others if (source, row.key) in policy.approved)
    withheld = tuple(row for row in others if (source, row.key) not in policy.approved)
    return Guarded(approved, withheld, refused)


def withholds(deletes: int, documents: int, guard_documents: int, guard_share: float) -> bool:
    """Return whether so many deletes, out of a source's documents, look like a mistake: more than both bounds allow."""
    return deletes > max(guard_documents, guard_share * documents)
