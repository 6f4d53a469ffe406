"""The LanceDB database under `home`: its tables and Arrow schemas, numbered migrations, and the writers' leases.

    home/store/      the database; one table per generation of the index, one per embedder for vectors, and the rest
    home/artifacts/  datasets and adapters
    home/journal/    answers that are not yet folded into the tables
    home/leases/     who writes what, now

A process that meets a store of a newer schema refuses to open it.
"""

import fcntl
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from ragloop.errors import MismatchError, NotFoundError, StoreBusyError, UsageError, full_disk_is_an_error
from ragloop.store.migrations import MIGRATIONS
from ragloop.store.schemas import TABLES, TIME, keyed

MANY_VERSIONS = 100
"""Every commit leaves a version and a fragment; a table that has gathered more than these is compacted."""
KEPT_VERSIONS = timedelta(hours=1)
_MIGRATIONS_SCHEMA = pa.schema([("number", pa.int32()), ("name", pa.string()), ("at", TIME)])


class Store:
    """The database of one home. Reads see every commit that finished before they began."""

    def __init__(self, home: Path, db: lancedb.DBConnection) -> None:
        self.home = home
        self._db = db

    @classmethod
    def open(cls, home: Path, *, create: bool = True) -> "Store":
        """Open the store under `home`, migrating it when it is older.

        Raises NotFoundError when there is none and `create` is false, UsageError when `home` cannot be a folder,
        MismatchError when its schema is newer.
        """
        folder = home / "store"
        if not create and not folder.is_dir():
            raise NotFoundError(f"found no index in {home}; `ragloop sync DIR` makes one, --home names another place")
        with full_disk_is_an_error(home):
            _make_folder(folder)
            store = cls(home, lancedb.connect(folder, read_consistency_interval=timedelta(0)))
            store._migrate()
        return store

    def _migrate(self) -> None:
        applied = self._applied()
        if applied > len(MIGRATIONS):
            raise MismatchError(
                f"the store in {self.home} has schema {applied}, this ragloop knows schemas up to {len(MIGRATIONS)}; "
                "install the ragloop that wrote it, or a newer one"
            )
        if applied == len(MIGRATIONS):
            return
        with self.lease("schema", wait_s=30):
            for number in range(self._applied() + 1, len(MIGRATIONS) + 1):
                MIGRATIONS[number - 1](self)
                row = {"number": number, "name": MIGRATIONS[number - 1].__name__.lstrip("_"), "at": datetime.now(UTC)}
                table = self._db.create_table("migrations", schema=_MIGRATIONS_SCHEMA, exist_ok=True)
                table.add(pa.Table.from_pylist([row], schema=_MIGRATIONS_SCHEMA))

    def _applied(self) -> int:
        if not self.has("migrations"):
            return 0
        numbers: list[int] = self._db.open_table("migrations").to_arrow()["number"].to_pylist()
        return max(numbers, default=0)

    def has(self, name: str) -> bool:
        """Whether the table exists; a creation that was killed left its folder, but no version in it."""
        try:
            with os.scandir(self.home / "store" / f"{name}.lance" / "_versions") as versions:
                return any(entry.name.endswith(".manifest") for entry in versions)
        except FileNotFoundError:
            return False

    def table(self, name: str) -> lancedb.table.Table:
        """The open table. Raises NotFoundError when it does not exist."""
        if not self.has(name):
            raise NotFoundError(f"found no table {name} in {self.home}; `ragloop sync` makes it anew")
        return self._db.open_table(name)

    def create(self, name: str, schema: pa.Schema) -> lancedb.table.Table:
        """Create the table, keyed by its first column, or open it when it exists."""
        if self.has(name):
            return self.table(name)
        with full_disk_is_an_error(self.home):
            return keyed(self._db.create_table(name, schema=schema, exist_ok=True))

    def replace(self, name: str, rows: pa.Table) -> None:
        """Give the table these rows and their schema, keyed by the first column, in one commit."""
        with full_disk_is_an_error(self.home):
            keyed(self._db.create_table(name, rows, mode="overwrite"))

    def names(self, prefix: str) -> list[str]:
        """Names of the tables that begin so, those included whose creation was killed."""
        return sorted(path.stem for path in (self.home / "store").glob(f"{prefix}*.lance"))

    def drop(self, name: str) -> None:
        """Remove the table and its files, whether they can be read or not."""
        shutil.rmtree(self.home / "store" / f"{name}.lance", ignore_errors=True)

    def upsert(self, name: str, rows: pa.Table) -> None:
        """Insert or replace rows by the first column, in one commit. Rows must not repeat a key."""
        if rows.num_rows == 0:
            return
        with full_disk_is_an_error(self.home):
            merge = self.table(name).merge_insert(rows.schema.names[0])
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows, on_bad_vectors="null")

    def upsert_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace rows of a table of fixed schema by its first column, in one commit."""
        self.upsert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))

    def delete(self, name: str, where: str) -> None:
        """Delete the rows that satisfy the SQL predicate `where`, in one commit."""
        with full_disk_is_an_error(self.home):
            self.table(name).delete(where)

    def insert(self, name: str, rows: pa.Table) -> None:
        """Append rows, in one commit."""
        with full_disk_is_an_error(self.home):
            self.table(name).add(rows)

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a table of fixed schema, in one commit."""
        self.insert(name, pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name]))

    def tidy(self, name: str) -> None:
        """Compact the table and remove its old versions, once there are many; the caller holds the lease to write it.

        Versions that a reader may still be reading, those of the last hour, stay.
        """
        now = time.time()
        with os.scandir(self.home / "store" / f"{name}.lance" / "_versions") as versions:
            ages = [now - entry.stat().st_mtime for entry in versions]
        if len(ages) > MANY_VERSIONS and max(ages) > KEPT_VERSIONS.total_seconds():
            with full_disk_is_an_error(self.home):
                self.table(name).optimize(cleanup_older_than=KEPT_VERSIONS)

    def flush(self, name: str, since: float) -> None:
        """Force on disk what was written to the table since that time (seconds since 1970).

        LanceDB leaves it to the system when its files reach the disk; who deletes the only other copy may not.
        """
        for folder, _, files in os.walk(self.home / "store" / f"{name}.lance"):
            new = [file for file in files if Path(folder, file).stat().st_mtime >= since - 1]
            for file in new:
                sync_to_disk(Path(folder, file))
            if new:
                sync_to_disk(Path(folder))

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows that satisfy the SQL predicate `where`."""
        query = self.table(name).search()
        query = query.where(where) if where else query
        query = query.select(list(columns)) if columns else query
        result: pa.Table = query.to_arrow()
        return result

    @contextmanager
    def lease(self, what: str, *, wait_s: float = 0) -> Iterator[None]:
        """Hold the right to write `what` until the block ends; the kernel releases it when the process dies.

        Raises StoreBusyError, which names the holder, when another process still holds it after `wait_s` seconds.
        """
        file = self.home / "leases" / what
        with full_disk_is_an_error(self.home):
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = file.open("a+", encoding="utf-8")
        with handle:
            if not _lock(handle.fileno(), wait_s):
                handle.seek(0)
                raise StoreBusyError(f"{what} is being written by {_name(handle.read())}; try again when it has ended")
            with full_disk_is_an_error(self.home):
                os.ftruncate(handle.fileno(), 0)
                os.write(handle.fileno(), json.dumps(_holder()).encode())
            yield


def sync_to_disk(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"cannot keep state in {folder}: {error.strerror}; name another folder with --home") from None


def _lock(descriptor: int, wait_s: float) -> bool:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)


def _holder() -> dict[str, Any]:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": now}


def _name(holder: str) -> str:
    try:
        by = json.loads(holder)
        return f"process {by['pid']} on {by['host']} ({by['command']}) since {by['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def quoted(values: Sequence[str]) -> str:
    """Values as a list of SQL string literals, for `column IN (…)`."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
