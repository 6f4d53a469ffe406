"""Whether a store is what its sources and its own parts say it is, and its repair.

A diagnosis reads all of it and writes nothing. A repair holds the lease of the index while it finds and mends, lets the
ordinary sync read again what is wrong (repair.py), and looks a second time: what it finds then, it could not mend.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ragloop.corpus.chunking.chunker import CountTokens
from ragloop.corpus.doctor.audit import Audit, Auditor, batches
from ragloop.corpus.doctor.missing_tables import ANEW, GENERATIONS, missing_tables, told_generations
from ragloop.corpus.doctor.repair import Treatment, treat
from ragloop.corpus.index import health
from ragloop.corpus.index.generations.generation import (
    CHUNKER,
    PARSER,
    Generation,
    GenerationState,
    KnownGeneration,
)
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.ledger import CURRENT
from ragloop.corpus.index.retention import GRACE
from ragloop.corpus.index.table import Index
from ragloop.corpus.index.vectors import table_of
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.decisions.planning import bare_stamp
from ragloop.corpus.sync.report import SyncReport
from ragloop.corpus.sync.scans import unconfirmed
from ragloop.errors import RagloopError, StoreBusyError, StoreDamagedError
from ragloop.journal import Journal
from ragloop.models import Embedder
from ragloop.models.cache import damaged_files
from ragloop.registry import Registry, Request, lost_adapters
from ragloop.store import TABLES, Store, index_schema, quoted, vectors_schema
from ragloop.store.failures import damaged

FOUND, REPAIRED, REMAINS = "found", "repaired", "remains"
_SHOWN = 3
_SCHEMAS = {"index_": index_schema, "vectors_": vectors_schema}
_RESTORE = "`ragloop restore --replace` brings back a backup of the whole store"
_EVIDENCE = f"nothing makes them anew; {_RESTORE}"
_ONLY_THESE = "but reports and generations, once their folder is removed, by a repair"
_OTHERWISE = f"{_RESTORE}, `ragloop sync --rebuild` builds the index anew"
_ASIDE = "set aside, in the folder aside beside the store"
_BY_SYNC = "read again and written anew by a sync"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: which check says so, how many of what, and what repairs it.

    `state`: found, or after a repair repaired or remains.
    """

    check: str
    count: int
    detail: str
    repair: str
    state: str = FOUND

    def __post_init__(self) -> None:
        if self.state not in (FOUND, REPAIRED, REMAINS) or self.count < 1:
            raise ValueError(f"found {self.count} of {self.check} {self.state}")


@dataclass(frozen=True)
class Diagnosis:
    """What was found. `embedded`: chunks that the repair embedded. `notes` are worth knowing and need no repair."""

    findings: tuple[Finding, ...] = ()
    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return all(one.state == REPAIRED for one in self.findings)


@dataclass(frozen=True)
class Patient:
    """What is looked at. `wanted`: what the settings build an index with.

    `registry` tells of the adapters that were trained on it, and is None where there is none to tell.

    `sources`, which is None where they are not to be asked, and `model`, the folder of the exported embedder, are told
    the generation that answers. `sync` takes whether to rebuild; `progress` is told rows done and rows to do.
    """

    store: Store
    open_embedder: Callable[[Generation], Embedder]
    wanted: Callable[[], Generation]
    sync: Callable[[bool], SyncReport]
    sources: Callable[[Generation | None], Sequence[Source]] | None = None
    model: Callable[[Generation | None], Path | None] = lambda active: None
    progress: Callable[[int, int], None] = lambda done, total: None
    registry: Registry | None = None


def diagnose(patient: Patient) -> Diagnosis:
    """Look, and write nothing."""
    started = time.perf_counter()
    look = _Look(patient)
    look.all()
    notes = _writers(patient.store) if look.findings else ()
    return _diagnosis(look, look.findings, started, notes)


