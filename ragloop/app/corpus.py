"""What an application does with documents: sync, changes, doctor, maintenance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.catalogue import CATALOGUE
from ragloop.app.parts import Parts
from ragloop.app.policies import sync_policy
from ragloop.app.safekeeping import Safekeeping
from ragloop.errors import MismatchError, StoreBusyError

if TYPE_CHECKING:
    from ragloop.corpus.changes.drain import Changes, Watched
    from ragloop.corpus.doctor.diagnosis import Diagnosis
    from ragloop.corpus.index.generations.generation import Generation
    from ragloop.corpus.index.readings import Quality, ReadChunk, Reading
    from ragloop.corpus.maintain import Upkeep
    from ragloop.corpus.sources.local import LocalFolder
    from ragloop.corpus.sync.decisions.scope import FoundSources, SyncScope
    from ragloop.corpus.sync.known_sources import KnownSources, OpenSources
    from ragloop.corpus.sync.report import Looking, Progress, SyncReport
    from ragloop.models import Embedder
    from ragloop.reports import Reports


class Corpus:
    """The documents of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def sync(
        self,
        folder: Path | None = None,
        *,
        rebuild: bool = False,
        confirm_deletes: bool = False,
        retry_quarantined: bool = False,
        approved: frozenset[tuple[str, str]] = frozenset(),
        asked_at: datetime | None = None,
        progress: "Progress | None" = None,
        looking: "Looking | None" = None,
    ) -> "SyncReport":
        """Bring the index to the state of its sources; see ragloop.corpus.sync.run.sync.

        `approved` are source and key of documents that may be deleted where the settings would withhold them. A rebuild
        that was begun since `asked_at` is gone on with, not begun again.
        """
        from ragloop.corpus.sync.decided_deletes import DECISION, kept_by, refusals, refused_documents
        from ragloop.corpus.sync.known_sources import is_part_of, must_exist
        from ragloop.corpus.sync.preparing.clusters import open_workers
        from ragloop.corpus.sync.run import sync
        from ragloop.corpus.sync.scans import OF_SOURCES
        from ragloop.reports import Reports

        parts = self._parts
        if folder is not None and not confirm_deletes:
            must_exist(folder)
        store = parts.made_store()
        erased = self._completed_erasures()
        rebuild = rebuild and self._begins_rebuild(asked_at)
        reports = Reports(store).holding(*OF_SOURCES, DECISION)
        opened = self._known(reports).look(folder)
        wanted, scope = self._scope(opened.found, folder, rebuild=rebuild, confirm_deletes=confirm_deletes)
        sources, holding = opened.of(scope), refusals(reports)
        with open_workers(parts.settings.sync.task_runner, parts.settings.sync.workers_address) as workers:
            policy = replace(
                sync_policy(parts.settings),
                confirm_deletes=confirm_deletes,
                retry_quarantined=retry_quarantined,
                approved=approved,
                refused=refused_documents(holding),
                prepare=workers.documents,
            )
            report = sync(
                store,
                sources,
                lambda one: workers.embedder(parts.embedder_of(one), self._opener(one)),
                wanted,
                policy,
                rebuild=rebuild and not scope.only_deletes,
                everything=scope.everything,
                removed=scope.removed,
                progress=progress,
                looking=looking,
            )
        kept = kept_by(holding, frozenset((one.source, one.key) for one in report.refused))
        part = is_part_of(folder, sources) if folder else ()
        return replace(report, notices=(*report.notices, *erased, *kept, *part))

    def _completed_erasures(self) -> tuple[str, ...]:
        """Complete the erasures that were interrupted, and say so.

        One that cannot be completed now, while a retraining is under way or since a record or a backup is damaged, is
        named, and stops no sync: what it is about was suppressed before anything else.
        """
        if not self._parts.artifacts.files.list("erasures/"):
            return ()  # of most homes: nothing that erases is loaded
        erasing = Safekeeping(self._parts).erasing()
        try:
            done = [(one.certificate_id, one.is_done) for one in erasing.complete()]
        except (StoreBusyError, MismatchError) as error:
            return (f"an erasure is not complete: {error}; `ragloop erase resume` completes one that was interrupted",)
        return tuple(
            f"the erasure {certificate}, which was interrupted, is {'' if whole else 'not '}complete"
            for certificate, whole in done
        )

    def _interrupted_erasures(self) -> list[str]:
        """Name the erasures that did not come to their end; a record that is damaged by what is wrong with it."""
        try:
            return [one.certificate_id for one in Safekeeping(self._parts).erasing().certificates.unfinished()]
        except MismatchError as error:
            return [str(error)]

    def _begins_rebuild(self, asked_at: datetime | None) -> bool:
        """Restore the table of generations, and return whether no rebuild was begun since it was asked for."""
        from ragloop.corpus.index.generations.builds import Builds
        from ragloop.corpus.index.generations.table import restore_generations

        restore_generations(self._parts.store)
        return asked_at is None or not Builds(self._parts.generations).begun_since(asked_at)

    def _scope(
        self, found: "FoundSources", folder: Path | None, *, rebuild: bool, confirm_deletes: bool
    ) -> "tuple[Generation, SyncScope]":
        """Decide what a sync works towards, and what it covers."""
        from ragloop.corpus.index.generations.builds import Builds
        from ragloop.corpus.sync.decisions.scope import deletes_only, scope
        from ragloop.corpus.sync.known_sources import must_exist

        parts = self._parts
        if confirm_deletes and found.gone:
            # To delete needs no parser: what answers is not rebuilt for it.
            return parts.generations.active() or parts.generation, deletes_only(found)
        wanted = parts.generation
        builds = Builds(parts.generations).next(wanted, rebuild=rebuild).builds
        if folder is not None:
            must_exist(folder)
        return wanted, scope(found, of_folder=folder is not None, builds=builds)

    @cached_property
    def changes(self) -> "Changes":
        """Apply what the queues of buckets say to the index that answers."""
        from ragloop.corpus.changes.drain import Changes

        parts = self._parts
        return Changes(parts.store, parts.embedder_of, parts.generation, sync_policy(parts.settings))

    def watched(self) -> "list[Watched]":
        """List the queues of the configuration, each with the sources whose buckets notify it."""
        from ragloop.corpus.changes.drain import watched

        return watched(self._parts.settings.sources)

    def folders(self) -> "list[LocalFolder]":
        """List the known sources that are folders."""
        from ragloop.corpus.sources.local import LocalFolder

        self._parts.made_store()
        return [one for one in self._sources.all() if isinstance(one, LocalFolder)]

    def sources(self, folder: Path | None = None) -> "OpenSources":
        """Open the sources of this home, that of a folder included; see KnownSources.look."""
        return self._sources.look(folder)

    def knows(self, folder: Path) -> bool:
        """Return whether a folder is a source of this home, or part of one: configured, or synced by its path."""
        self._parts.made_store()
        return self._sources.knows(folder)

    @property
    def _sources(self) -> "KnownSources":
        from ragloop.corpus.sync.known_sources import KnownSources
        from ragloop.corpus.sync.scans import OF_SOURCES
        from ragloop.reports import Reports

        if self._parts.place.exists():
            return self._known(Reports(self._parts.store).holding(*OF_SOURCES))
        return KnownSources(self._parts.settings.sources, self._parts.settings.home, (), {})

    def _known(self, reports: "Reports") -> "KnownSources":
        from ragloop.corpus.sync.known_sources import known_sources

        return known_sources(self._parts.settings.sources, self._parts.settings.home, reports)

    def documents(
        self, source: str | None = None, quality: "Quality | None" = None, format: str | None = None
    ) -> "list[Reading]":
        """List what was read of each document of the index that answers; see readings."""
        from ragloop.corpus.index.readings import readings
        from ragloop.corpus.parsing import format_of

        return readings(self._parts.index, source, quality, format and format_of(f"x.{format.lstrip('.')}"))

    def document(self, name: str) -> "tuple[Reading, list[ReadChunk]]":
        """Find a document by its URI, its key, or an end of one, and read its chunks."""
        from ragloop.corpus.index import readings

        index = self._parts.index.snapshot()
        found = readings.find(index, name)
        return found, readings.chunks(index, found)

    def original(self, document: "Reading") -> str:
        """Return the text of a document as it is parsed now; see ragloop.corpus.original."""
        from ragloop.corpus.original import original

        policy = sync_policy(self._parts.settings)
        return original(document, self._sources.all(), policy.limits, policy.max_document_bytes)

    def _opener(self, generation: "Generation") -> "Callable[[], Embedder]":
        """Return what opens in another process the embedder that `embedder_of` opens here."""
        from ragloop.corpus.sync.preparing.tasks import model_opener

        wanted = self._parts.settings.index
        name = generation.embedder_name or wanted.embedder
        backend = (generation.embedder_backend or "auto") if generation.embedder_name else wanted.embedder_backend
        if self._parts.models.other_opener:
            return partial(self._parts.models.other_opener, name, backend)
        return model_opener(name, backend, self._parts.settings.cache, self._parts.settings.sync.threads)

    def diagnose(
        self, *, repair: bool = False, offline: bool = False, progress: "Callable[[int, int], None] | None" = None
    ) -> "Diagnosis":
        """Find what is wrong with the store, and repair it; see corpus.doctor.diagnosis. `offline` asks no source."""
        from ragloop.corpus.doctor import diagnosis as doctor
        from ragloop.corpus.doctor.examination import Patient
        from ragloop.corpus.sync import known_sources as sources

        parts = self._parts
        left = partial(sources.sources_left, parts.settings.sources, parts.settings.home, parts.store)
        patient = Patient(
            parts.store,
            CATALOGUE,
            parts.embedder_of,
            lambda: parts.generation,
            lambda rebuild: self.sync(rebuild=rebuild),
            None if offline else left,
            self._export,
            progress or _ignore,
            parts.registry,
            self._interrupted_erasures,
        )
        return doctor.repair(patient) if repair else doctor.diagnose(patient)

    def _export(self, active: "Generation | None") -> Path | None:
        """Find the folder of the export that the active embedder, or else that of the settings, runs from."""
        wanted = self._parts.settings.index
        if active and active.embedder_name:
            return self._parts.models.export(active.embedder_name, active.embedder_backend or "auto")
        return self._parts.models.export(wanted.embedder, wanted.embedder_backend)

    def maintain(self, progress: "Callable[[int, int, str], None] | None" = None) -> "Upkeep":
        """Maintain every table of the store; see ragloop.corpus.maintain."""
        from ragloop.corpus.maintain import maintain_store

        kept = self._parts.settings.index
        generations, vectors = timedelta(days=kept.keep_days), timedelta(days=kept.vector_retention_days)
        return maintain_store(self._parts.store, CATALOGUE, generations, vectors, progress or _ignore)


def _ignore(*_: object) -> None:
    """Take progress that nobody asked to see."""
