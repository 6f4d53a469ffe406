"""The LanceDB database: its tables, and what every read and every write of them goes through.

    home/store/      the database; one table per generation of the index, one per embedder for vectors, and the rest
    home/artifacts/  datasets and adapters
    home/journal/    answers that are not yet folded into the tables
    home/leases/     who writes what, now
    home/aside/      tables that were found damaged, or that nothing named, until their retention ends

Database and leases may be in a bucket instead (bucket.py); the rest stays in `home`. A process that meets a store of a
newer schema refuses to open it.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import lancedb
import pyarrow as pa

from ragloop.errors import MismatchError, NotFoundError, StoreDamagedError
from ragloop.store.failures import damaged
from ragloop.store.files import Files
from ragloop.store.folder import FolderPlace
from ragloop.store.migrations import MIGRATIONS
from ragloop.store.schemas import TABLES, TIME, keyed
from ragloop.store.versions import mark, version_of

MANY_VERSIONS = 100
"""Every commit leaves a version and a fragment; a table that has gathered more than these is compacted."""
KEPT_VERSIONS = timedelta(hours=1)
_FENCED = {"index": ("index_", "vectors_"), "generations": ("generations",), "registry": ("adapters", "aliases")}
"""Tables, or how their names begin, by the lease under which they are written. Those of the log are not among them: a
late fold writes what an earlier one wrote."""
_BATCH = 65_536
"""Rows that LanceDB hands over at once; by its default a read of 100,000 takes half as long again."""
_MIGRATING_S = 30.0
"""How long a process waits for another one that migrates the store."""
_MIGRATIONS_SCHEMA = pa.schema([("number", pa.int32()), ("name", pa.string()), ("at", TIME)])


Boundary = Callable[[str], AbstractContextManager[object]]
"""What is entered before a durable step and left after it, by the step's name: a verb and the table, as in "upsert
reports". A test ends or stops a process there."""


def utc_now() -> datetime:
    """The time of the system's clock."""
    return datetime.now(UTC)


