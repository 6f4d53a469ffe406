"""The index that answers, opened once for each of its versions: to open tables takes as long as to search them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lancedb.table import Table

from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.searching.side_by_side import asynchronous, side_by_side
from ragloop.corpus.index.table import ActiveIndex, Index
from ragloop.errors import RagloopError
from ragloop.models import Embedder
from ragloop.store import Store

REOPENED_S = 5.0
"""After so long it is looked whether tables are still the same: those of a store that is restored in place may have
their old versions. What was learnt of a snapshot is worth more than opening it, so the same one goes on where it is."""

_VERSIONS = ".lance/_versions/"


@dataclass(frozen=True)
class _Opened:
    """Tables as they were found at `at`; versions are asked of `generations` and `index`, which follow all commits."""

    at: float
    generations: Table
    switched: int
    index: Table
    version: int
    active: ActiveIndex
    manifests: Mapping[str, str]


class NewestIndex:
    """What answers now. Threads may share it.

    Every commit and every cut-over that ended before `active` is called is seen: their versions are compared.
    """

    def __init__(
        self,
        store: Store,
        answering: Callable[[], Index],
        embedder_of: Callable[[Generation], Embedder],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`answering()` reads which index answers; see Parts.index."""
        self._store, self._answering, self._embedder_of, self._seconds = store, answering, embedder_of, seconds
        self._opened: _Opened | None = None
        self._opening = threading.Lock()

    def active(self) -> ActiveIndex:
        """Return a snapshot of the index that answers. Raises as `answering` and `embedder_of` do."""
        if (known := self._current()) is not None:
            return known.active
        with self._opening:
            if (known := self._current()) is None:
                known = self._opened = self._again() or self._open()
            return known.active

    def _again(self) -> _Opened | None:
        """Return what is open, where nothing was committed and no file of a commit was written anew."""
        known = self._opened
        if known is None or not self._is_unmoved(known):
            return None
        try:
            same = self._manifests(known.index.name) == known.manifests
        except RagloopError:
            return None
        return replace(known, at=self._seconds()) if same else None

    def _manifests(self, table: str) -> Mapping[str, str]:
        """Return the stamps of the files that make the commits to the index and to `generations`."""
        files = self._store.files
        found = {**files.list(f"generations{_VERSIONS}"), **files.list(f"{table}{_VERSIONS}")}
        return {name: one.stamp for name, one in found.items()}

    def _current(self) -> _Opened | None:
        known = self._opened
        if known is None or self._seconds() - known.at >= REOPENED_S or not self._is_unmoved(known):
            return None
        return known

    def _is_unmoved(self, known: _Opened) -> bool:
        try:
            with self._store.errors():
                versions = side_by_side([asynchronous(one).version() for one in (known.generations, known.index)])
        except RagloopError:  # a table that is gone is opened anew, which says what there is to say
            return False
        return versions == [known.switched, known.version]

    def _open(self) -> _Opened:
        at, generations = self._seconds(), self._store.table("generations")
        with self._store.errors():
            switched = generations.version
        index = self._answering()
        manifests = self._manifests(index.generation.table)
        snapshot = index.snapshot()
        table = self._store.table(index.generation.table)
        active = ActiveIndex(snapshot, self._embedder_of(index.generation))
        return _Opened(at, generations, switched, table, snapshot.version[1], active, manifests)
