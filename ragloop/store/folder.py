"""A store in a folder: its files, and leases that the kernel holds."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, Final

import lancedb

from ragloop import locks
from ragloop.errors import StoreBusyError, UsageError
from ragloop.store.failures import explained
from ragloop.store.files import PART_BYTES, RESTORING, FolderFiles, sync_to_disk
from ragloop.store.holder import holder, name_of
from ragloop.store.home import make_home, make_room
from ragloop.store.names import table_file

NAMING_S: Final = 1.0
"""How long a holder that has not written who it is is waited for."""


class FolderPlace:
    """The database in `home`/store and the leases in `home`/leases."""

    leases_expire = False

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "store"

    def __str__(self) -> str:
        return str(self._home)

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """The database, whose folder is made where it is missing. Raises UsageError where it cannot be."""
        try:
            make_home(self._home)
            make_room(self._home, "store")
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UsageError(
                f"cannot keep state in {self._folder}: {error.strerror}; name another folder with --home"
            ) from None
        return lancedb.connect(self._folder, read_consistency_interval=timedelta(0) if follows else None)

    def exists(self) -> bool:
        return self._folder.is_dir()

    @cached_property
    def database(self) -> FolderFiles:
        """The files of the database."""
        return FolderFiles(self._folder)

    def restoring(self) -> str:
        """What a restore that has not ended has noted, or an empty string."""
        try:
            return (self._folder / RESTORING).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def errors(self) -> AbstractContextManager[None]:
        """Says what an error of the database means here."""
        return explained(str(self._home), self._open)

    def _open(self, name: str) -> None:
        """Read a file of the database, or every file of a folder in it."""
        path = self._folder / name
        for one in path.iterdir() if path.is_dir() else (path,):
            with one.open("rb") as file:
                while file.read(PART_BYTES):
                    pass

    def ages(self, table: str) -> list[float]:
        """Seconds since each version of a table was written; none where the table has no version."""
        now = time.time()
        with self.errors():
            versions = _entries(self._table(table) / "_versions")
            return [now - one.lstat().st_mtime for one in versions if one.suffix == ".manifest"]

    def has(self, table: str) -> bool:
        """Whether the table has a version; a creation that was killed left its folder only."""
        with self.errors():
            try:
                with os.scandir(self._table(table) / "_versions") as versions:
                    return any(one.name.endswith(".manifest") for one in versions)
            except FileNotFoundError:
                return False

    def tables(self, prefix: str) -> list[str]:
        """Names of the tables that begin so, those included whose creation was killed."""
        with self.errors():
            entries = _entries(self._folder)
            return sorted(one.stem for one in entries if one.suffix == ".lance" and one.name.startswith(prefix))

    def files(self, table: str) -> dict[str, float]:
        """Seconds since each file of a table was written, by its path in it."""
        now, top = time.time(), self._table(table)
        with self.errors():
            return {one.relative_to(top).as_posix(): now - one.lstat().st_mtime for one in _below(top)}

    def read(self, table: str, file: str) -> bytes:
        """The bytes of a file of a table."""
        with self.errors():
            return (self._table(table) / file).read_bytes()

    def remove(self, table: str) -> None:
        """Remove the files of a table, whether they can be read or not."""
        self._remove(self._table(table))

    def _remove(self, folder: Path) -> None:
        with self.errors():
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                if folder.exists():  # another removes it too
                    self._remove(folder)

    def set_aside(self, table: str) -> None:
        """Move the files of a table into `home`/aside, whether they can be read or not."""
        target = self._home / "aside" / f"{table}-{uuid.uuid4().hex[:8]}"
        with self.errors():
            if self._table(table).is_dir():
                make_room(self._home, "aside")
                self._table(table).rename(target)
                os.utime(target)

    def aside(self) -> dict[str, float]:
        """Seconds since tables were set aside, by the names that they got there."""
        now = time.time()
        with self.errors():
            return {one.name: now - one.stat().st_mtime for one in _entries(self._home / "aside")}

    def remove_aside(self, name: str) -> None:
        """Remove a table that was set aside under this name."""
        self._remove(self._home / "aside" / name)

    def flush(self, table: str, since: float) -> None:
        """Force on disk what was written to the table since that time (seconds since 1970).

        LanceDB leaves it to the system when its files reach the disk; who deletes the only other copy may not.
        """
        with self.errors():
            new = [one for one in _below(self._table(table)) if one.stat().st_mtime >= since - 1]
            for one in (*new, *dict.fromkeys(one.parent for one in new)):
                sync_to_disk(one)

    @contextmanager
    def lease(
        self, what: str, wait_s: float, taken_over: Callable[[], None] = lambda: None
    ) -> Iterator[Callable[[], None]]:
        """Hold the right to write `what`; the kernel releases it when the process dies, so it cannot be lost before.

        Raises StoreBusyError, which names the holder.
        """
        with self.errors():
            file = make_room(self._home, "leases") / what
            opened = locks.private(str(file), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        with os.fdopen(opened, "a+", encoding="utf-8") as handle:
            if not locks.take(handle.fileno(), wait_s):
                written = _written(handle)
                by = name_of(written) if written else locks.holder_of(handle.fileno())
                raise StoreBusyError(
                    f"{what} is being written by {by}; try again when it has ended, and end it if it hangs"
                )
            with self.errors():
                os.ftruncate(handle.fileno(), 0)
                os.write(handle.fileno(), holder().encode())
            yield lambda: None

    def _table(self, name: str) -> Path:
        return self._folder / table_file(name, self)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is not there."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _below(top: Path) -> Iterator[Path]:
    """Every file below a folder. Raises OSError where a folder cannot be read, which os.walk passes over."""
    for one in _entries(top):
        if one.is_dir() and not one.is_symlink():
            yield from _below(one)
        else:
            yield one


def _written(handle: IO[str]) -> str:
    """What the holder of a lease has written into it, which it does right after it took it: a moment is left to it."""
    end = time.monotonic() + NAMING_S
    while True:
        handle.seek(0)
        if (written := handle.read()) or time.monotonic() >= end:
            return written
        time.sleep(0.005)