def repair(patient: Patient) -> Diagnosis:
    """Look and mend. Raises StoreBusyError when another process writes the index."""
    started = time.perf_counter()
    with patient.store.lease("index"):
        look = _Look(patient)
        look.all()
        if not look.findings:
            return _diagnosis(look, (), started)
        settled = treat(patient.store, look.generation, look.treatment, look.audit, patient.open_embedder)
        if look.damaged_model is not None:
            shutil.rmtree(look.damaged_model)
        if look.champion is not None and patient.registry is not None:
            patient.registry.rollback("ragloop doctor --repair: it cannot serve", Request(look.champion))
    embedded, notes = _sync(patient, look.treatment)
    again = _Look(patient)
    again.all()
    left = {(one.check, one.repair): one for one in again.findings}
    before = [left.pop((one.check, one.repair), replace(one, state=REPAIRED)) for one in look.findings]
    findings = [*before, *left.values()]
    ended = [one if one.state == REPAIRED else replace(one, state=REMAINS) for one in findings]
    return replace(_diagnosis(again, ended, started, notes), embedded=settled + embedded)


def _sync(patient: Patient, treatment: Treatment) -> tuple[int, tuple[str, ...]]:
    """Chunks embedded, and what the sync could not do."""
    if patient.sources is None or not (treatment.sync or treatment.rebuild):
        return 0, ()
    try:
        report = patient.sync(treatment.rebuild)
    except RagloopError as error:
        return 0, (f"the sync that was to complete the repair ended: {error}",)
    return report.chunks_embedded, tuple(f"sync: {one}" for one in [*report.problems, *report.notices])


def _diagnosis(look: "_Look", findings: Sequence[Finding], started: float, notes: Sequence[str] = ()) -> Diagnosis:
    audit = look.audit or Audit()
    seconds = round(time.perf_counter() - started, 3)
    return Diagnosis(tuple(findings), audit.documents, audit.chunks, seconds=seconds, notes=tuple(notes))


def _writers(store: Store) -> tuple[str, ...]:
    """Who is writing: what a writer has not finished may be among the findings."""
    try:
        with store.lease("index"):
            return ()
    except StoreBusyError as error:
        return (f"{error}; what it has not finished may show here",)


