"""One sync run: the lease, what it works on, the passes over the sources, maintenance."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from ragloop.corpus.index import inventory, readings
from ragloop.corpus.index.generations.builds import Aim, Builds
from ragloop.corpus.index.generations.generation import Generation, GenerationState
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.readings import Quality, Reading
from ragloop.corpus.index.retention import LOOKED, drop_expired
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.applying.planted import RULES
from ragloop.corpus.sync.build import Build
from ragloop.corpus.sync.decisions.languages import unread_languages
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import (
    Looking,
    NamedDocument,
    Progress,
    QualityCounts,
    SourceOutcome,
    SyncReport,
    add_up,
)
from ragloop.corpus.sync.scans import OF_RUNS, passed_over, record_run, reset_scans
from ragloop.corpus.sync.suppressions import suppressions
from ragloop.corpus.sync.update import Work, update_active
from ragloop.models import Embedder
from ragloop.reports import Reports
from ragloop.store import Store
from ragloop.telemetry import as_run


@as_run
def sync(
    store: Store,
    sources: Sequence[Source],
    open_embedder: Callable[[Generation], Embedder],
    wanted: Generation,
    policy: SyncPolicy,
    *,
    rebuild: bool = False,
    everything: bool = True,
    removed: Sequence[str] = (),
    progress: Progress | None = None,
    looking: Looking | None = None,
) -> SyncReport:
    """Bring the index to the state of `sources`, and delete the sources named in `removed`.

    Where the settings want another generation than the active one, or with `rebuild`, that one is built beside it and
    answers when it is complete; only where `sources` are `everything`, since what they leave out would be lost.

    A source that is not there is a problem in the report and loses nothing; when it is the only one, NotFoundError.
    Raises StoreBusyError when another process writes the index.
    """
    started = time.perf_counter()
    with store.lease("index"):
        policy = replace(policy, suppressed=suppressions(store))
        reports = Reports(store).holding(*OF_RUNS, RULES, LOOKED)
        work = Work(reports, sources, open_embedder, policy, removed, progress, looking)
        aim = Builds(Generations(store)).begin(wanted, rebuild=rebuild)
        if aim.begins_anew:
            reset_scans(reports)
        if aim.building and everything:
            run = Build(work, aim.active, aim.building)
            report, index = run.run(), run.building
        else:
            index = Index(store, aim.active)
            report = _updated(work, aim, index, wanted)
        drop_expired(reports, timedelta(days=policy.keep_days), timedelta(days=policy.vector_retention_days))
        report = _finished(report, index, reports, started, {source.name for source in sources})
        store.upkeep.tidy("reports")
        store.upkeep.tidy("generations")
    return report


def _updated(work: Work, aim: Aim, index: Index, wanted: Generation) -> SyncReport:
    """Bring the active generation up to date, as far as this code can make it."""
    outcomes: list[SourceOutcome] = []
    if aim.refused:
        outcomes.append(_refused(aim.active, wanted))
    if aim.active.is_made_as(wanted):
        outcomes.extend(update_active(work, index, work.open_embedder(aim.active), work.progress))
    else:
        outcomes.append(_made_otherwise(aim.active, wanted))
    return SyncReport.of(add_up(outcomes), generation=aim.active.fingerprint, state=GenerationState.ACTIVE)


def _refused(active: Generation, wanted: Generation) -> SourceOutcome:
    notice = (
        f"{active} answers; the settings select {wanted}, which was rolled back: run `ragloop index cutover` to use it "
        "again, or restore the previous settings"
    )
    return SourceOutcome(notices=(notice,))


def _made_otherwise(active: Generation, wanted: Generation) -> SourceOutcome:
    problem = (
        f"the active generation {active} cannot be brought up to date, this ragloop has {wanted.parser} and "
        f"{wanted.chunker}: install the ragloop that built it, or let another generation answer"
    )
    return SourceOutcome(problems=(problem,))


def _finished(report: SyncReport, index: Index, reports: Reports, started: float, sources: set[str]) -> SyncReport:
    """Return the report with what the index tells at the end, and keep it."""
    wanting = readings.wanting(index)
    of_sources = [one for one in wanting if one.source in sources]
    quarantine = named(one for one in of_sources if one.quality is Quality.QUARANTINED)
    unread = unread_languages(report.languages, index.generation.embedder_name or "")
    report = replace(
        report,
        chunks_total=inventory.chunks(index),
        quarantined=len(quarantine),
        quarantine=quarantine,
        read_in_part=named(one for one in of_sources if one.quality is Quality.IN_PART),
        without_text=named(one for one in of_sources if one.is_without_text),
        planted=named(one for one in readings.speaking(index) if one.source in sources),
        notices=(*report.notices, *([unread] if unread else [])),
        commits=index.commits,
        seconds=round(time.perf_counter() - started, 3),
        embed_seconds=round(report.embed_seconds, 3),
    )
    return record_run(reports, report, _counts(index, reports, wanting))


def named(documents: Iterable[Reading]) -> tuple[NamedDocument, ...]:
    """Return these documents as a report names them."""
    return tuple(NamedDocument(one.source, one.key, one.uri, one.left_out, one.planted) for one in documents)


def _counts(index: Index, reports: Reports, wanting: Sequence[Reading]) -> QualityCounts:
    return QualityCounts(
        at=index.store.now().isoformat(timespec="seconds"),
        documents=inventory.all_documents(index),
        read_in_part=sum(one.quality is Quality.IN_PART for one in wanting),
        without_text=sum(one.is_without_text for one in wanting),
        quarantined=sum(one.quality is Quality.QUARANTINED for one in wanting),
        passed_over=passed_over(reports).count,
    )
