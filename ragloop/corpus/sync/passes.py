"""One pass over all sources, into the live generation or into one that is being built."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ragloop.corpus.index import health, inventory
from ragloop.corpus.index.generations import Generation
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.planning import withholds
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import Progress, SyncReport
from ragloop.corpus.sync.scans import forget_source, last_scan, note_source, record_scan, record_way, unconfirmed
from ragloop.corpus.sync.source_sync import SourceSync, delete, guarded
from ragloop.errors import NotFoundError
from ragloop.models import Embedder
from ragloop.store import Store


@dataclass(frozen=True)
class Work:
    """What a run works on. `removed`: sources to let go of; `open_embedder` raises as App.embedder_of does."""

    store: Store
    sources: Sequence[Source]
    open_embedder: Callable[[Generation], Embedder]
    policy: SyncPolicy
    removed: Sequence[str] = ()
    progress: Progress | None = None

    def missed(self, error: NotFoundError, report: SyncReport) -> None:
        """A source that is not there is a problem of the report; when it is all there is to do, an error."""
        if len(self.sources) == 1 and not self.removed:
            raise error
        if str(error) not in report.problems:
            report.problems.append(str(error))


def into_live(
    work: Work, index: Index, embedder: Embedder, report: SyncReport, progress: Progress | None = None
) -> None:
    """Bring the live generation to the state of its sources; a source that is not there loses nothing."""
    for source in work.sources:
        began = work.store.now()
        last = last_scan(work.store, source.name)
        one = SourceSync(source, index, embedder, work.policy, report, last_scan=last, progress=progress)
        try:
            one.run()
        except NotFoundError as error:
            work.missed(error, report)
        else:
            _record(work, index, source.name, began, report)
            _note_way(work, source, report)
    for name in work.removed:
        _let_go(work, index, name, report)
    health.maintain_indexes(index)


def _note_way(work: Work, source: Source, report: SyncReport) -> None:
    if before := record_way(work.store, source.name, source.way):
        now = source.way.place
        report.notices.append(f"source {source.name} is at {now} now, where a link leads; it was at {before}")


def _record(work: Work, index: Index, source: str, began: datetime, report: SyncReport) -> None:
    """Note that a scan ended, unless an index that began anew lacks so much that a sync would not have deleted it."""
    found, before = inventory.documents(index, source), unconfirmed(work.store).get(source, 0)
    policy = work.policy
    if not policy.confirm_deletes and withholds(before - found, before, policy.guard_documents, policy.guard_share):
        report.problems.append(
            f"the source {source} has {found} documents and had {before} before the index began anew: bring the others "
            "back, or accept the loss with `ragloop sync --confirm-deletes`"
        )
        return
    record_scan(work.store, source, began, complete=True, documents=found)


def _let_go(work: Work, index: Index, source: str, report: SyncReport) -> None:
    """Delete the documents of a source that is no longer configured, unless the guard withholds them."""
    gone = list(index.ledger(source).values())
    may_go = guarded(source, gone, len(gone), work.policy, report)
    delete(index, source, may_go, report)
    if len(may_go) == len(gone):
        forget_source(work.store, source)


def into_building(
    work: Work, index: Index, embedder: Embedder, report: SyncReport, until: float = math.inf
) -> dict[str, datetime] | None:
    """Bring a generation that nobody reads yet to the state of all sources, whatever that deletes.

    Returns when the scan of each source that is there began; None when it stopped at `until` (time.monotonic()).
    """
    policy = replace(work.policy, confirm_deletes=True)
    scans = {}
    for source in work.sources:
        began = work.store.now()
        one = SourceSync(source, index, embedder, policy, report, progress=work.progress)
        try:
            if not one.run(until):
                return None
        except NotFoundError as error:
            work.missed(error, report)
        else:
            scans[source.name] = began
            note_source(work.store, source.name)
            _note_way(work, source, report)
    for name in set(inventory.sources(index)) - {source.name for source in work.sources}:
        delete(index, name, list(index.ledger(name).values()), report)
    return scans
