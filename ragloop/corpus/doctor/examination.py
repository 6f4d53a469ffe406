"""What doctor reads of a store, each part once and when the first check asks for it. Nothing is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ragloop.catalogue import Derived, Lease
from ragloop.corpus.doctor.generations import ExaminedGenerations
from ragloop.corpus.doctor.index import ExaminedIndex
from ragloop.corpus.doctor.listings import Listings, compared
from ragloop.corpus.doctor.tables import ExaminedTables
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.retention import GRACE
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.report import SyncReport
from ragloop.corpus.sync.suppressions import suppressions
from ragloop.models import Embedder
from ragloop.models.cache import damaged_files
from ragloop.registry import Registry, lost_adapters
from ragloop.store import Store


@dataclass(frozen=True)
class Patient:
    """A store, and what doctor asks about it. `wanted`: what the settings build an index with.

    `catalogue` names the tables that every store has, and says which can be recreated. `registry` is None where no
    adapter was trained. `sources`, None where they are not to be asked, and `model`, the folder of the exported
    embedder, take the generation that answers. `sync` takes whether to rebuild; `progress` takes rows done and rows to
    do. `interrupted` names the erasures that did not come to their end.
    """

    store: Store
    catalogue: Sequence[Derived]
    open_embedder: Callable[[Generation], Embedder]
    wanted: Callable[[], Generation]
    sync: Callable[[bool], SyncReport]
    sources: Callable[[Generation | None], Sequence[Source]] | None = None
    model: Callable[[Generation | None], Path | None] = lambda active: None
    progress: Callable[[int, int], None] = lambda done, total: None
    registry: Registry | None = None
    interrupted: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True)
class ExaminedAdapters:
    """The adapters; `registry` is None where there is none or its tables are lost."""

    registry: Registry | None

    @cached_property
    def lost_adapters(self) -> Sequence[str]:
        """Return the adapters whose files or rows are gone or changed."""
        return lost_adapters(self.registry) if self.registry is not None else ()

    @cached_property
    def _troubles(self) -> Mapping[str, str]:
        """Return why champions cannot serve, by their id."""
        if self.registry is None:
            return {}
        found = {one: self.registry.serving(lane)[1] for lane, one in self.registry.aliases.champions().items()}
        return {champion: why for champion, why in found.items() if why}

    @property
    def champion_id(self) -> str | None:
        """Return a champion that cannot serve; None where all can."""
        return next(iter(self._troubles), None)

    @property
    def champion_trouble(self) -> str:
        """Return why it cannot serve, or an empty string."""
        return next(iter(self._troubles.values()), "")


@dataclass(frozen=True)
class Examination:
    """One reading of everything. What a check has read stays as it was, also while a repair changes the store."""

    patient: Patient

    @property
    def store(self) -> Store:
        """Return the store that is read."""
        return self.patient.store

    @cached_property
    def tables(self) -> ExaminedTables:
        """Return the tables that every store has."""
        return ExaminedTables(self.store, self.patient.catalogue)

    @cached_property
    def generations(self) -> ExaminedGenerations:
        """Return the generations."""
        return ExaminedGenerations(self.tables, self.patient.wanted)

    @cached_property
    def adapters(self) -> ExaminedAdapters:
        """Return the adapters."""
        lost = self.tables.lost & self.tables.written_under(Lease.REGISTRY)
        return ExaminedAdapters(None if lost else self.patient.registry)

    @cached_property
    def index(self) -> ExaminedIndex:
        """Return the index that answers."""
        patient = self.patient
        return ExaminedIndex(self.store, self.generations.active, patient.open_embedder, patient.progress)

    @cached_property
    def model(self) -> Path | None:
        """Return the folder of the exported embedder."""
        return self.patient.model(self.generations.active) if self.generations.known is not None else None

    @cached_property
    def damaged_model_files(self) -> Sequence[str]:
        """Return the files of the exported embedder that are not as they were made."""
        return damaged_files(self.model) if self.model is not None else ()

    @cached_property
    def orphan_tables(self) -> frozenset[str]:
        """Return the tables that no generation names, or that have no version."""
        if self.generations.known is None:
            return frozenset()
        named = {one.table for one in self.generations.known}
        names = frozenset(self.store.tables.names("")) - self.index.unreadable_vectors
        unnamed = {one for one in names if one.startswith("index_") and one not in named}
        return frozenset(unnamed.union(one for one in names if not self.store.tables.has(one)))

    @cached_property
    def orphan_files(self) -> Mapping[str, Sequence[str]]:
        """Return the files that no version names, by table.

        None of a table while some are young: a write under way may have made them, and a cleanup would take them too.
        """
        if self.generations.known is None:
            return {}
        aside = self.index.unreadable_vectors | self.orphan_tables
        names = [
            one for one in self.store.tables.names("") if one.startswith(("index_", "vectors_")) and one not in aside
        ]
        found = {name: self.store.upkeep.nameless_files(name) for name in names}
        old = {name: files for name, files in found.items() if files and min(files.values()) > GRACE.total_seconds()}
        return {name: list(files) for name, files in old.items()}

    @cached_property
    def listings(self) -> Listings:
        """Return what the sources list, compared with the ledger."""
        if self.patient.sources is None or self.index.audited is None:
            return Listings()
        sources, ledger = self.patient.sources(self.generations.active), self.index.audit.ledger.values()
        return compared(sources, ledger, suppressions(self.store))
