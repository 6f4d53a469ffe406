"""The tables of a store: which there are, how their rows are read, and how one is made, opened and removed."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

import lancedb
import pyarrow as pa
from lancedb.background_loop import LOOP
from lancedb.db import AsyncConnection
from lancedb.table import AsyncTable

from ragloop.errors import NotFoundError, StoreDamagedError
from ragloop.store.failures import must_have_columns
from ragloop.store.places.place import Place
from ragloop.store.schemas import TABLES, keyed
from ragloop.store.writing import Writing

_FENCED = {
    "index": ("index_", "vectors_"),
    "generations": ("generations",),
    "registry": ("adapters", "aliases"),
    "topics": ("topics", "topic_questions", "routes"),
}
"""Tables, or how their names begin, by the lease under which they are written. Those of the log are not among them: a
late fold writes what an earlier one wrote."""
_BATCH = 16_384
"""Rows that are rewritten, or read to see that they can be, at once; of an index 40 MB."""
_READ = 65_536
"""Rows that LanceDB hands over at once; by its default a read of 100,000 takes half as long again."""

_T = TypeVar("_T")


class Reads:
    """Reads of the rows of one database, each in one visit to LanceDB's thread.

    A table that is not asynchronous needs seven to read rows (open, version, schema twice, query, batch, end), each of
    which is handed to that thread and waited for. All raise NotFoundError when there is no such table.
    """

    def __init__(self, place: Place, db: lancedb.DBConnection) -> None:
        self._place, self._db = place, db

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Read the rows that satisfy the SQL predicate `where`."""
        found: pa.Table = self._run(name, partial(_rows, where=where, columns=columns))
        must_have_columns(name, found.schema)
        return found

    def count(self, name: str, where: str | None = None) -> int:
        """Count the rows that satisfy the SQL predicate `where`."""
        found, schema = self._run(name, partial(_counted, where=where))
        must_have_columns(name, schema)
        return int(found)

    def schema(self, name: str) -> pa.Schema:
        """Read the columns of the table and their types."""
        schema: pa.Schema = self._run(name, AsyncTable.schema)
        return schema

    def read_through(self, name: str) -> pa.Schema:
        """Read every row, keep none, and return the schema. Raises StoreDamagedError where one cannot be read."""
        schema: pa.Schema = self._run(name, _read_through)
        must_have_columns(name, schema)
        return schema

    def _run(self, name: str, ask: Callable[[AsyncTable], Coroutine[Any, Any, _T]]) -> _T:
        _must_have(self._place, name)
        with self._place.errors():
            found: _T = LOOP.run(_open_and(self._db, name, ask))  # type: ignore[no-untyped-call]
            return found


