"""The composition root: settings in, the parts that they name out. Only the command line, tasks and the service use it.

Every part is made when it is first asked for, so that a question loads no torch and a status loads no model.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.config import Settings
from ragloop.errors import ConfigError, MismatchError, NotFoundError, StoreDamagedError, UnavailableError, UsageError
from ragloop.journal import Corrected, Journal
from ragloop.models import Embedder, Generator
from ragloop.models.opened import OpenedModels
from ragloop.records import BASE_LANE
from ragloop.registry import Registry
from ragloop.store import Store, make_home, utc_now
from ragloop.store.folder import FolderPlace

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer, Outdated
    from ragloop.answering.retrieval import Retrieved
    from ragloop.backup import BackupReport, Backups, RestoreReport
    from ragloop.corpus.changes.drain import Changes, Watched
    from ragloop.corpus.doctor.diagnosis import Diagnosis
    from ragloop.corpus.index.generations import Generation, Generations
    from ragloop.corpus.index.table import Index, Live
    from ragloop.corpus.maintain import Upkeep
    from ragloop.corpus.sources.local import LocalFolder
    from ragloop.corpus.sources.source import Source
    from ragloop.corpus.sync.known_sources import KnownSources
    from ragloop.corpus.sync.report import Progress, SyncReport
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.retraining import Retraining
    from ragloop.registry import Adapter
    from ragloop.store import Place


class App:
    """The parts of one home. `embedder` replaces the one that the settings name; `say` hears of long preparations.

    `open_embedder` opens what a name and a backend mean, for those that the settings name and kept generations know.
    `now` is the clock of the store.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        open_embedder: Callable[[str, str], Embedder] | None = None,
        say: Callable[[str], None] = lambda line: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings, self._now = settings, now
        self.models = OpenedModels(settings, given=embedder, open_embedder=open_embedder, say=say)

    @cached_property
    def store(self) -> Store:
        """The store, which must exist."""
        return self._opened(create=False)

    def _opened(self, *, create: bool) -> Store:
        return Store.open(self.settings.home, create=create, place=self._place(), now=self._now)

    def _place(self) -> "Place":
        if self.settings.store is None:
            return FolderPlace(self.settings.home)
        from ragloop.store.bucket import BucketPlace

        make_home(self.settings.home)
        return BucketPlace(self.settings.store)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.store, self._bearing_out)

    def _bearing_out(self, given: "Sequence[Corrected]") -> "Sequence[list[dict[str, Any]] | None]":
        """What corrections rest on; nobody can tell where no index can be read, and feedback is logged all the same."""
        from ragloop.answering.corrections import bearing_out

        try:
            return bearing_out(self.index, given) if given else []
        except (UsageError, UnavailableError, StoreDamagedError):
            return [None] * len(given)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.store, self.models.other_base)

    @property
    def embedder(self) -> Embedder:
        """The embedder of the settings; prepared first where that was not done at set-up, which is said."""
        return self.models.embedders.default()

    def embedder_of(self, generation: "Generation") -> Embedder:
        """The embedder that built a generation. Raises MismatchError, NotFoundError, UnavailableError."""
        return self.models.embedders.matching(
            generation.embedder, generation.embedder_name, generation.embedder_backend
        )

    def _opener(self, generation: "Generation") -> "Callable[[], Embedder]":
        """Opens in another process what `embedder_of` opens here."""
        from ragloop.corpus.sync.workers import model_opener

        wanted = self.settings.index
        name = generation.embedder_name or wanted.embedder
        backend = (generation.embedder_backend or "auto") if generation.embedder_name else wanted.embedder_backend
        if self.models.other_opener:
            return partial(self.models.other_opener, name, backend)
        return model_opener(name, backend, self.settings.cache, self.settings.sync.threads)

    @cached_property
    def generation(self) -> "Generation":
        """What the settings build an index with."""
        from ragloop.corpus.index.generations import Generation
        from ragloop.corpus.index.versions import CHUNKER, PARSER

        wanted, embedder = self.settings.index, self.embedder
        if wanted.chunk_tokens > embedder.max_tokens:
            raise ConfigError(
                f"index.chunk_tokens is {wanted.chunk_tokens}, {wanted.embedder} reads at most {embedder.max_tokens} "
                "tokens; lower it"
            )
        parser, chunker = f"parser {PARSER}", f"chunker {CHUNKER}/{wanted.chunk_tokens}"
        named = wanted.embedder, wanted.embedder_backend
        return Generation(parser, chunker, embedder.fingerprint, embedder.dimension, *named)

    @property
    def generations(self) -> "Generations":
        """Which generation answers, and what is kept or built beside it."""
        from ragloop.corpus.index.generations import Generations

        return Generations(self.store)

    @property
    def index(self) -> "Index":
        """The index that answers now. Raises NotFoundError when nothing was indexed yet."""
        from ragloop.corpus.index.table import Index

        live = self.generations.live()
        if live is None:
            raise NotFoundError(f"found no index in {self.settings.home}; `ragloop sync DIR` makes one")
        return Index(self.store, live)

    def live(self) -> "Live":
        """What answers now, to be asked for once per question. Raises as `index` and `embedder_of` do."""
        from ragloop.corpus.index.table import Live

        index = self.index
        return Live(index, self.embedder_of(index.generation))

    def sources(self, folder: Path | None = None, *, known: bool = True) -> "list[Source]":
        """What a sync lists; see KnownSources.of."""
        return self._sources.of(folder, known=known)

    def knows(self, folder: Path) -> bool:
        """Return whether a folder is a source of this home, or part of one: configured, or synced by its path."""
        self.store = self._opened(create=True)
        return self._sources.knows(folder)

    @cached_property
    def _sources(self) -> "KnownSources":
        from ragloop.corpus.sync.known_sources import KnownSources, indexed_sources
        from ragloop.corpus.sync.scans import last_way

        def has_store() -> bool:
            return "store" in vars(self) or self._place().exists()

        return KnownSources(
            self.settings.sources, self.settings.home, lambda: indexed_sources(self.store) if has_store() else [],
            lambda name: last_way(self.store, name) if has_store() else None,
        )  # fmt: skip

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
    ) -> "SyncReport":
        """Bring the index to the state of its sources; see ragloop.corpus.sync.run.sync.

        `approved` are source and key of documents that may be deleted where the settings would withhold them. A rebuild
        that was begun since `asked_at` is gone on with, not begun again.
        """
        from ragloop.corpus.sync.known_sources import indexed_sources, is_part_of, must_exist
        from ragloop.corpus.sync.policy import SyncPolicy
        from ragloop.corpus.sync.run import sync
        from ragloop.corpus.sync.workers import open_workers

        self.store = self._opened(create=True)
        if rebuild:
            self.generations.make_anew()
            rebuild = asked_at is None or not self.generations.begun_since(asked_at)
        gone = self._sources.gone(folder) if confirm_deletes else []
        # To let go needs no parser: what answers is not built anew for it.
        wanted = (self.generations.live() if gone else None) or self.generation
        rebuild = rebuild and not gone
        beside = self.generations.builds(wanted, rebuild=rebuild)
        must_exist(None if gone else folder)
        sources = [] if gone else self.sources(folder, known=folder is None or beside)
        names = {source.name for source in sources}
        removed = gone or ([] if folder else [one for one in indexed_sources(self.store) if one not in names])
        s = self.settings.sync
        asked = {"confirm_deletes": confirm_deletes, "retry_quarantined": retry_quarantined}
        policy = SyncPolicy.of(s, self.settings.index, **asked, approved=approved)
        with open_workers(s.task_runner, s.workers_address) as workers:
            report = sync(
                self.store, sources, lambda one: workers.embedder(self.embedder_of(one), self._opener(one)), wanted,
                replace(policy, prepare=workers.documents),
                rebuild=rebuild, everything=beside, removed=removed, progress=progress,
            )  # fmt: skip
        report.notices += is_part_of(folder, sources) if folder else []
        return report

    @cached_property
    def changes(self) -> "Changes":
        """Applies what the queues of buckets say to the index that answers."""
        from ragloop.corpus.changes.drain import Changes
        from ragloop.corpus.sync.policy import SyncPolicy

        policy = SyncPolicy.of(self.settings.sync, self.settings.index)
        return Changes(self.store, self.embedder_of, self.generation, policy)

    def watched(self) -> "list[Watched]":
        """The queues of the configuration, each with the sources whose buckets notify it."""
        from ragloop.corpus.changes.drain import watched

        return watched(self.settings.sources)

    def folders(self) -> "list[LocalFolder]":
        """The known sources that are folders."""
        from ragloop.corpus.sources.local import LocalFolder

        self.store = self._opened(create=True)
        return [one for one in self._sources.all() if isinstance(one, LocalFolder)]

    def diagnose(
        self, *, repair: bool = False, offline: bool = False, progress: "Callable[[int, int], None] | None" = None
    ) -> "Diagnosis":
        """What is wrong with the store, and its repair; see corpus/doctor/diagnosis.py. `offline` asks no source."""
        from ragloop.corpus.doctor import diagnosis as doctor
        from ragloop.corpus.sync import known_sources as sources

        home, told = self.settings.home, progress or (lambda done, total: None)
        left = None if offline else partial(sources.sources_left, self.settings.sources, home, self.store)
        patient = doctor.Patient(
            self.store, self.embedder_of, lambda: self.generation, lambda rebuild: self.sync(rebuild=rebuild),
            left, self._export, told, self.registry,
        )  # fmt: skip
        return doctor.repair(patient) if repair else doctor.diagnose(patient)

    def _export(self, live: "Generation | None") -> Path | None:
        """Folder of the export that the live embedder, or else that of the settings, runs from."""
        wanted = self.settings.index
        if live and live.embedder_name:
            return self.models.export(live.embedder_name, live.embedder_backend or "auto")
        return self.models.export(wanted.embedder, wanted.embedder_backend)

    def search(self, question: str, top_k: int | None = None) -> "Retrieved":
        """Passages for a question, without an answer and without a trace in the log."""
        from ragloop.answering.retrieval import retrieve

        r = self.settings.retrieval
        live = self.live()
        vector = live.embedder.embed([question])[0]
        return retrieve(
            live.index,
            question,
            vector,
            top_k=top_k or r.top_k,
            candidates=max(r.candidates, top_k or 0),
            rrf_k=r.rrf_k,
        )

    @cached_property
    def answerer(self) -> "Answerer":
        """Answers questions and logs every answer."""
        from ragloop.answering.answer import Answerer, AnswerPolicy

        policy = AnswerPolicy.of(self.settings.retrieval, self.settings.answers)
        return Answerer(self.live, self.journal, self.generator_for, policy, self._outdated)

    @cached_property
    def _outdated(self) -> "Outdated":
        from ragloop.learning.examples.outdated import OutdatedRows

        return OutdatedRows(self.registry)

    def generator_for(self, lane: str) -> Generator:
        """Who answers in a lane.

        For an adapter lane it raises NotFoundError while the base model serves, MismatchError where the champion cannot
        serve: its files are gone or changed, or it was trained on another base model.
        """
        if lane == BASE_LANE:
            from ragloop.models.generation.extractive import ExtractiveGenerator

            if self.settings.answers.generator == "extractive":
                return ExtractiveGenerator(self.live().embedder)
            return self.models.local_generator
        champion, trouble = self.registry.serving()
        if trouble:
            raise MismatchError(trouble)
        if champion is None:
            raise NotFoundError(
                f"found no champion adapter for the lane {lane}; `ragloop retrain` makes one, or use {BASE_LANE}"
            )
        return self.models.wearing(champion, self.registry.artifacts / champion.path)

    @cached_property
    def retraining(self) -> "Retraining":
        """The steps of a retraining over this store."""
        from ragloop.learning.evaluation.gate import GatePolicy
        from ragloop.learning.evaluation.run import read_golden
        from ragloop.learning.retraining import Retraining, RetrainingPolicy
        from ragloop.models.training.process import TrainingSpec

        s = self.settings
        training = TrainingSpec(base="", rows="", output="", threads=s.model.threads, **s.training.model_dump())
        policy = RetrainingPolicy(
            base_name=s.model.base,
            training=training,
            gate=GatePolicy(**s.gate.model_dump()),
            golden=read_golden(s.dataset.golden),
            eval_share=s.dataset.eval_share,
            max_answer_words=s.dataset.max_answer_words,
            candidates=s.retrieval.candidates,
            rrf_k=s.retrieval.rrf_k,
            seed=s.dataset.seed,
        )
        return Retraining(
            self.journal,
            self.registry,
            self.live,
            lambda: self.models.base,
            self._generator_with,
            policy,
            self.models.base_sha256,
        )

    def _generator_with(self, adapter: "Adapter | None") -> Generator:
        if adapter is None:
            return self.models.local_generator
        return self.models.wearing(adapter, self.registry.folder(adapter))

    def measure_drift(self, key: str = "") -> "DriftMeasurement":
        """Measure drift and decide whether training is due; the report is kept, by `key` as history.keep has it."""
        from ragloop.learning.monitoring.cadence import CadencePolicy
        from ragloop.learning.monitoring.drift import DriftPolicy
        from ragloop.learning.monitoring.windows import measure_drift

        return measure_drift(
            self.journal,
            self.registry,
            self.live(),
            window=self.settings.drift.window,
            new_eligible=self.retraining.new_eligible(),
            drift=DriftPolicy.of(self.settings.drift),
            cadence=CadencePolicy(**self.settings.cadence.model_dump()),
            key=key,
        )

    def review(self, key: str = "") -> "Review | None":
        """The champion against the base model, today; None while the base model serves.

        The report is kept, by `key` as history.keep has it.
        """
        from ragloop.learning.evaluation.gate import GatePolicy
        from ragloop.learning.evaluation.review import review

        gate = GatePolicy(**self.settings.gate.model_dump())
        return review(self.store, self.registry, self.retraining.questions, self._generator_with, gate, key)

    def status(self) -> dict[str, Any]:
        """What the store holds and what ran last, `last_backup` None where no place is configured; loads no model."""
        from ragloop.backup import last_backup
        from ragloop.corpus.sync.scans import last_run
        from ragloop.learning.monitoring.windows import last_measurement

        index = self.index if self.generations.live() else None
        nothing = {"documents": 0, "chunks": 0, "quarantined": 0, "lag_s": {"p50": None, "p95": None, "max": None}}
        champion = self.registry.champion()
        logged = self.journal.counts()
        return {
            **(index.counts() if index else nothing),
            "interactions": logged["interactions"],
            "feedback": logged["feedback"],
            "champion": champion.adapter_id if champion else None,
            "generation": str(index.generation) if index else None,
            "generations": {one.table: one.state for one in self.generations.all()},
            "unreadable_log_lines": self.journal.unreadable(),
            "last_sync": last_run(self.store),
            "last_drift": last_measurement(self.store),
            "last_backup": last_backup(uri, self.backups) if (uri := self.settings.backup.uri) else None,
            "quarantine": index.quarantine() if index else [],
        }

    def export_log(self, file: Path) -> int:
        """Write every answer with its feedback as Parquet, or as JSON lines by the suffix .jsonl; returns the rows."""
        from ragloop.learning.export import export_log

        return export_log(self.journal, file)

    def maintain(self, progress: "Callable[[int, int, str], None] | None" = None) -> "Upkeep":
        """Maintain every table of the store; see ragloop.corpus.maintain."""
        from ragloop.corpus.maintain import keep_up

        generations, vectors = self.settings.index.keep_days, self.settings.index.vector_retention_days
        told = progress or (lambda done, total, name: None)
        return keep_up(self.store, timedelta(days=generations), timedelta(days=vectors), told)

    def backups(self, uri: str | None = None) -> "Backups":
        """The backups at `uri`, by default at backup.uri. Raises ConfigError where there is neither, UsageError."""
        from ragloop.backup import Backups
        from ragloop.backup.place import backup_files

        return Backups(backup_files(uri or self.settings.backup.uri, self.settings.home, self.settings.store))

    def back_up(
        self, uri: str | None = None, progress: "Callable[[int, int, int], None] | None" = None
    ) -> "BackupReport":
        """Take a backup, and let go of those beyond backup.keep; see ragloop.backup."""
        told = progress or (lambda done, total, copied: None)
        wanted = self.settings.backup
        return self.backups(uri).make(self.store, wanted.keep, told, verified_within=timedelta(days=wanted.verify_days))

    def restore(
        self,
        uri: str | None,
        backup_id: str = "latest",
        *,
        replace: bool = False,
        dry_run: bool = False,
        progress: "Callable[[int, int, int], None] | None" = None,
    ) -> "RestoreReport":
        """Bring a backup back to where the store of the settings is; see ragloop.backup.restoring."""
        from ragloop.backup import restore

        home, place = self.settings.home, self._place()
        told = progress or (lambda done, total, written: None)
        if not dry_run:
            make_home(home)
        from ragloop.registry import files_are_whole

        return restore(
            self.backups(uri),
            backup_id,
            home,
            place,
            replace=replace,
            dry_run=dry_run,
            whole=partial(files_are_whole, home / "artifacts"),
            progress=told,
        )
