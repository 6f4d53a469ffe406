"""What maintenance lets go: tables of generations that nobody needs, and vectors that no generation has used for long.

A vector is not dropped when its last chunk goes: an edit that is reverted, or a generation that is gone back to, finds
it again. So the time counts from when it was first seen unused, which is looked for now and then.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.index.generation import KnownGeneration
from ragloop.corpus.index.generations import GRACE, Generations
from ragloop.corpus.index.vectors import table_of, tidy
from ragloop.errors import StoreDamagedError
from ragloop.reports import Report, Reports
from ragloop.store import Store, quoted

LOOKS = 30
"""Unused vectors are looked for so often within their retention: by default once a day, for 0.5 s CPU per million."""
_LOOKED = "vectors"
"""The kind of report that says when unused vectors were last looked for."""
_PART = 1000


def let_go(store: Store, keep_generation: timedelta, keep_vectors: timedelta) -> None:
    """Drop what is due, and keep the tables of vectors quick. Needs the index lease."""
    now = store.now()
    generations = Generations(store)
    generations.let_go(keep_generation, now)
    look = _is_due(store, keep_vectors / LOOKS, now)
    held = [one for one in generations.all() if generations.is_held(one)] if look else []
    for name in filter(store.tables.has, store.tables.names("vectors_")):
        # A table that is damaged is set aside by whoever needs a vector of it.
        with suppress(StoreDamagedError):
            if look:
                _let_go_of_vectors(store, name, _used(store, name, held), keep_vectors, now)
            tidy(store, name)
    store.tables.expire_aside(max(keep_generation, keep_vectors))
    if look:
        Reports(store).put(Report(_LOOKED, "", now, {}))


def _is_due(store: Store, every: timedelta, now: datetime) -> bool:
    last = Reports(store).latest(_LOOKED)
    return last is None or now - last.at >= every


def _used(store: Store, name: str, held: Sequence[KnownGeneration]) -> pa.Array:
    """Hashes of the strings whose vectors in this table a kept generation uses."""
    tables = [one.table for one in held if table_of(one.generation.embedder) == name]
    columns = [store.rows(table, "kind = 'chunk' AND live", ["text_hash"])["text_hash"] for table in tables]
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()).unique()


def _let_go_of_vectors(store: Store, name: str, used: pa.Array, keep: timedelta, now: datetime) -> None:
    rows = store.rows(name, columns=["text_hash", "unused_since"])
    if rows.num_rows == 0:
        return
    in_use, noted = pc.is_in(rows["text_hash"], value_set=used), pc.is_valid(rows["unused_since"])
    _note(store, name, rows.filter(pc.and_(in_use, noted)), None)
    _note(store, name, rows.filter(pc.invert(pc.or_(in_use, noted))), now)
    expired = f"unused_since <= timestamp '{(now - keep).isoformat()}'"
    if store.count(name, expired):
        store.delete(name, expired)
        with store.writing("optimize", name):
            store.table(name).optimize(cleanup_older_than=GRACE)


def _note(store: Store, name: str, rows: pa.Table, unused_since: datetime | None) -> None:
    for first in range(0, rows.num_rows, _PART):
        hashes = rows["text_hash"].slice(first, _PART).to_pylist()
        with store.writing("update", name):
            store.table(name).update(where=f"text_hash IN ({quoted(hashes)})", values={"unused_since": unused_since})
