"""Bring the active generation to the state of its sources, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ragloop.corpus.index import documents, health, inventory
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.applying.planted import count_anew
from ragloop.corpus.sync.applying.source_sync import SourceSync, delete
from ragloop.corpus.sync.decisions.guard import split, withholds
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import ChangeKind, Looking, Progress, SourceOutcome, add_up
from ragloop.corpus.sync.scans import (
    drop_source,
    has_matched,
    last_scan,
    note_problem,
    record_scan,
    record_way,
    unconfirmed,
)
from ragloop.errors import NotFoundError
from ragloop.models import Embedder
from ragloop.reports import Reports
from ragloop.telemetry import span
from ragloop.wording import counted, counted_with


@dataclass(frozen=True)
class Work:
    """What a run works on. `removed`: sources to delete; `open_embedder` raises as App.embedder_of does."""

    reports: Reports
    sources: Sequence[Source]
    open_embedder: Callable[[Generation], Embedder]
    policy: SyncPolicy
    removed: Sequence[str] = ()
    progress: Progress | None = None
    looking: Looking | None = None

    def missed(self, source: Source, error: NotFoundError) -> SourceOutcome:
        """Report a source that is not there as a problem; when it is all there is to do, raise the error."""
        note_problem(self.reports, source.name, str(error))
        if len(self.sources) == 1 and not self.removed:
            raise error
        return SourceOutcome(problems=(str(error),))


def update_active(
    work: Work, index: Index, embedder: Embedder, progress: Progress | None = None
) -> Iterator[SourceOutcome]:
    """Bring the active generation to the state of its sources, and yield what was done for each.

    A source that is not there loses nothing.
    """
    count_anew(index, work.reports)
    for source in work.sources:
        yield _update_source(work, index, embedder, source, progress)
    for name in work.removed:
        yield _delete_source(work, index, name)
    health.maintain_indexes(index)


def _update_source(
    work: Work, index: Index, embedder: Embedder, source: Source, progress: Progress | None
) -> SourceOutcome:
    began = work.reports.store.now()
    last = last_scan(work.reports, source.name)
    try:
        with span("sync source", source=source.name):
            done = SourceSync(
                source, index, embedder, work.policy, last_scan=last, progress=progress, looking=work.looking
            ).run()
    except NotFoundError as error:
        return work.missed(source, error)
    matched = bool(done.scanned) or has_matched(work.reports, source.name, source.way)
    unmatched = nothing_found(source, done, matched=matched)
    problems = _record(work, index, source.name, began, done, matched=matched, unmatched=unmatched)
    ended = SourceOutcome(problems=problems, notices=note_way(work, source), unmatched=unmatched)
    return add_up([done, ended])


def nothing_found(source: Source, done: SourceOutcome, *, matched: bool) -> tuple[str, ...]:
    """Say that the prefix or the patterns of a source match nothing; not of one that was emptied.

    `matched`: it had a document once, where it is named now.
    """
    passed = done.passed_over
    is_right = (matched and not passed.not_included) or (source.may_be_empty and not passed.count)
    if done.scanned or not done.whole or is_right:
        return ()
    there = f" ({counted(passed.count, 'file')} passed over: {passed})" if passed.count else ""
    return (f"the source {source.name} matches nothing: {source.empty()}{there}",)


def note_way(work: Work, source: Source) -> tuple[str, ...]:
    """Keep where a source was found, and say so where a link of its path leads elsewhere than before."""
    before = record_way(work.reports, source.name, source.way)
    if not before:
        return ()
    return (f"source {source.name} is at {source.way.place} now, where a link leads; it was at {before}",)


def _record(
    work: Work,
    index: Index,
    source: str,
    began: datetime,
    done: SourceOutcome,
    *,
    matched: bool,
    unmatched: Sequence[str],
) -> tuple[str, ...]:
    """Note that a scan ended, unless an index that was begun again lacks so much that a sync would not have deleted it.

    Returns that as a problem.
    """
    found, before = inventory.documents(index, source), unconfirmed(work.reports).get(source, 0)
    policy = work.policy
    if not policy.confirm_deletes and withholds(before - found, before, policy.guard_documents, policy.guard_share):
        problem = (
            f"the source {source} has {found} documents and had {before} before the index was begun again: bring the "
            "others back, or accept the loss with `ragloop sync --confirm-deletes`"
        )
        note_problem(work.reports, source, problem)
        return (problem,)
    withheld = done.count(ChangeKind.WITHHELD)
    said = [
        *unmatched,
        *[f"{counted_with(withheld, 'delete', 'is', 'are')} withheld: `ragloop sync --confirm-deletes`"]
        * bool(withheld),
    ]
    record_scan(
        work.reports,
        source,
        began,
        complete=True,
        documents=found,
        matched=matched,
        passed_over=done.passed_over,
        problem="; ".join(said) or None,
    )
    return ()


def _delete_source(work: Work, index: Index, source: str) -> SourceOutcome:
    """Delete the documents of a source that is no longer configured, unless the guard withholds them."""
    gone = list(documents.ledger(index, source).values())
    guarded = split(gone, work.policy, source=source, documents=len(gone))
    deleted = delete(index, source, guarded.may_go)
    kept = guarded.kept(source)
    if not kept:
        drop_source(work.reports, source)
    return SourceOutcome(changes=(*kept, *deleted))
