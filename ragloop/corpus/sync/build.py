"""Building a generation beside the live one, and the cut-over to it.

The live one is brought up to date first, and again every `refresh_s` seconds, so that a build of hours leaves what
answers as fresh as ever: for as long as this code makes chunks as it did, and its embedder can be opened.
"""

import time
from dataclasses import asdict, replace
from datetime import datetime

from ragloop.corpus.index import health, inventory
from ragloop.corpus.index.generations import BUILDING, LIVE, READY, Generation, Generations
from ragloop.corpus.index.table import Index
from ragloop.corpus.sync.passes import Work, into_building, into_live
from ragloop.corpus.sync.planning import withholds
from ragloop.corpus.sync.report import SyncReport
from ragloop.corpus.sync.scans import known_documents, record_scan
from ragloop.corpus.sync.source_sync import guarded
from ragloop.errors import RagloopError, StoreDamagedError
from ragloop.models import Embedder

_COUNTS = ("added", "updated", "renamed", "deleted", "failed", "chunks_embedded", "chunks_reused", "commits")
"""What is reported of the live generation."""


class Build:
    """One run of a build, under the lease of the index. Whatever ends it, the next sync goes on with it."""

    def __init__(self, work: Work, live: Generation, building: Generation) -> None:
        self._work = work
        self._generations = Generations(work.store)
        self.live, self.building = Index(work.store, live), Index(work.store, building)
        self.report, self._beside = SyncReport(generation=building.fingerprint), SyncReport()
        self._live_embedder: Embedder | None = None
        self._live_is_readable = True

    def run(self) -> SyncReport:
        """Build until all sources are in it, then cut over. Raises NotFoundError when the only source is not there."""
        embedder = self._work.open_embedder(self.building.generation)
        self._live_embedder = self._opened()
        scans = None
        while scans is None:
            self._keep_live_fresh()
            before = self.report.added + self.report.updated + self.report.renamed
            self.report.scanned = self.report.unchanged = 0
            until = time.monotonic() + self._work.policy.refresh_s
            scans = into_building(self._work, self.building, embedder, self.report, until)
            self.report.unchanged = max(0, self.report.unchanged - before)
            self._work = replace(self._work, policy=replace(self._work.policy, retry_quarantined=False))
        health.maintain_indexes(self.building)
        self._end(scans)
        self._account()
        return self.report

    # --- the live one, meanwhile ---------------------------------------------------------------------------------

    def _opened(self) -> Embedder | None:
        """The live generation's embedder; None, which is said, where the live one cannot be kept up to date."""
        live, building = self.live.generation, self.building.generation
        if not live.is_made_as(building):
            self._say_stale(f"this ragloop has {building.parser} and {building.chunker}")
            return None
        try:
            return self._work.open_embedder(live)
        except RagloopError as error:
            self._say_stale(str(error))
            return None

    def _keep_live_fresh(self) -> None:
        if self._live_embedder is None or not self._live_is_readable:
            return
        try:
            into_live(self._work, self.live, self._live_embedder, self._beside)
        except StoreDamagedError as error:
            self._note_damage(error)

    def _note_damage(self, error: StoreDamagedError) -> None:
        self._live_is_readable = False
        self._say_stale(f"files of it are damaged ({error})")

    def _say_stale(self, why: str) -> None:
        self.report.notices.append(
            f"the live generation {self.live.generation} is not brought up to date while "
            f"{self.building.generation.fingerprint} is built: {why}"
        )

    def _account(self) -> None:
        self._beside.commits = self.live.commits
        counts = asdict(self._beside)
        self.report.live = {name: counts[name] for name in _COUNTS}
        self.report.withheld_deletes = max(self.report.withheld_deletes, self._beside.withheld_deletes)
        self.report.changes += [change for change in self._beside.changes if change["change"] == "withheld"]
        self.report.embed_seconds += self._beside.embed_seconds

    # --- the cut-over --------------------------------------------------------------------------------------------

    def _end(self, scans: dict[str, datetime]) -> None:
        """Cut over if every source is in it, and nothing speaks against it."""
        live, built, report = self.live.generation, self.building.generation, self.report
        whole = not report.problems
        withheld = self._withheld() if whole else 0
        if whole and not withheld and self._work.policy.cutover == "auto":
            for source, began in scans.items():
                documents = inventory.documents(self.building, source)
                record_scan(self._work.store, source, began, complete=True, documents=documents)
            self._generations.cut_over(built, damaged=not self._live_is_readable)
            back = "`ragloop index rollback` goes back" if self._live_is_readable else f"{live.table} is set aside"
            report.state = LIVE
            report.notices.append(f"cut over from {live} to {built}; {back}")
            return
        self._generations.mark(built, ready=whole)
        report.state = READY if whole else BUILDING
        report.withheld_deletes = withheld
        report.notices.append(f"{live} answers; {built} is {self._why_not(whole, withheld)}")

    def _why_not(self, whole: bool, withheld: int) -> str:
        if not whole:
            return "not complete, the next sync goes on with it"
        if withheld:
            there = "can be found now" if self._live_is_readable else "were there at the last completed scan"
            return (
                f"complete but lacks {withheld} documents that {there}, so it does not answer yet: "
                "`ragloop sync --confirm-deletes` cuts over to it"
            )
        return "complete, `ragloop index cutover` lets it answer (index.cutover is manual)"

    def _withheld(self) -> int:
        """Documents that a cut-over would lose and that the guard of deletes withholds."""
        if self._live_is_readable:
            try:
                return self._withheld_of_live()
            except StoreDamagedError as error:
                self._note_damage(error)
        return self._withheld_by_count()

    def _withheld_by_count(self) -> int:
        """What of a live generation that is damaged was there at the last completed scans."""
        policy = self._work.policy
        known = {} if policy.confirm_deletes else known_documents(self._work.store)
        lost = {source: before - inventory.documents(self.building, source) for source, before in known.items()}
        bounds = policy.guard_documents, policy.guard_share
        return sum(count for source, count in lost.items() if withholds(count, known[source], *bounds))

    def _withheld_of_live(self) -> int:
        """Those that the live generation has; a few that are quarantined in the other one are said."""
        withheld, quarantined, policy = 0, 0, self._work.policy
        for source in inventory.sources(self.live):
            ledger = self.live.ledger(source)
            before = ledger.retrievable()
            after = self.building.ledger(source)
            gone = before - after.retrievable()
            quarantined += len(gone & after.keys())
            lost = [row for row in ledger.values() if row.key in gone] if gone else []
            withheld += len(lost) - len(guarded(source, lost, len(before), policy, self.report))
        if quarantined:
            self.report.notices.append(
                f"{quarantined} documents that can be found in {self.live.generation.fingerprint} are quarantined in "
                f"{self.building.generation.fingerprint}, which has no earlier revision of them"
            )
        return withheld
