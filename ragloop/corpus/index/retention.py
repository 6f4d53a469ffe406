"""Drop what is past its retention: tables of generations that nobody needs, vectors that were unused for long, and the
recognised text of images that no document rests on.

A vector is not dropped when its last chunk goes: an edit that is reverted, or a generation that is gone back to, finds
it again. So the time counts from when it was first seen unused, which is looked for now and then.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.index.generations.generation import GenerationState, KnownGeneration
from ragloop.corpus.index.generations.table import Generations, newest_ended
from ragloop.corpus.index.predicates import CHUNKS
from ragloop.corpus.index.vectors import table_of, tidy
from ragloop.corpus.parsing.pages.recognised import FOLDER, file_of
from ragloop.errors import StoreDamagedError
from ragloop.reports import Report, Reports
from ragloop.store import Store, quoted

GRACE = timedelta(hours=1)
"""A query that began before a cut-over may still read the table that it came from."""
LOOKS = 30
"""Unused vectors are looked for so often within their retention: by default once a day, for 0.5 s CPU per million."""
LOOKED = "vectors"
"""The kind of report that says when unused vectors were last looked for."""
_PART = 1000
_FOLLOWS_SOURCES = (GenerationState.ACTIVE, GenerationState.BUILDING, GenerationState.READY)


def drop_expired(reports: Reports, keep_generation: timedelta, keep_vectors: timedelta) -> None:
    """Drop what is due, and keep the tables of vectors quick. Needs the index lease."""
    store = reports.store
    now, generations = store.now(), Generations(store)
    drop_ended(generations, keep_generation, now)
    drop_unnamed_pages(generations)
    look = _is_due(reports, keep_vectors / LOOKS, now)
    held = [one for one in generations.all() if generations.is_held(one)] if look else []
    for name in filter(store.tables.has, store.tables.names("vectors_")):
        # A table that is damaged is set aside by whoever needs a vector of it.
        with suppress(StoreDamagedError):
            if look:
                _drop_unused_vectors(store, name, _used(store, name, held), keep_vectors, now)
            tidy(store, name)
    store.tables.expire_aside(max(keep_generation, keep_vectors))
    if look:
        reports.put(Report(LOOKED, "", now, {}))


def drop_ended(generations: Generations, keep: timedelta, now: datetime) -> None:
    """Drop the tables that nobody needs: ended longer ago than `keep`, all but the newest retired.

    None is dropped within GRACE. A refused generation stays refused when its table is gone. A table that no row
    names is set aside: the row may have been lost. Needs the index lease.
    """
    store = generations.store
    with generations.lease():
        known = generations.all()
        due = _due(known, keep, now)
        generations.drop(one for one in due if one.state == GenerationState.RETIRED)
        there = store.tables.names("index_")
        for one in due:
            if one.table in there and one.state == GenerationState.REFUSED:
                store.tables.drop(one.table)
        for table in set(there) - {one.table for one in known}:
            store.tables.set_aside(table)


def drop_unnamed_pages(generations: Generations) -> None:
    """Delete what is kept of images that no document rests on. Needs the index lease, with nothing left to commit."""
    for file in unnamed_pages(generations):
        file.unlink(missing_ok=True)


def unnamed_pages(generations: Generations) -> list[Path]:
    """List what is kept of images that no document rests on, in any index that answers or is built.

    None where one of these is damaged: nobody knows what it names.
    """
    folder = generations.store.home / FOLDER
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    try:
        named = _named_pages(generations) if files else set()
    except StoreDamagedError:
        return []
    return [file for file in files if file.name not in named]


def _named_pages(generations: Generations) -> set[str]:
    named: set[str] = set()
    for one in generations.all():
        if one.is_in(*_FOLLOWS_SOURCES) and generations.is_held(one):
            rows = generations.store.rows(one.table, "cardinality(recognised) > 0", ["recognised"])
            named.update(map(file_of, pc.list_flatten(rows["recognised"]).to_pylist()))
    return named


def _due(known: Sequence[KnownGeneration], keep: timedelta, now: datetime) -> list[KnownGeneration]:
    """Return what ended longer ago than it is kept for: the newest retired one and refusals for `keep`."""
    newest = newest_ended(known, GenerationState.RETIRED)[:1]
    kept_longer = [*newest, *(one for one in known if one.state == GenerationState.REFUSED)]
    ended = [one for one in known if one.is_in(GenerationState.RETIRED, GenerationState.REFUSED)]
    return [one for one in ended if now - one.end > (max(keep, GRACE) if one in kept_longer else GRACE)]


def _is_due(reports: Reports, every: timedelta, now: datetime) -> bool:
    last = reports.latest(LOOKED)
    return last is None or now - last.at >= every


def _used(store: Store, name: str, held: Sequence[KnownGeneration]) -> pa.Array:
    """Read the hashes of the strings whose vectors in this table a kept generation uses."""
    tables = [one.table for one in held if table_of(one.generation.embedder) == name]
    columns = [store.rows(table, CHUNKS, ["text_hash"])["text_hash"] for table in tables]
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()).unique()


def _drop_unused_vectors(store: Store, name: str, used: pa.Array, keep: timedelta, now: datetime) -> None:
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
