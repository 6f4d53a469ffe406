"""Tables that were dropped behind ragloop's back: which of them can be made anew, and of what.

What people asked, said and decided, and what was trained of it, stands in its tables only: these are never made anew,
since an empty one would pass for a log in which nothing was asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.errors import RagloopError
from ragloop.store import TABLES, Store

GENERATIONS = "generations"
ANEW = frozenset({"reports"})
"""Made anew empty: the next scan of a source, sync and measurement write their rows again."""


@dataclass(frozen=True)
class Told:
    """What the table of generations must have said; `known` is None where that cannot be told, and `why` says so."""

    known: tuple[KnownGeneration, ...] | None
    why: str = ""


def missing_tables(store: Store) -> set[str]:
    """Names of the tables of fixed schema that are not there; every store has all of them."""
    return {name for name in TABLES if not store.has(name)}


def told_generations(store: Store, wanted: Callable[[], Generation]) -> Told:
    """What the table of generations must have said, from the indexes that are there and what the settings build.

    The name of an index is a hash over all that its row says of how it is built: where it is that of what the settings
    build, the row is known. The only index of a store is the one that answers. Of several nobody knows which does.
    """
    tables = [one for one in store.names("index_") if store.has(one)]
    if not tables:
        return Told(())
    if len(tables) > 1:
        return Told(None, f"of {', '.join(tables)} nobody knows which answers")
    try:
        made = wanted()
    except RagloopError as error:
        return Told(None, f"what built {tables[0]} is unknown, since what the settings build is: {error}")
    named = re.fullmatch(rf"{made.table}(?:_(\d+))?", tables[0])
    if named is None:
        return Told(
            None, f"what built {tables[0]} is unknown: the settings, which may have changed, build {made.table}"
        )
    now = store.now()
    return Told((KnownGeneration(replace(made, number=int(named[1] or 1)), GenerationState.ACTIVE, now, now),))