class Place(Protocol):
    """Where a database and its leases are; `str` gives its address."""

    leases_expire: bool
    """Whether a holder that stood still can lose its lease between the check of it and a commit."""

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """The database; a table of a connection that does not follow stays as it was when it was opened."""

    def exists(self) -> bool: ...

    @property
    def database(self) -> Files:
        """The files of the database."""

    def restoring(self) -> str:
        """What a restore that has not ended has noted, or an empty string."""

    def errors(self) -> AbstractContextManager[None]:
        """Raises what an error of the database means here; see failures.py."""

    def has(self, table: str) -> bool:
        """Whether the table has a version."""

    def ages(self, table: str) -> list[float]:
        """Seconds since each version of a table was written."""

    def tables(self, prefix: str) -> list[str]:
        """Names of the tables that begin so."""

    def files(self, table: str) -> dict[str, float]:
        """Seconds since each file of a table was written, by its path in it."""

    def read(self, table: str, file: str) -> bytes:
        """The bytes of a file of a table."""

    def remove(self, table: str) -> None:
        """Remove all files of a table."""

    def set_aside(self, table: str) -> None:
        """Move all files of a table beside the database, where nothing reads them."""

    def aside(self) -> dict[str, float]:
        """Seconds since tables were set aside, by the names that they got there."""

    def remove_aside(self, name: str) -> None:
        """Remove a table that was set aside under this name."""

    def flush(self, table: str, since: float) -> None:
        """Make durable what was written to the table since that time (seconds since 1970)."""

    def lease(
        self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[Callable[[], None]]:
        """Hold the right to write `what`; yields a check that raises StoreBusyError when it was lost.

        `taken_over` is called first where the holder before did not let go of it, and may still be about to commit.
        """


class _Held(threading.local):
    """Checks of the leases that a thread holds: a lease that one thread lost stops no commit of another."""

    def __init__(self) -> None:
        self.checks: list[Callable[[], None]] = []


class Store:
    """The database of one home. Reads see every commit that finished before they began."""

    def __init__(
        self,
        home: Path,
        place: Place,
        db: lancedb.DBConnection,
        now: Callable[[], datetime] = utc_now,
        boundary: Boundary = nullcontext,
    ) -> None:
        """`now` is the clock by which everything in the store is dated."""
        self.home, self.now = home, now
        self._boundary = boundary
        self._place = place
        self._db = db
        self._held = _Held()

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        create: bool = True,
        place: Place | None = None,
        restoring: bool = False,
        now: Callable[[], datetime] = utc_now,
        boundary: Boundary = nullcontext,
    ) -> "Store":
        """Open the store in `place`, by default a folder of `home`, migrating it when it is older.

        Raises NotFoundError when there is none and `create` is false, UsageError when `home` cannot be a folder,
        MismatchError when its schema is newer or a restore of it has not ended, UnavailableError when the place does
        not answer. `restoring` is for the restore itself.
        """
        place = place or FolderPlace(home)
        if not restoring and (noted := place.restoring()):
            raise MismatchError(f"the store in {place} is being restored, or a restore was interrupted: {noted}")
        if not create and not place.exists():
            raise NotFoundError(f"found no index in {place}; `ragloop sync DIR` makes one, --home names another place")
        with place.errors():
            store = cls(home, place, place.connect(), now, boundary)
            store._migrate()
        return store

    def _migrate(self) -> None:
        applied = self._applied()
        if applied > len(MIGRATIONS):
            raise MismatchError(
                f"the store in {self._place} has schema {applied}, this ragloop knows schemas up to {len(MIGRATIONS)}; "
                "install the ragloop that wrote it, or a newer one"
            )
        if applied == len(MIGRATIONS):
            return
        with self.lease("schema", wait_s=_MIGRATING_S):
            for number in range(self._applied() + 1, len(MIGRATIONS) + 1):
                MIGRATIONS[number - 1](self)
                row = {"number": number, "name": MIGRATIONS[number - 1].__name__.lstrip("_"), "at": self.now()}
                table = self._db.create_table("migrations", schema=_MIGRATIONS_SCHEMA, exist_ok=True)
                table.add(pa.Table.from_pylist([row], schema=_MIGRATIONS_SCHEMA))

    def _applied(self) -> int:
        if not self.has("migrations"):
            return 0
        try:
            with self.errors():
                rows = self._db.open_table("migrations").search().select(["number"]).to_arrow()
        except StoreDamagedError as error:
            raise MismatchError(
                f"the table migrations of the store in {self._place}, which says of which schema it is, cannot be "
                "read; `ragloop restore --replace` brings back a backup of the store"
            ) from error
        return max(rows["number"].to_pylist(), default=0)

    def __str__(self) -> str:
        return str(self._place)

    @property
    def leases_expire(self) -> bool:
        """Whether a commit can follow that of another writer who took over meanwhile."""
        return self._place.leases_expire

    @property
    def files(self) -> Files:
        """The files of the database, named TABLE.lance/…"""
        return self._place.database

    @property
    def schema(self) -> int:
        """The number of its schema."""
        return self._applied()

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits that stay the same for the life of a store, also where it is restored."""
        first = min(self.rows("migrations").to_pylist(), key=lambda row: row["at"])
        return hashlib.sha256(first["at"].isoformat().encode()).hexdigest()[:16]

    def errors(self) -> AbstractContextManager[None]:
        """Raises what an error of LanceDB means: StoreDamagedError, StorageFullError or UnavailableError."""
        return self._place.errors()

    @contextmanager
    def writing(self, step: str, table: str) -> Iterator[None]:
        """For a block that makes one commit to a table: every lease that this thread holds is checked first.

        `step` is the verb by which the store's boundary knows the commit. Raises StoreBusyError when a lease was lost,
        else as `errors` does.
        """
        with self._boundary(f"{step} {table}"):
            for check in tuple(self._held.checks):
                check()
            with self._place.errors():
                yield

    @cached_property
    def _unmoved(self) -> lancedb.DBConnection:
        return self._place.connect(follows=False)

    @contextmanager
    def _committing(self, step: str, name: str) -> Iterator[lancedb.table.Table]:
        """Yield the table for a block that makes one commit.

        Where a lease can be lost between its check and the commit, the table is opened before the check and not looked
        at again: LanceDB refuses the commit when another writer, who took over, has fenced the table since.
        """
        table = self._opened(name, self._unmoved if self.leases_expire else self._db)
        with self.writing(step, name):
            yield table

    def _fence(self, what: str) -> None:
        """Let LanceDB refuse what a writer may still commit who was silent for so long that its lease was taken over.

        Of all commits only a restore is refused by none and refuses all that began before it; so each table is restored
        to the state that it is in. Where the silent writer committed in that instant, its commit is brought back.
        """
        for prefix in _FENCED.get(what, ()):
            for name in filter(self.has, self.names(prefix)):
                with suppress(StoreDamagedError), self.errors():
                    table = self.table(name)
                    before = table.version
                    table.restore(before)
                    if table.version > before + 1:
                        table.restore(table.version - 1)

    def has(self, name: str) -> bool:
        """Whether the table exists; a creation that was killed left its folder, but no version in it."""
        return self._place.has(name)

    def table(self, name: str) -> lancedb.table.Table:
        """The open table. Raises NotFoundError when it does not exist."""
        return self._opened(name, self._db)

    def _opened(self, name: str, db: lancedb.DBConnection) -> lancedb.table.Table:
        if not self.has(name):
            raise NotFoundError(f"found no table {name} in {self._place}; {_how_to_get(name)}")
        with self.errors():
            return db.open_table(name)

    def create(self, name: str, schema: pa.Schema) -> lancedb.table.Table:
        """Create the table, keyed by its first column, or open it when it exists."""
        if self.has(name):
            return self.table(name)
        with self.writing("create", name):
            return keyed(self._db.create_table(name, schema=schema, exist_ok=True))

    def replace(self, name: str, rows: pa.Table) -> None:
        """Give the table these rows and their schema, keyed by the first column, in one commit."""
        with self.writing("replace", name):
            keyed(self._db.create_table(name, rows, mode="overwrite"))

    def names(self, prefix: str) -> list[str]:
        """Names of the tables that begin so, those included whose creation was killed."""
        return self._place.tables(prefix)

    def drop(self, name: str) -> None:
        """Remove the table and its files, whether they can be read or not."""
        with self.writing("drop", name):
            self._place.remove(name)

    def set_aside(self, name: str) -> None:
        """Take a table that cannot be read, or that nothing names, out of the database; its files are kept beside it.

        What was found damaged may still be of use to a person: only `expire_aside` removes it.
        """
        with self.writing("set-aside", name):
            self._place.set_aside(name)

    def expire_aside(self, keep: timedelta) -> None:
        """Remove the tables that were set aside longer ago than `keep`."""
        for name, age_s in self._place.aside().items():
            if age_s > keep.total_seconds():
                with self.writing("expire", name):
                    self._place.remove_aside(name)

    def upsert(self, name: str, rows: pa.Table) -> None:
        """Insert or replace rows by the first column, in one commit. Rows must not repeat a key."""
        if rows.num_rows == 0:
            return
        with self._committing("upsert", name) as table:
            merge = table.merge_insert(rows.schema.names[0])
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows, on_bad_vectors="null")

    def upsert_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace rows of a table of fixed schema by its first column, in one commit."""
        self.upsert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))

    def delete(self, name: str, where: str) -> None:
        """Delete the rows that satisfy the SQL predicate `where`, in one commit."""
        with self._committing("delete", name) as table:
            table.delete(where)

    def insert(self, name: str, rows: pa.Table) -> None:
        """Append rows, in one commit."""
        with self._committing("insert", name) as table:
            table.add(rows)

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a table of fixed schema, in one commit."""
        self.insert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))

    def nameless_files(self, name: str) -> dict[str, float]:
        """Files of data and of indexes that no version of the table names, and seconds since they were written.

        A write that was killed leaves some; those of a write under way are nameless too. What belongs together, as the
        files of one index, counts once.
        """
        files = self._place.files(name)
        parts: dict[str, tuple[bytes, float]] = {}
        for file, age in files.items():
            if found := mark(file):
                part, marked = found
                parts[part] = (marked, min(age, parts.get(part, (marked, age))[1]))
        for version in sorted(one for one in files if version_of(one)):
            if not parts:
                break
            manifest = self._place.read(name, version)
            parts = {part: one for part, one in parts.items() if one[0] not in manifest}
        return {part: age for part, (_, age) in parts.items()}

    def tidy(self, name: str) -> None:
        """Compact the table and remove its old versions, once there are many; the caller holds the lease to write it.

        Versions that a reader may still be reading, those of the last hour, stay.
        """
        ages = self._place.ages(name)
        if len(ages) > MANY_VERSIONS and max(ages) > KEPT_VERSIONS.total_seconds():
            with self.writing("optimize", name):
                self.table(name).optimize(cleanup_older_than=KEPT_VERSIONS)

    def flush(self, name: str, since: float) -> None:
        """Make durable what was written to the table since that time (seconds since 1970)."""
        with self._boundary(f"flush {name}"):
            self._place.flush(name, since)

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows that satisfy the SQL predicate `where`."""
        with self.errors():
            query = self.table(name).search()
            query = query.where(where) if where else query
            query = query.select(list(columns)) if columns else query
            result: pa.Table = query.to_batches(_BATCH).read_all()
        _must_have_columns(name, result.schema)
        return result

    def count(self, name: str, where: str | None = None) -> int:
        """How many rows satisfy the SQL predicate `where`."""
        with self.errors():
            table = self.table(name)
            found = int(table.count_rows(where))
            if not found:
                _must_have_columns(name, table.schema)
            return found

    @contextmanager
    def lease(self, what: str, *, wait_s: float = 0) -> Iterator[None]:
        """Hold the right to write `what` until the block ends, or the process dies; this thread's commits rest on it.

        Raises StoreBusyError, which names the holder, when another process still holds it after `wait_s` seconds.
        """
        with self._place.lease(what, wait_s, partial(self._fence, what)) as check:
            self._held.checks.append(check)
            try:
                yield
            finally:
                self._held.checks.remove(check)


def _how_to_get(name: str) -> str:
    """What brings back a table that is not there."""
    if name in ("generations", "reports"):
        return "`ragloop doctor` says what it was, with --repair it makes it anew where that can be told"
    if name in TABLES:
        return "nothing makes it anew; `ragloop restore --replace` brings back a backup of the whole store"
    return "`ragloop sync` makes it anew"


def _must_have_columns(name: str, schema: pa.Schema) -> None:
    """LanceDB reads a manifest of zeros as one of an empty table: without this, what is damaged would look empty."""
    if not schema.names:
        raise damaged(f"the newest manifest of the table {name} names no columns")


def after(now: datetime, others: Iterable[datetime]) -> datetime:
    """`now`, or a microsecond after the latest of the others where a clock that was set back would put it before."""
    return max([now, *(one + timedelta(microseconds=1) for one in others)])


def quoted(values: Sequence[str]) -> str:
    """Values as a list of SQL string literals, for `column IN (…)`."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
