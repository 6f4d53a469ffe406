"""Find the documents that a cut-over would lose and that the guard of deletes withholds."""

from dataclasses import dataclass

from ragloop.corpus.index import documents, inventory
from ragloop.corpus.index.table import Index
from ragloop.corpus.sync.decisions.guard import split, withholds
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import Change, ChangeKind, changes_of
from ragloop.corpus.sync.scans import known_documents
from ragloop.reports import Reports
from ragloop.wording import counted_with


@dataclass(frozen=True)
class Losses:
    """How many documents are withheld, the documents by name where they have one, and what is worth knowing."""

    documents: int = 0
    changes: tuple[Change, ...] = ()
    notices: tuple[str, ...] = ()


def losses(active: Index, building: Index, policy: SyncPolicy) -> Losses:
    """Compare with the active generation; documents that only the new one has in quarantine are a notice."""
    quarantined, withheld = 0, list[Change]()
    for source in inventory.sources(active):
        ledger = documents.ledger(active, source)
        before = ledger.retrievable()
        after = documents.ledger(building, source)
        gone = before - after.retrievable()
        quarantined += len(gone & after.keys())
        lost = [row for row in ledger.values() if row.key in gone] if gone else []
        guarded = split(lost, policy, source=source, documents=len(before))
        # What a person refused to delete is lost by a cut-over as well.
        withheld += changes_of(ChangeKind.WITHHELD, source, (*guarded.withheld, *guarded.refused))
    notices = (_quarantined(quarantined, active, building),) if quarantined else ()
    return Losses(len(withheld), tuple(withheld), notices)


def losses_by_count(building: Index, reports: Reports, policy: SyncPolicy) -> Losses:
    """Count what an active generation that is damaged had at the last completed scans and would lose."""
    known = {} if policy.confirm_deletes else known_documents(reports)
    lost = {source: before - inventory.documents(building, source) for source, before in known.items()}
    bounds = policy.guard_documents, policy.guard_share
    return Losses(sum(count for source, count in lost.items() if withholds(count, known[source], *bounds)))


def _quarantined(count: int, active: Index, building: Index) -> str:
    return (
        f"{counted_with(count, 'document', 'is', 'are')} quarantined in {building.generation.fingerprint}, which has "
        f"no earlier revision, and can be found in {active.generation.fingerprint}"
    )
