"""Build a generation beside the active one, and cut over to it.

The active one is brought up to date first, and again every `refresh_s` seconds, so that a build of hours leaves what
answers as fresh as ever: for as long as this code makes chunks as it did, and its embedder can be opened.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from ragloop.corpus.index import documents, health, inventory
from ragloop.corpus.index.generations.builds import Builds
from ragloop.corpus.index.generations.generation import Generation, GenerationState
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.listing import PassedOver
from ragloop.corpus.sync.applying.planted import count_anew
from ragloop.corpus.sync.applying.source_sync import SourceSync, delete
from ragloop.corpus.sync.losses import Losses, losses, losses_by_count
from ragloop.corpus.sync.report import ChangeKind, SourceOutcome, SyncReport, add_up
from ragloop.corpus.sync.scans import has_matched, note_source, record_scan
from ragloop.corpus.sync.update import Work, note_way, nothing_found, update_active
from ragloop.errors import NotFoundError, RagloopError, StoreDamagedError
from ragloop.models import Embedder
from ragloop.telemetry import span
from ragloop.wording import counted

_COUNTS = ("added", "updated", "renamed", "deleted", "failed", "chunks_embedded", "chunks_reused", "commits")
"""What is reported of the active generation."""
_CHANGED = (ChangeKind.ADDED, ChangeKind.UPDATED, ChangeKind.RENAMED)


@dataclass(frozen=True)
class _End:
    """How a build ended: the state of what was built, and what kept it from answering."""

    state: GenerationState
    losses: Losses
    notice: str


@dataclass(frozen=True)
class BuildPass:
    """What one pass over the sources built. `scans`: that of each source; None if the pass stopped early."""

    outcome: SourceOutcome
    scans: Mapping[str, "Scan"] | None


@dataclass(frozen=True)
class Scan:
    """When the scan of a source began, whether the source ever had a document, and what was passed over."""

    began: datetime
    matched: bool
    passed_over: PassedOver


class Build:
    """One run of a build, under the lease of the index. Whatever ends it, the next sync goes on with it."""

    def __init__(self, work: Work, active: Generation, building: Generation) -> None:
        self._work = work
        self._builds = Builds(Generations(work.reports.store))
        self.active, self.building = Index(work.reports.store, active), Index(work.reports.store, building)
        self._beside: list[SourceOutcome] = []
        self._stale: list[str] = []
        self._active_embedder: Embedder | None = None
        self._active_is_readable = True

    def run(self) -> SyncReport:
        """Build until all sources are in it, then cut over. Raises NotFoundError when the only source is not there."""
        embedder = self._work.open_embedder(self.building.generation)
        self._active_embedder = self._opened()
        built = self._built(embedder)
        health.maintain_indexes(self.building)
        end = self._end(built.scans or {}, whole=not built.outcome.problems)
        return self._report(built.outcome, end)

    def _built(self, embedder: Embedder) -> BuildPass:
        """Pass over the sources until all of them are in it; the scan that is reported is that of the last pass."""
        passes: list[BuildPass] = []
        while not passes or passes[-1].scans is None:
            self._keep_active_fresh()
            until = time.monotonic() + self._work.policy.refresh_s
            passes.append(_pass_over(self._work, self.building, embedder, until))
            self._work = replace(self._work, policy=replace(self._work.policy, retry_quarantined=False))
        last, total = passes[-1], add_up(one.outcome for one in passes)
        before = sum(one.outcome.count(*_CHANGED) for one in passes[:-1])
        unchanged = max(0, last.outcome.unchanged - before)
        listed = {name: getattr(last.outcome, name) for name in ("scanned", "passed_over", "unmatched")}
        return BuildPass(replace(total, unchanged=unchanged, **listed), last.scans)

    # --- the active one, meanwhile ---------------------------------------------------------------------------------

    def _opened(self) -> Embedder | None:
        """Open the active generation's embedder; None, with a notice, where that one cannot be brought up to date."""
        active, building = self.active.generation, self.building.generation
        if not active.is_made_as(building):
            self._say_stale(f"this ragloop has {building.parser} and {building.chunker}")
            return None
        try:
            return self._work.open_embedder(active)
        except RagloopError as error:
            self._say_stale(str(error))
            return None

    def _keep_active_fresh(self) -> None:
        if self._active_embedder is None or not self._active_is_readable:
            return
        try:
            # What was done before damage was found stays done, and in the list.
            self._beside.extend(update_active(self._work, self.active, self._active_embedder))
        except StoreDamagedError as error:
            self._note_damage(error)

    def _note_damage(self, error: StoreDamagedError) -> None:
        self._active_is_readable = False
        self._say_stale(f"files of it are damaged ({error})")

    def _say_stale(self, why: str) -> None:
        self._stale.append(
            f"the active generation {self.active.generation} is not brought up to date while "
            f"{self.building.generation.fingerprint} is built: {why}"
        )

    def _report(self, built: SourceOutcome, end: _End) -> SyncReport:
        report = SyncReport.of(built, generation=self.building.generation.fingerprint, state=end.state)
        beside = replace(SyncReport.of(add_up(self._beside)), commits=self.active.commits)
        counts = asdict(beside)
        return replace(
            report,
            withheld_deletes=max(end.losses.documents, beside.withheld_deletes),
            changes=(*report.changes, *end.losses.changes, *beside.withheld),
            embed_seconds=report.embed_seconds + beside.embed_seconds,
            notices=(*self._stale, *report.notices, *end.losses.notices, end.notice),
            active={name: counts[name] for name in _COUNTS},
        )

    # --- the cut-over --------------------------------------------------------------------------------------------

    def _end(self, scans: Mapping[str, Scan], *, whole: bool) -> _End:
        """Cut over if every source is in it, and nothing speaks against it."""
        active, built = self.active.generation, self.building.generation
        lost = self._losses() if whole else Losses()
        if whole and not lost.documents and self._work.policy.cutover == "auto":
            for source, scan in scans.items():
                count = inventory.documents(self.building, source)
                record_scan(
                    self._work.reports,
                    source,
                    scan.began,
                    complete=True,
                    documents=count,
                    matched=scan.matched,
                    passed_over=scan.passed_over,
                )
            self._builds.cut_over(built, damaged=not self._active_is_readable)
            back = "`ragloop index rollback` goes back" if self._active_is_readable else f"{active.table} is set aside"
            return _End(GenerationState.ACTIVE, lost, f"cut over from {active} to {built}; {back}")
        self._builds.mark(built, ready=whole)
        why_not = self._why_not(lost.documents, whole=whole)
        return _End(
            GenerationState.READY if whole else GenerationState.BUILDING,
            lost,
            f"{active} answers; {built} is {why_not}",
        )

    def _why_not(self, lost: int, *, whole: bool) -> str:
        if not whole:
            return "not complete, the next sync goes on with it"
        if lost:
            were = "was" if lost == 1 else "were"
            there = "can be found now" if self._active_is_readable else f"{were} there at the last completed scan"
            return (
                f"complete but lacks {counted(lost, 'document')} that {there}, so it does not answer yet: "
                "`ragloop sync --confirm-deletes` cuts over to it"
            )
        return "complete, `ragloop index cutover` lets it answer (index.cutover is manual)"

    def _losses(self) -> Losses:
        if self._active_is_readable:
            try:
                return losses(self.active, self.building, self._work.policy)
            except StoreDamagedError as error:
                self._note_damage(error)
        return losses_by_count(self.building, self._work.reports, self._work.policy)


