"""Generations of the index: which one answers, which is being built, which are kept, and the changes between them.

    building ─whole─▶ ready ─cut-over─▶ live ─cut-over to another─▶ retired ─retention─▶ dropped
                                         │ ▲                           │
                                         │ └──────────rollback─────────┘
                                         └─rollback─▶ refused ─an operator's cut-over─▶ live

The first generation of a store is live from its start, so that documents appear early. Every change is one commit, so
that a reader sees one side of it and a process that is killed leaves one side of it. The row of a generation is written
after its table and removed before it: a table without a row is nobody's, and is set aside.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from ragloop.corpus.index.generation import (
    BUILDING,
    LIVE,
    READY,
    REFUSED,
    RETIRED,
    Generation,
    KnownGeneration,
    Situation,
    Step,
    next_step,
)
from ragloop.errors import MismatchError, NotFoundError
from ragloop.store import TABLES, Store, after, index_schema

GRACE = timedelta(hours=1)
"""A query that began before a cut-over may still read the table that it came from."""
_LEASE_WAIT_S = 30
"""Changes are single commits; who waits longer waits for a process that hangs."""


@dataclass(frozen=True)
class Aim:
    """What a sync works on. `begins_anew`: the live one was made for it; `refused`: what the settings ask for is."""

    live: Generation
    building: Generation | None = None
    begins_anew: bool = False
    refused: bool = False


class Generations:
    """The generations of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[KnownGeneration]:
        """Every known generation, newest first."""
        rows = self._store.rows("generations").sort_by([("created_at", "descending")])
        return [_known(row) for row in rows.to_pylist()]

    def live(self) -> Generation | None:
        """The one that answers; None when nothing was indexed yet."""
        return self.live_of(self.all())

    def live_of(self, known: Iterable[KnownGeneration]) -> Generation | None:
        """The one of these that answers."""
        live = self._live(known)
        return live.generation if live else None

    def is_held(self, known: KnownGeneration) -> bool:
        """Whether its table is there: that of a refused one is dropped in time, while the refusal stays."""
        return self._store.tables.has(known.table)

    def builds(self, wanted: Generation, *, rebuild: bool = False) -> bool:
        """Whether a sync with these settings would build a generation beside the live one."""
        return self._next_step(wanted, rebuild=rebuild).builds

    def begun_since(self, at: datetime) -> bool:
        """Whether a generation was begun since then; that of a rebuild that was asked for then is one."""
        return any(one.created_at >= at for one in self.all())

    def begin(self, wanted: Generation, *, rebuild: bool = False) -> Aim:
        """Make what a sync with these settings works on, or find what another left; see `next_step`.

        Needs the index lease.
        """
        with self._lease():
            step = self._next_step(wanted, rebuild=rebuild)
            if step.live is None:
                self._set_aside(step.abandoned)
                return Aim(self._made(wanted, LIVE), begins_anew=True)
            self._forget(step.abandoned)
            live = self._named(step.live, wanted).generation
            if not step.builds:
                return Aim(live, refused=step.situation is Situation.REFUSED)
            if step.building is None:
                return Aim(live, self._made(wanted, BUILDING))
            building = self._named(step.building, wanted)
            if step.situation is Situation.KEPT:
                self._write([replace(building, state=BUILDING)])
            return Aim(live, building.generation)

    def mark(self, generation: Generation, *, ready: bool) -> None:
        """Note whether a generation that is being built holds all of its sources."""
        state = READY if ready else BUILDING
        with self._lease():
            known = self._built(generation)
            if known.state not in (LIVE, state):
                self._write([replace(known, state=state)])

    def cut_over(self, built: Generation, *, damaged: bool = False) -> None:
        """Let a generation that was built answer from now on, in one commit; the live one is kept for a rollback.

        `damaged`: the live one was found damaged and is set aside. Raises MismatchError when the generation is gone.
        """
        with self._lease():
            known = self.all()
            live, target = self._live(known), self._built(built)
            if target.state == LIVE:
                return
            self._switch(target, live, RETIRED, known)
            if damaged and live is not None:
                self._set_aside([live])

    def cut_over_to(self, wanted: str | None) -> tuple[Generation, Generation]:
        """An operator's cut-over, by fingerprint or table; without one to what is ready, else to what was refused.

        Returns the generation that answers now and the one that did. Raises NotFoundError, MismatchError.
        """
        with self._lease():
            known = self.all()
            live = self._required_live(known)
            target = self._asked_for(known, wanted)
            self._switch(target, live, RETIRED, known)
            return target.generation, live.generation

    def roll_back(self) -> tuple[Generation, Generation]:
        """Let the generation that answered before answer again; the live one is refused until a person cuts over to it.

        Returns the generation that answers now and the one that did. Raises NotFoundError.
        """
        with self._lease():
            known = self.all()
            live = self._required_live(known)
            target = next(iter(_newest_ended(known, RETIRED)), None)
            if target is None or not self.is_held(target):
                raise NotFoundError(
                    "found no retired generation to go back to; `ragloop index list` shows what there is"
                )
            self._switch(target, live, REFUSED, known)
            return target.generation, live.generation

    def let_go(self, keep: timedelta, now: datetime) -> None:
        """Drop the tables that nobody needs: ended longer ago than `keep`, all but the newest retired.

        None is dropped within GRACE. A refused generation stays refused when its table is gone. A table that no row
        names is set aside: the row may have been lost. Needs the index lease.
        """
        with self._lease():
            known = self.all()
            newest = _newest_ended(known, RETIRED)[:1]
            ended = [one for one in known if one.state in (RETIRED, REFUSED)]
            due = [one for one in ended if now - _end(one) > _held_for(one, one in newest, keep)]
            self._forget(one for one in due if one.state == RETIRED)
            there = self._store.tables.names("index_")
            for one in due:
                if one.table in there and one.state == REFUSED:
                    self._store.tables.drop(one.table)
            for table in set(there) - {one.table for one in known}:
                self._store.tables.set_aside(table)

    def set_aside(self, tables: Collection[str]) -> None:
        """Set these generations aside, which do not answer and were found damaged. Needs the index lease."""
        with self._lease():
            self._set_aside([one for one in self.all() if one.table in tables and one.state != LIVE])

    def make_anew(self, known: Sequence[KnownGeneration] = ()) -> None:
        """Make the table, where it is gone, with these rows, in one commit."""
        with self._lease():
            if not self._store.tables.has("generations"):
                rows = [_row(one) for one in known]
                self._store.tables.replace("generations", pa.Table.from_pylist(rows, schema=TABLES["generations"]))

    # --- the parts of a change; the caller holds the lease --------------------------------------------------------

    def _lease(self) -> AbstractContextManager[None]:
        """Not the lease of the index: an operator can roll back while a build of hours holds that one."""
        return self._store.lease("generations", wait_s=_LEASE_WAIT_S)

    def _next_step(self, wanted: Generation, *, rebuild: bool) -> Step:
        known = self.all()
        tables = frozenset(one.table for one in known if self.is_held(one))
        return next_step(known, wanted, tables=tables, rebuild=rebuild)

    def _live(self, known: Iterable[KnownGeneration]) -> KnownGeneration | None:
        return next((one for one in known if one.state == LIVE and self.is_held(one)), None)

    def _required_live(self, known: Iterable[KnownGeneration]) -> KnownGeneration:
        live = self._live(known)
        if live is None:
            raise NotFoundError(f"found no index in {self._store.home}; `ragloop sync DIR` makes one")
        return live

    def _built(self, generation: Generation) -> KnownGeneration:
        """The row of a generation that is being built; live where an operator has cut over to it meanwhile."""
        for one in self.all():
            if one.table == generation.table and one.state in (BUILDING, READY, LIVE):
                return one
        raise MismatchError(f"generation {generation} is not being built any more; run `ragloop sync` again")

    def _asked_for(self, known: Sequence[KnownGeneration], wanted: str | None) -> KnownGeneration:
        """The generation that an operator names, if it can answer."""
        if wanted is None:
            offered = [one for one in known if one.state == READY] or _newest_ended(known, REFUSED)
        else:
            offered = [one for one in known if wanted in (one.fingerprint, one.table) and one.state != LIVE]
        offered = sorted(offered, key=lambda one: one.state != READY)
        if not offered or not self.is_held(offered[0]):
            raise NotFoundError(
                f"found no generation {wanted or 'to cut over to'} beside the live one; `ragloop index list` names "
                "those there are, `ragloop sync` builds what the settings ask for, with --rebuild also what was refused"
            )
        if offered[0].state == BUILDING:
            raise MismatchError(f"generation {offered[0].fingerprint} is not complete; `ragloop sync` goes on with it")
        return offered[0]

    def _switch(
        self, target: KnownGeneration, live: KnownGeneration | None, end: str, known: Iterable[KnownGeneration]
    ) -> None:
        """One commit: the target answers, the live one ends, and no refusal of the target's fingerprint is left."""
        known = tuple(known)
        now = self._next_moment(known)
        rows = [replace(target, state=LIVE, cut_over_at=now, ended_at=None)]
        if live is not None:
            rows.append(replace(live, state=end, ended_at=now))
        written = {one.table for one in rows}
        rows += [
            replace(one, state=RETIRED)
            for one in known
            if one.state == REFUSED and one.fingerprint == target.fingerprint and one.table not in written
        ]
        self._write(rows)

    def _next_moment(self, known: Iterable[KnownGeneration]) -> datetime:
        """Now, or just after the last change where the clock was set back since: which came later is told by times."""
        times = (time for one in known for time in (one.created_at, one.cut_over_at, one.ended_at))
        return after(self._store.now(), (time for time in times if time is not None))

    def _made(self, wanted: Generation, state: str) -> Generation:
        """A new table, with a row that says so."""
        known = self.all()
        taken = {one.table for one in known}
        made = replace(wanted, number=1)
        while made.table in taken:
            made = replace(made, number=made.number + 1)
        if self._store.tables.has(made.table):  # its row was lost
            self._store.tables.set_aside(made.table)
        else:
            self._store.tables.drop(made.table)
        self._store.tables.create(made.table, index_schema(made.dimension))
        now = self._next_moment(known)
        self._write([KnownGeneration(made, state, now, now if state == LIVE else None)])
        return made

    def _named(self, known: KnownGeneration, wanted: Generation) -> KnownGeneration:
        """The generation with the embedder's name of the settings, where both are built by the same embedder."""
        name, backend = wanted.embedder_name, wanted.embedder_backend
        before = known.generation
        if before.embedder != wanted.embedder or (before.embedder_name, before.embedder_backend) == (name, backend):
            return known
        known = replace(known, generation=replace(before, embedder_name=name, embedder_backend=backend))
        self._write([known])
        return known

    def _write(self, known: Sequence[KnownGeneration]) -> None:
        self._store.upsert_rows("generations", [_row(one) for one in known])

    def _forget(self, known: Iterable[KnownGeneration]) -> None:
        for one in known:
            self._store.delete("generations", f"table = '{one.table}'")
            self._store.tables.drop(one.table)

    def _set_aside(self, known: Iterable[KnownGeneration]) -> None:
        for one in known:
            self._store.delete("generations", f"table = '{one.table}'")
            self._store.tables.set_aside(one.table)


def _newest_ended(known: Iterable[KnownGeneration], state: str) -> list[KnownGeneration]:
    return sorted((one for one in known if one.state == state), key=_end, reverse=True)


def _end(known: KnownGeneration) -> datetime:
    return known.ended_at or known.created_at


def _held_for(known: KnownGeneration, newest: bool, keep: timedelta) -> timedelta:
    return max(keep, GRACE) if newest or known.state == REFUSED else GRACE


def _known(row: dict[str, Any]) -> KnownGeneration:
    names = ("parser", "chunker", "embedder", "dimension", "embedder_name", "embedder_backend", "number")
    times = (row["created_at"], row["cut_over_at"], row["ended_at"])
    return KnownGeneration(Generation(*(row[name] for name in names)), row["state"], *times)


def _row(known: KnownGeneration) -> dict[str, Any]:
    made = known.generation
    return {
        "table": known.table,
        "fingerprint": known.fingerprint,
        "state": known.state,
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
