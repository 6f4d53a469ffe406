"""Maintain the whole store; a sync maintains only what it works on, and only where it is due.

Every table is compacted, tombstones go, indexes take in what is outside them, and versions older than an hour are
removed; generations and vectors go after their retention. What is tidy already is left as it is: the files of a table
that nothing wrote to are the same before and after, and a backup need not copy them again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from lancedb.table import Table

from ragloop.catalogue import Derived, lease_of
from ragloop.corpus.index.retention import drop_expired
from ragloop.corpus.index.search_indexes import maintain, remove_tombstones
from ragloop.errors import StoreDamagedError
from ragloop.journal import Journal
from ragloop.reports import Reports
from ragloop.store import Store
from ragloop.store.files import Found
from ragloop.store.upkeep import KEPT_VERSIONS
from ragloop.store.versions import version_of

_HELD_FOR_LONG = ("index", "retraining")
"""Not waited for here: maintenance holds the one itself, and a training holds the other for hours. What a training
appends while its table is compacted is kept by LanceDB."""
_LEASE_WAIT_S = 60
Progress = Callable[[int, int, str], None]
"""Called with tables done, tables to do, and the name of the next."""


@dataclass(frozen=True)
class TableUpkeep:
    """One table before and after."""

    name: str
    rows: int
    files_before: int
    files: int
    bytes_before: int
    bytes: int
    versions_removed: int


@dataclass(frozen=True)
class Upkeep:
    """What was done. `dropped`: tables of generations that were dropped. `problems`: tables that cannot be read."""

    tables: tuple[TableUpkeep, ...]
    dropped: tuple[str, ...]
    folded: int
    seconds: float
    problems: tuple[str, ...] = ()

    @property
    def versions_removed(self) -> int:
        """Add up over all tables."""
        return sum(one.versions_removed for one in self.tables)

    @property
    def bytes_freed(self) -> int:
        """Add up over all tables; negative where indexes took in more than was removed."""
        return sum(one.bytes_before - one.bytes for one in self.tables)


def maintain_store(
    store: Store,
    derived: Sequence[Derived],
    keep_generation: timedelta,
    keep_vectors: timedelta,
    progress: Progress,
) -> Upkeep:
    """Maintain every table. Raises StoreBusyError while another process writes the index."""
    started = time.perf_counter()
    folded = _folded(store)
    tables, problems = [], []
    with store.lease("index"):
        before = set(filter(store.tables.has, store.tables.names("")))
        drop_expired(Reports(store), keep_generation, keep_vectors)
        names = sorted(filter(store.tables.has, store.tables.names("")))
        for done, name in enumerate(names):
            progress(done, len(names), name)
            try:
                with _lease(store, lease_of(derived, name)):
                    tables.append(_table(store, name))
            except StoreDamagedError:
                problems.append(f"the table {name} cannot be read; `ragloop doctor` says what is damaged")
        progress(len(names), len(names), "")
    seconds = round(time.perf_counter() - started, 3)
    return Upkeep(tuple(tables), tuple(sorted(before - set(names))), folded, seconds, tuple(problems))


def _folded(store: Store) -> int:
    """Fold the journal, and count its entries; none where a table cannot be read, which is a problem of that table."""
    try:
        return Journal(store).fold()
    except StoreDamagedError:
        return 0


def _lease(store: Store, lease: str) -> AbstractContextManager[None]:
    return nullcontext() if lease in ("", *_HELD_FOR_LONG) else store.lease(lease, wait_s=_LEASE_WAIT_S)


def _table(store: Store, name: str) -> TableUpkeep:
    before = _files(store, name)
    table = store.table(name)
    if name.startswith("index_"):
        if store.count(name, "deleted"):
            remove_tombstones(store, name)
        maintain(store, name, committed=True)
    with store.errors():
        untidy = _is_untidy(table, before)
    if untidy:
        with store.writing("optimize", name):
            table.optimize(cleanup_older_than=KEPT_VERSIONS)
    after = _files(store, name)
    gone = sum(1 for one in before if version_of(one) and one not in after)
    return TableUpkeep(
        name,
        store.count(name),
        len(before),
        len(after),
        sum(one.bytes for one in before.values()),
        sum(one.bytes for one in after.values()),
        gone,
    )


def _files(store: Store, name: str) -> dict[str, Found]:
    top = f"{name}.lance/"
    with store.errors():
        return {path.removeprefix(top): found for path, found in store.files.list(top).items()}


def _is_untidy(table: Table, files: dict[str, Found]) -> bool:
    """Return whether there is something to compact, to index or to remove."""
    old = [one for one, found in files.items() if version_of(one) and found.age_s > KEPT_VERSIONS.total_seconds()]
    outside = any(index.num_unindexed_rows for index in table.list_indices())
    stats = cast("Mapping[str, Any]", table.stats())  # it is annotated as a class that it is not
    return outside or len(old) > 1 or stats["fragment_stats"]["num_fragments"] > 1