def _pass_over(work: Work, index: Index, embedder: Embedder, until: float) -> BuildPass:
    """Bring a generation that nobody reads yet to the state of all sources, whatever that deletes.

    It stops after the first batch that ends later than `until` (time.monotonic()).
    """
    count_anew(index, work.reports)
    policy = replace(work.policy, confirm_deletes=True)
    outcomes: list[SourceOutcome] = []
    scans: dict[str, Scan] = {}
    for source in work.sources:
        began = work.reports.store.now()
        try:
            with span("sync source", source=source.name):
                one = SourceSync(source, index, embedder, policy, progress=work.progress, looking=work.looking)
                outcomes.append(one.run(until))
        except NotFoundError as error:
            outcomes.append(work.missed(source, error))
            continue
        if not outcomes[-1].whole:
            return BuildPass(add_up(outcomes), None)
        done = outcomes[-1]
        matched = bool(done.scanned) or has_matched(work.reports, source.name, source.way)
        scans[source.name] = Scan(began, matched, done.passed_over)
        note_source(work.reports, source.name)
        unmatched = nothing_found(source, done, matched=matched)
        outcomes.append(SourceOutcome(notices=note_way(work, source), unmatched=unmatched))
    others = set(inventory.sources(index)) - {source.name for source in work.sources}
    deleted = [
        change for name in others for change in delete(index, name, list(documents.ledger(index, name).values()))
    ]
    return BuildPass(add_up([*outcomes, SourceOutcome(changes=tuple(deleted))]), scans)
