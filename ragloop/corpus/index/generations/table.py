"""The table `generations`: every generation of a store and its state.

    building ─whole─▶ ready ─cut-over─▶ active ─cut-over to another─▶ retired ─retention─▶ dropped
                                          │ ▲                            │
                                          │ └──────────rollback──────────┘
                                          └─rollback─▶ refused ─an operator's cut-over─▶ active

The first generation of a store is active from its start, so that documents appear early. Every change is one commit, so
that a reader sees one side of it and a process that is killed leaves one side of it. The row of a generation is written
after its table and removed before it: a table without a row is nobody's, and is set aside.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.errors import MismatchError
from ragloop.store import TABLES, Store, after, index_schema

_LEASE_WAIT_S = 30
"""Changes are single commits; who waits longer waits for a process that hangs."""


class Generations:
    """The generations of one store. Whoever changes any holds `lease`, and with it reads what the change rests on."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> list[KnownGeneration]:
        """Return every known generation, newest first."""
        rows = self.store.rows("generations").sort_by([("created_at", "descending")])
        return [_known(row) for row in rows.to_pylist()]

    def active(self) -> Generation | None:
        """Return the generation that answers; None when nothing was indexed yet."""
        known = self.active_of(self.all())
        return known.generation if known else None

    def active_of(self, known: Iterable[KnownGeneration]) -> KnownGeneration | None:
        """Return which of these generations answers."""
        return next((one for one in known if one.state == GenerationState.ACTIVE and self.is_held(one)), None)

    def is_held(self, known: KnownGeneration) -> bool:
        """Return whether its table exists. A refused generation is remembered after its table is dropped."""
        return self.store.tables.has(known.table)

    def lease(self) -> AbstractContextManager[None]:
        """Hold the right to change generations.

        Not the lease of the index: an operator can roll back while a build of hours holds that one.
        """
        return self.store.lease("generations", wait_s=_LEASE_WAIT_S)

    def make(self, wanted: Generation, state: GenerationState) -> Generation:
        """Make a new table, with a row that says so. Needs the lease."""
        known = self.all()
        taken = {one.table for one in known}
        made = replace(wanted, number=1)
        while made.table in taken:
            made = replace(made, number=made.number + 1)
        if self.store.tables.has(made.table):  # its row was lost
            self.store.tables.set_aside(made.table)
        else:
            self.store.tables.drop(made.table)
        self.store.tables.create(made.table, index_schema(made.dimension))
        now = self._next_moment(known)
        self.write([KnownGeneration(made, state, now, now if state == GenerationState.ACTIVE else None)])
        return made

    def switch(self, target: KnownGeneration, active: KnownGeneration | None, end: GenerationState) -> None:
        """Let the target answer in one commit; the active generation ends as `end`. Needs the lease.

        No refusal of the target's fingerprint is left.
        """
        known = self.all()
        now = self._next_moment(known)
        rows = [replace(target, state=GenerationState.ACTIVE, cut_over_at=now, ended_at=None)]
        if active is not None:
            rows.append(replace(active, state=end, ended_at=now))
        written = {one.table for one in rows}
        rows += [
            replace(one, state=GenerationState.RETIRED)
            for one in known
            if one.state == GenerationState.REFUSED
            and one.fingerprint == target.fingerprint
            and one.table not in written
        ]
        self.write(rows)

    def write(self, known: Sequence[KnownGeneration]) -> None:
        """Write the rows of these generations in one commit. Needs the lease."""
        self.store.upsert_rows("generations", [_row(one) for one in known])

    def drop(self, known: Iterable[KnownGeneration]) -> None:
        """Delete these generations, rows and tables. Needs the lease."""
        for one in known:
            self.store.delete("generations", f"table = '{one.table}'")
            self.store.tables.drop(one.table)

    def set_aside(self, known: Iterable[KnownGeneration]) -> None:
        """Delete the rows of these generations and set their tables aside. Needs the lease."""
        for one in known:
            self.store.delete("generations", f"table = '{one.table}'")
            self.store.tables.set_aside(one.table)

    def _next_moment(self, known: Iterable[KnownGeneration]) -> datetime:
        """Return now, or just after the last change where the clock was set back since: times say which came later."""
        times = (time for one in known for time in (one.created_at, one.cut_over_at, one.ended_at))
        return after(self.store.now(), (time for time in times if time is not None))


def restore_generations(store: Store, known: Sequence[KnownGeneration] = ()) -> None:
    """Make the table where it is gone, with these rows, in one commit."""
    with Generations(store).lease():
        if not store.tables.has("generations"):
            rows = [_row(one) for one in known]
            store.tables.replace("generations", pa.Table.from_pylist(rows, schema=TABLES["generations"]))


def set_damaged_aside(store: Store, tables: Collection[str]) -> None:
    """Set generations aside that do not answer and were found damaged, by their table. Needs the index lease."""
    generations = Generations(store)
    with generations.lease():
        known = generations.all()
        generations.set_aside([one for one in known if one.table in tables and one.state != GenerationState.ACTIVE])


def newest_ended(known: Iterable[KnownGeneration], state: GenerationState) -> list[KnownGeneration]:
    """Return the generations in this state, which ended last first."""
    return sorted((one for one in known if one.state == state), key=_end, reverse=True)


def _end(known: KnownGeneration) -> datetime:
    return known.end


def _known(row: dict[str, Any]) -> KnownGeneration:
    names = ("parser", "chunker", "embedder", "dimension", "embedder_name", "embedder_backend", "number")
    times = (row["created_at"], row["cut_over_at"], row["ended_at"])
    return KnownGeneration(Generation(*(row[name] for name in names)), _state(row), *times)


def _state(row: dict[str, Any]) -> GenerationState:
    try:
        return GenerationState(row["state"])
    except ValueError:
        raise MismatchError(
            f"the generation {row['table']} is in the state {row['state']!r}, expected one of "
            f"{', '.join(GenerationState)}: another ragloop made this home; open it with that one, or index the "
            "sources into a new --home"
        ) from None


def _row(known: KnownGeneration) -> dict[str, Any]:
    made = known.generation
    return {
        "table": known.table,
        "fingerprint": known.fingerprint,
        "state": known.state.value,
        "parser": made.parser,
        "chunker": made.chunker,
        "embedder": made.embedder,
        "dimension": made.dimension,
        "embedder_name": made.embedder_name,
        "embedder_backend": made.embedder_backend,
        "number": made.number,
        "created_at": known.created_at,
        "cut_over_at": known.cut_over_at,
        "ended_at": known.ended_at,
    }
