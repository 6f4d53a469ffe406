"""The generations of a store, and what their table must have held where that table is gone.

What people asked, said and decided, and what was trained on it, stands in its tables only. Those are never recreated,
since an empty one would pass for a log in which nothing was asked.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ragloop.catalogue import Recreation
from ragloop.corpus.doctor.tables import ExaminedTables, is_readable
from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.corpus.index.generations.table import Generations
from ragloop.errors import RagloopError
from ragloop.store import Store


@dataclass(frozen=True)
class Reconstruction:
    """The rows that the table of generations must have held; None where nobody can say, and `why` says so."""

    known: tuple[KnownGeneration, ...] | None
    why: str = ""


def reconstructed_generations(store: Store, wanted: Callable[[], Generation]) -> Reconstruction:
    """Reconstruct the table of generations from the indexes that are there and what the settings build.

    An index table is named by a hash of its build parameters. If the hash of the current settings matches, its row is
    known. The only index of a store is the one that answers; of several nobody knows which does.
    """
    tables = [one for one in store.tables.names("index_") if store.tables.has(one)]
    if not tables:
        return Reconstruction(())
    if len(tables) > 1:
        return Reconstruction(None, f"of {', '.join(tables)} nobody knows which answers")
    try:
        made = wanted()
    except RagloopError as error:
        return Reconstruction(None, f"what built {tables[0]} is unknown, since what the settings build is: {error}")
    named = re.fullmatch(rf"{made.table}(?:_(\d+))?", tables[0])
    if named is None:
        return Reconstruction(
            None, f"what built {tables[0]} is unknown: the settings, which may have changed, build {made.table}"
        )
    now = store.now()
    return Reconstruction(
        (KnownGeneration(replace(made, number=int(named[1] or 1)), GenerationState.ACTIVE, now, now),)
    )


@dataclass(frozen=True)
class ExaminedGenerations:
    """The generations of a store. `wanted`: what the settings build an index with."""

    tables: ExaminedTables
    wanted: Callable[[], Generation]

    @property
    def _generations(self) -> Generations:
        return Generations(self.tables.store)

    def is_held(self, known: KnownGeneration) -> bool:
        """Return whether the table of a generation is there."""
        return self._generations.is_held(known)

    @cached_property
    def reconstruction(self) -> Reconstruction | None:
        """Return what the table of generations must have held, where that table is gone."""
        gone = self.tables.missing & self.tables.recreatable(Recreation.FROM_INDEXES)
        return reconstructed_generations(self.tables.store, self.wanted) if gone else None

    @cached_property
    def known(self) -> Sequence[KnownGeneration] | None:
        """Return the known generations; None where nobody can say which there are."""
        if self.reconstruction is not None:
            return self.reconstruction.known
        unreadable = self.tables.unreadable & self.tables.recreatable(Recreation.FROM_INDEXES)
        return None if unreadable else self._generations.all()

    @cached_property
    def active(self) -> Generation | None:
        """Return the generation that answers."""
        found = self._generations.active_of(self.known or ())
        return found.generation if found is not None else None

    @cached_property
    def damaged_beside(self) -> frozenset[str]:
        """Return the tables of generations that do not answer and cannot be read."""
        beside = [one for one in self.known or () if one.state != GenerationState.ACTIVE and self.is_held(one)]
        return frozenset(one.table for one in beside if not is_readable(self.tables.store, one.table))