class _Look:
    """One look at everything."""

    def __init__(self, patient: Patient) -> None:
        self._patient, self._store = patient, patient.store
        self._generations = Generations(patient.store)
        self.findings: list[Finding] = []
        self.treatment = Treatment()
        self.generation: Generation | None = None
        self.audit: Audit | None = None
        self.damaged_model: Path | None = None
        self.champion: str | None = None
        """The champion to roll back from."""
        self._lost: set[str] = set()

    def all(self) -> None:
        """Every check, in the order in which they rely on each other."""
        known = self._tables()
        self._adapters()
        if known is None:
            return
        active = self._generations.active_of(known)
        self.generation = active.generation if active else None
        self._model()
        self._known(known)
        if self.generation is not None:
            self._index(self.generation)
        self._leftovers(known)
        self._sources()
        self._shrunk()
        self._log()

    def _say(self, check: str, what: Sequence[str] | int, detail: str, repair: str) -> None:
        """Note a finding, if there is any of it; of many the first few are named."""
        names = [] if isinstance(what, int) else sorted(what)
        count = what if isinstance(what, int) else len(names)
        if not count:
            return
        more = f", and {count - _SHOWN} more" if count > _SHOWN else ""
        named = f": {', '.join(names[:_SHOWN])}{more}" if names else ""
        self.findings.append(Finding(check, count, detail + named, repair))

    # --- tables and generations ----------------------------------------------------------------------------------

    def _tables(self) -> Sequence[KnownGeneration] | None:
        """The known generations, on which all else rests; None where they cannot be told."""
        missing = missing_tables(self._store)
        damaged = {name for name in (*TABLES, "migrations") if name not in missing and not self._is_readable(name)}
        self._lost = missing | damaged
        only = "" if damaged.isdisjoint({*ANEW, GENERATIONS}) else f"; {_ONLY_THESE}"
        self._say("tables", list(damaged), "tables that cannot be read", f"none: {_EVIDENCE}{only}")
        self._say("lost-tables", list(missing - ANEW - {GENERATIONS}), "tables that are gone", f"none: {_EVIDENCE}")
        self.treatment.anew = missing & ANEW
        detail = "tables that are gone, with what they said of scans, syncs and measurements"
        self._say("missing-tables", list(self.treatment.anew), detail, "made anew, empty")
        if GENERATIONS in missing:
            return self._told_generations()
        return None if GENERATIONS in damaged else self._generations.all()

    def _adapters(self) -> None:
        """Files of adapters must be those that were registered, and the champion must be able to serve.

        Nothing of an adapter is removed: what is left of it, its row and its log say what it was.
        """
        registry = self._patient.registry
        if registry is None or self._lost & {"adapters", "aliases"}:
            return
        lost, champion_id = lost_adapters(registry), registry.champion_id()
        detail = "adapters whose files are gone or were changed, or of which the row is gone"
        self._say("adapters", lost, detail, f"none: retrain, or {_RESTORE}")
        _, trouble = registry.serving()
        if champion_id in lost:
            self.champion = champion_id
            repair = "rolled back to the newest adapter before it that can serve, or to the base model"
            self._say("champion", 1, f"the base model answers in place of the champion: {trouble}", repair)
        elif trouble:
            # Settings may be set back; who serves is a person's decision.
            self._say("champion", 1, f"the base model answers in place of the champion: {trouble}", "none: as it says")

    def _told_generations(self) -> Sequence[KnownGeneration] | None:
        told = told_generations(self._store, self._patient.wanted)
        if told.known is None:
            self._say("generations", 1, f"the table of generations is gone; {told.why}", f"none: {_OTHERWISE}")
            return None
        named = ", ".join(one.table for one in told.known) or "no index"
        detail = f"the table of generations is gone; found {named}"
        self._say(
            "generations",
            1,
            detail,
            "made anew: what the settings build is what answers" if told.known else "made anew",
        )
        self.treatment.generations = told.known
        return told.known

    def _is_readable(self, name: str) -> bool:
        try:
            self._must_have_columns(name)
            for _ in batches(self._store, name):
                pass
        except StoreDamagedError:
            return False
        return True

    def _must_have_columns(self, name: str) -> None:
        """Raises StoreDamagedError where a column is missing, as all are where a manifest is zeros."""
        schema = TABLES.get(name) or next((one(1) for kind, one in _SCHEMAS.items() if name.startswith(kind)), None)
        with self._store.errors():
            found = set(self._store.table(name).schema.names)
        missing = sorted(set(schema.names if schema else ["number"]) - found)
        if missing:
            raise damaged(f"the table {name} lacks the columns {', '.join(missing)}")

    def _known(self, known: Sequence[KnownGeneration]) -> None:
        """The generations that do not answer must be readable, the one that does must be made as this code does."""
        gone = [
            one.table for one in known if one.state == GenerationState.ACTIVE and not self._generations.is_held(one)
        ]
        self._say("generation", gone, "the table of the active generation is gone", "built anew by a sync")
        lost = self.generation is None and not gone and (known or self._store.names("index_"))
        self._say("generation", int(bool(lost)), "no generation answers", "built anew by a sync")
        beside = [one for one in known if one.state != GenerationState.ACTIVE and self._generations.is_held(one)]
        damaged = [one.table for one in beside if not self._is_readable(one.table)]
        self._say("kept-generations", damaged, "kept generations that are damaged", "set aside")
        self.treatment.damaged.update(damaged)
        active = self.generation
        if active and (active.parser != f"parser {PARSER}" or not active.chunker.startswith(f"chunker {CHUNKER}/")):
            detail = (
                f"made by {active.parser} and {active.chunker}; this ragloop has parser {PARSER}, chunker {CHUNKER}"
            )
            self._say("generation", 1, detail, "a sync builds a new one beside it")
        self.treatment.sync |= any(one.check == "generation" for one in self.findings)

    def _model(self) -> None:
        model = self._patient.model(self.generation)
        files = damaged_files(model) if model is not None else []
        self.damaged_model = model if files else None
        detail = f"files in {model} that are not as they were made"
        self._say("model", files, detail, "the folder is removed, and made anew by its next use")

    # --- the active index ------------------------------------------------------------------------------------------

    def _index(self, generation: Generation) -> None:
        index, patient = Index(self._store, generation), self._patient
        vectors = table_of(generation.embedder)
        if self._store.has(vectors) and not self._is_readable(vectors):
            self._say("tables", [vectors], "vectors that cannot be read", "taken from the index")
            self.treatment.aside.add(vectors)
        without = {vectors} & self.treatment.aside
        try:
            self._must_have_columns(generation.table)
            audit = Auditor(index, self._counter, use_stored=not without).run(patient.progress)
        except StoreDamagedError:
            self._say("index", [generation.table], "the index cannot be read", "built anew from stored vectors")
            self.treatment.rebuild = True
            return
        self.audit = audit
        self._rows(audit)
        self._vectors(audit)
        self._indexes(index, audit)

    def _counter(self) -> CountTokens | None:
        assert self.generation is not None
        try:
            return self._patient.open_embedder(self.generation).count_tokens
        except RagloopError:
            return None

    def _rows(self, audit: Audit) -> None:
        def keys(documents: set[str]) -> list[str]:
            return [audit.ledger[one]["key"] or one for one in documents if one in audit.ledger]

        self._say("doubled-rows", len(audit.doubled), "rows whose id stands twice", "all but one removed")
        self._say("ownerless-rows", list(audit.ownerless), "rows that no document of the ledger has", "removed")
        self._say("rows", keys(audit.rows), "documents whose chunks are not those that the ledger counts", _BY_SYNC)
        detail = "documents with chunks of another place, title or labels"
        self._say("descriptions", keys(audit.descriptions), detail, _BY_SYNC)
        self._say("texts", keys(audit.texts), "documents with chunks that were not embedded as they read", _BY_SYNC)
        self._say("vectors", keys(audit.vectors), "documents with chunks without a vector of unit length", _BY_SYNC)
        self._say("waiting", keys(audit.waiting), "documents that a repair left to the next sync", _BY_SYNC)
        self.treatment.sync |= bool(audit.wrong() or audit.waiting)

    def _vectors(self, audit: Audit) -> None:
        self._say("stored-vectors", len(audit.broken), "stored vectors that are not of unit length", "forgotten")
        detail = "strings of which the index has another vector than is stored"
        self._say("vectors-apart", len(audit.disagreeing), detail, "embedded again")
        self._say("unstored-vectors", len(audit.not_stored), "vectors that only the index has", "stored")

    def _indexes(self, index: Index, audit: Audit) -> None:
        if not audit.documents:
            return
        lacking = health.lacking_indexes(index)
        owners = sorted(set(audit.sample.values()))
        expected = {
            "deleted": ("NOT deleted", audit.documents + audit.chunks),
            "kind": ("kind = 'chunk'", audit.kinds["chunk"]),
            "source": (f"source IN ({quoted(['', *audit.sources])})", audit.sources.total()),
            "status": (f"status = '{CURRENT}'", audit.states[CURRENT]),
            "id": (f"id IN ({quoted(list(audit.sample))})", len(audit.sample)),
            "document_id": (f"document_id IN ({quoted(owners)})", sum(audit.rows_of[one] for one in owners)),
        }
        if audit.doubled or not audit.sample:
            expected = {name: one for name, one in expected.items() if not name.endswith("id")}
        tried = {name: one for name, one in expected.items() if name not in lacking}
        failing = health.failing_indexes(index, tried, audit.word)
        self._say("indexes", [*lacking, *failing], "indexes that are missing, stale or damaged", "made anew")
        self.treatment.reindex = [*lacking, *failing]

    # --- what is left over ---------------------------------------------------------------------------------------

    def _leftovers(self, known: Sequence[KnownGeneration]) -> None:
        named = {one.table for one in known}
        names = self._store.names("")
        empty = [one for one in names if not self._store.has(one) and one not in self.treatment.aside]
        orphans = {one for one in names if one.startswith("index_") and one not in named}.union(empty)
        self._say("orphan-tables", list(orphans), "tables that no generation names, or that have no version", _ASIDE)
        self.treatment.aside |= orphans
        readable = [one for one in names if one.startswith(("index_", "vectors_")) and one not in self.treatment.aside]
        files = [f"{name}/{file}" for name in readable for file in self._orphan_files(name)]
        self.treatment.clean = {one.partition("/")[0] for one in files} - self.treatment.damaged
        self._say("orphan-files", files, "files that no version of a table names", "removed by LanceDB's own cleanup")

    def _orphan_files(self, name: str) -> list[str]:
        """None while some are young: they may be those of a write under way, which a cleanup would take too."""
        files = self._store.nameless_files(name)
        return list(files) if files and min(files.values()) > GRACE.total_seconds() else []

    # --- sources and log -----------------------------------------------------------------------------------------

    def _sources(self) -> None:
        if self._patient.sources is None or self.audit is None:
            return
        differing: list[str] = []
        sources = self._patient.sources(self.generation)
        by_source: dict[str, dict[str, dict[str, Any]]] = {one.name: {} for one in sources}
        for row in self.audit.ledger.values():
            by_source.setdefault(row["source"], {})[row["key"]] = row
        for source in sources:
            try:
                differing += _differing(source, by_source.pop(source.name))
            except RagloopError as error:
                self._say(
                    "sources", 1, f"{source.name} cannot be listed: {error}", "none; --offline leaves sources out"
                )
        differing += [key for rows in by_source.values() for key in rows]
        detail = "documents that are not in the index as their source lists them"
        self._say("sources", differing, detail, "`ragloop sync`")
        self.treatment.sync |= bool(differing)

    def _shrunk(self) -> None:
        """An index that began anew may hold less than the one before it, which a sync withholds to call complete."""
        if self.audit is None or "reports" in self._lost:
            return
        found = Counter(row["source"] for row in self.audit.ledger.values())
        lost = {one: count - found[one] for one, count in unconfirmed(self._store).items() if count > found[one]}
        self._say(
            "lost-documents",
            sum(lost.values()),
            f"documents that were there before the index began anew, of {', '.join(sorted(lost))}",
            "a sync, once their source has them again; `ragloop sync --confirm-deletes` where they are to be gone",
        )

    def _log(self) -> None:
        where = self._store.home / "journal" / "unreadable.lines"
        repair = f"none: look at {where}, and remove it when it is of no use"
        self._say("log", Journal(self._store).unreadable(), "lines of the log that could not be read", repair)


def _differing(source: Source, ledger: dict[str, dict[str, Any]]) -> list[str]:
    """Keys that are listed and not in the ledger, the other way round, or of another stamp, place or labels.

    A stamp that is empty says nothing: its document waits to be read again.
    """
    found, left = [], set(ledger)
    for listed in source.list():
        left.discard(listed.key)
        row = ledger.get(listed.key)
        described = row is not None and (row["uri"], tuple(row["labels"] or ())) == (listed.uri, source.labels)
        if row is None or not described or (row["stamp"] and listed.stamp and bare_stamp(row["stamp"]) != listed.stamp):
            found.append(listed.key)
    return found + sorted(left)