class Tables:
    """The tables of one database."""

    def __init__(self, place: Place, db: lancedb.DBConnection, writing: Writing) -> None:
        self._place, self._db, self._writing = place, db, writing

    def has(self, name: str) -> bool:
        """Return whether the table exists; a creation that was killed left its folder, but no version in it."""
        return self._place.tables.has(name)

    def names(self, prefix: str) -> list[str]:
        """List the tables whose names begin so, those included whose creation was killed."""
        return self._place.tables.names(prefix)

    def open(self, name: str) -> lancedb.table.Table:
        """Open the table. Raises NotFoundError when it does not exist."""
        return self._opened(name, self._db)

    def _opened(self, name: str, db: lancedb.DBConnection) -> lancedb.table.Table:
        _must_have(self._place, name)
        with self._place.errors():
            return db.open_table(name)

    @cached_property
    def _unmoved(self) -> lancedb.DBConnection:
        return self._place.connect(follows=False)

    @contextmanager
    def committing(self, step: str, name: str) -> Iterator[lancedb.table.Table]:
        """Yield the table for a block that makes one commit; see Writing.commit.

        Where a lease can be lost between its check and the commit, the table is opened before the check and not looked
        at again: LanceDB refuses the commit when another writer, who took over, has fenced the table since.
        """
        table = self._opened(name, self._unmoved if self._place.leases.expire else self._db)
        with self._writing.commit(step, name):
            yield table

    def create(self, name: str, schema: pa.Schema) -> lancedb.table.Table:
        """Create the table, keyed by its first column, or open it when it exists."""
        if self.has(name):
            return self.open(name)
        with self._writing.commit("create", name):
            return keyed(self._db.create_table(name, schema=schema, exist_ok=True))

    def replace(self, name: str, rows: pa.Table) -> None:
        """Give the table these rows and their schema, keyed by the first column, in one commit."""
        with self._writing.commit("replace", name):
            keyed(self._db.create_table(name, rows, mode="overwrite"))

    def rewrite(self, name: str, kept: Callable[[pa.RecordBatch], pa.RecordBatch]) -> None:
        """Write every row of the table into new files, as `kept` returns its batch, in one commit; indexes are lost.

        What was deleted stays in the files of a table, also when they are compacted, for as long as it is a small share
        of a file.
        """
        with self._writing.commit("rewrite", name):
            table = self.open(name)
            before = table.version
            made = self._overwritten(name, table, kept)
            if made.version > before + 1:
                # Another writer, who needs no lease for this table, committed after the read: it loses nothing.
                table.checkout(made.version - 1)
                rows = pa.Table.from_batches(map(kept, table.search().to_batches(_BATCH)), table.schema)
                merge = made.merge_insert(rows.schema.names[0])
                merge.when_matched_update_all().when_not_matched_insert_all().execute(rows, on_bad_vectors="null")

    def _overwritten(
        self, name: str, table: lancedb.table.Table, kept: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> lancedb.table.Table:
        rows = pa.RecordBatchReader.from_batches(table.schema, map(kept, table.search().to_batches(_BATCH)))
        return keyed(self._db.create_table(name, rows, mode="overwrite", on_bad_vectors="null"))

    def drop(self, name: str) -> None:
        """Remove the table and its files, whether they can be read or not."""
        with self._writing.commit("drop", name):
            self._place.tables.remove(name)

    def set_aside(self, name: str) -> None:
        """Take a table that cannot be read, or that nothing names, out of the database; its files are kept beside it.

        What was found damaged may still be of use to a person: only `expire_aside` removes it.
        """
        with self._writing.commit("set-aside", name):
            self._place.aside.take(name)

    def expire_aside(self, keep: timedelta) -> None:
        """Remove the tables that were set aside longer ago than `keep`."""
        for name, age_s in self._place.aside.ages().items():
            if age_s > keep.total_seconds():
                with self._writing.commit("expire", name):
                    self._place.aside.remove(name)

    def aside(self) -> list[str]:
        """Name the tables that were set aside, as they are named there."""
        return sorted(self._place.aside.ages())

    def fence(self, what: str) -> None:
        """Let LanceDB refuse what a writer may still commit who was silent for so long that its lease was taken over.

        Of all commits only a restore is refused by none and refuses all that began before it; so each table is restored
        to the state that it is in. Where the silent writer committed in that instant, its commit is brought back.
        """
        for prefix in _FENCED.get(what, ()):
            for name in filter(self.has, self.names(prefix)):
                with suppress(StoreDamagedError), self._place.errors():
                    table = self.open(name)
                    before = table.version
                    with self._writing.boundary(f"fence {name}"):
                        table.restore(before)
                    if table.version > before + 1:
                        table.restore(table.version - 1)


def _must_have(place: Place, name: str) -> None:
    if not place.tables.has(name):
        raise NotFoundError(f"found no table {name} in {place}; {_how_to_get(name)}")


async def _open_and(db: lancedb.DBConnection, name: str, ask: Callable[[AsyncTable], Coroutine[Any, Any, _T]]) -> _T:
    connection: AsyncConnection = db._conn  # type: ignore[attr-defined]  # another one would open its files again
    return await ask(await connection.open_table(name))


async def _rows(table: AsyncTable, where: str | None, columns: Sequence[str] | None) -> pa.Table:
    query = table.query()
    query = query.where(where) if where else query
    query = query.select(list(columns)) if columns else query
    batches = await query.to_batches(max_batch_length=_READ)
    return pa.Table.from_batches(await batches.read_all(), batches.schema)


async def _counted(table: AsyncTable, where: str | None) -> tuple[int, pa.Schema]:
    return await table.count_rows(where), await table.schema()


async def _read_through(table: AsyncTable) -> pa.Schema:
    schema = await table.schema()
    if schema.names:  # none where the manifest is of zeros
        async for _ in await table.query().to_batches(max_batch_length=_BATCH):
            pass
    return schema


def _how_to_get(name: str) -> str:
    """Return what brings back a table that is not there."""
    if name in ("generations", "reports"):
        return "`ragloop doctor` says what it was, and with --repair makes it again where that is known"
    if name in TABLES:
        return "nothing makes it again; `ragloop restore --replace` brings back a backup of the whole store"
    return "`ragloop sync` makes it again"
