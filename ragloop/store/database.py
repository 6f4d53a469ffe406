"""The LanceDB database: its tables, and what every read and every write of them goes through.

    home/store/      the database; one table per generation of the index, one per embedder for vectors, and the rest
    home/artifacts/  datasets and adapters
    home/journal/    answers that are not yet folded into the tables
    home/leases/     who writes what, now
    home/aside/      tables that were found damaged, or that nothing named, until their retention ends

Database and leases may be in a bucket instead (places/); the rest stays in `home`. A process that meets a store of a
newer schema refuses to open it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from ragloop.errors import MismatchError, NotFoundError
from ragloop.store.clock import Clock, utc_now
from ragloop.store.migrations import Migrations
from ragloop.store.places.folder import FolderPlace
from ragloop.store.places.place import Place
from ragloop.store.schemas import TABLES
from ragloop.store.tables import Reads, Tables
from ragloop.store.upkeep import Upkeep
from ragloop.store.writing import Boundary, Writing

_MIGRATING_S = 30.0
"""How long a process waits for another one that migrates the store."""


class Store:
    """The rows of one home's database. Reads see every commit that finished before they began.

    Which tables there are is for `tables`, their rows for `reads`, the order of their files for `upkeep`, the schema
    for `migrations`; `files` are those of the database, named TABLE.lance/…
    """

    def __init__(
        self,
        home: Path,
        place: Place,
        db: lancedb.DBConnection,
        now: Clock = utc_now,
        boundary: Boundary = nullcontext,
    ) -> None:
        """`now` is the clock by which everything in the store is dated."""
        self.home, self.now, self.files = home, now, place.database
        self.leases_expire = place.leases.expire
        self._place, self._writing = place, Writing(place, boundary)
        self.reads, self.tables = Reads(place, db), Tables(place, db, self._writing)
        self.upkeep = Upkeep(place, self.tables, self._writing)
        self.migrations = Migrations(place, db, self.reads, self.tables)

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        create: bool = True,
        place: Place | None = None,
        restoring: bool = False,
        now: Clock = utc_now,
        boundary: Boundary = nullcontext,
    ) -> "Store":
        """Open the store in `place`, by default a folder of `home`, migrating it when it is older.

        Raises NotFoundError when there is none and `create` is false, UsageError when `home` cannot be a folder,
        MismatchError when its schema is newer or a restore of it has not ended, UnavailableError when the place does
        not answer. `restoring` is for the restore itself.
        """
        place = place or FolderPlace(home, now)
        if not restoring and (noted := place.restoring()):
            raise MismatchError(f"the store in {place} is being restored, or a restore was interrupted: {noted}")
        if not create and not place.exists():
            raise NotFoundError(f"found no index in {place}; `ragloop sync DIR` makes one, --home names another place")
        with place.errors():
            store = cls(home, place, place.connect(), now, boundary)
            if store.migrations.are_wanted():
                with store.lease("schema", wait_s=_MIGRATING_S):
                    store.migrations.run(now)
        return store

    def __str__(self) -> str:
        return str(self._place)

    def errors(self) -> AbstractContextManager[None]:
        """Raise what an error of LanceDB means: StoreDamagedError, StorageFullError or UnavailableError."""
        return self._place.errors()

    def writing(self, step: str, table: str) -> AbstractContextManager[None]:
        """Check every lease that this thread holds, then run a block that makes one commit; see Writing.commit."""
        return self._writing.commit(step, table)

    @contextmanager
    def lease(self, what: str, *, wait_s: float = 0) -> Iterator[None]:
        """Hold the right to write `what` until the block ends, or the process dies; this thread's commits rest on it.

        Raises StoreBusyError, which names the holder, when another process still holds it after `wait_s` seconds.
        """
        with self._writing.lease(what, wait_s, partial(self.tables.fence, what)):
            yield

    def table(self, name: str) -> lancedb.table.Table:
        """Open the table. Raises NotFoundError when it does not exist."""
        return self.tables.open(name)

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all rows that satisfy the SQL predicate `where`."""
        return self.reads.rows(name, where, columns)

    def count(self, name: str, where: str | None = None) -> int:
        """Count the rows that satisfy the SQL predicate `where`."""
        return self.reads.count(name, where)

    def upsert(self, name: str, rows: pa.Table) -> None:
        """Insert or replace rows by the first column, in one commit. Rows must not repeat a key."""
        if rows.num_rows == 0:
            return
        with self.tables.committing("upsert", name) as table:
            merge = table.merge_insert(rows.schema.names[0])
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows, on_bad_vectors="null")

    def upsert_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace rows of a table of fixed schema by its first column, in one commit."""
        self.upsert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))

    def delete(self, name: str, where: str) -> None:
        """Delete the rows that satisfy the SQL predicate `where`, in one commit."""
        with self.tables.committing("delete", name) as table:
            table.delete(where)

    def insert(self, name: str, rows: pa.Table) -> None:
        """Append rows, in one commit."""
        with self.tables.committing("insert", name) as table:
            table.add(rows)

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a table of fixed schema, in one commit."""
        self.insert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))


def quoted(values: Sequence[str]) -> str:
    """Write values as a list of SQL string literals, for `column IN (…)`."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
