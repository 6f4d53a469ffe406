"""A store in a folder of a home."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import lancedb

from ragloop.durable import sync_to_disk
from ragloop.errors import UsageError
from ragloop.store.clock import Clock, utc_now
from ragloop.store.failures import explained
from ragloop.store.files import PART_BYTES, RESTORING, FolderFiles
from ragloop.store.home import make_home, make_room
from ragloop.store.names import table_file
from ragloop.store.places.folder_leases import FolderLeases
from ragloop.store.places.place import Leases

_Errors = Callable[[], AbstractContextManager[None]]


class FolderPlace:
    """The database in `home`/store, the leases in `home`/leases, and in `home`/aside what was set aside."""

    def __init__(self, home: Path, now: Clock = utc_now) -> None:
        self._home, self._folder = home, home / "store"
        self.database = FolderFiles(self._folder)
        self.tables = FolderTables(self._folder, self.errors)
        self.aside = FolderAside(home, self._folder, self.errors)
        self.leases: Leases = FolderLeases(home, now, self.errors)

    def __str__(self) -> str:
        return str(self._home)

    def connect(self, *, follows: bool = True) -> lancedb.DBConnection:
        """Connect to the database, whose folder is made where it is missing. Raises UsageError where it cannot be."""
        try:
            make_home(self._home)
            make_room(self._home, "store")
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UsageError(
                f"cannot keep state in {self._folder}: {error.strerror}; name another folder with --home"
            ) from None
        return lancedb.connect(self._folder, read_consistency_interval=timedelta(0) if follows else None)

    def exists(self) -> bool:
        """Return whether there is a database."""
        return self._folder.is_dir()

    def restoring(self) -> str:
        """Return the note of a restore that has not ended, or an empty string."""
        try:
            return (self._folder / RESTORING).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def errors(self) -> AbstractContextManager[None]:
        """Raise what an error of the database means here."""
        return explained(str(self._home), self._open)

    def _open(self, name: str) -> None:
        """Read a file of the database, or every file of a folder in it."""
        path = self._folder / name
        for one in path.iterdir() if path.is_dir() else (path,):
            with one.open("rb") as file:
                while file.read(PART_BYTES):
                    pass


class FolderTables:
    """The tables of a database as folders in a folder."""

    def __init__(self, folder: Path, errors: _Errors) -> None:
        self._folder, self._errors = folder, errors

    def names(self, prefix: str) -> list[str]:
        """List the tables whose names begin so, those included whose creation was killed."""
        with self._errors():
            entries = _entries(self._folder)
            return sorted(one.stem for one in entries if one.suffix == ".lance" and one.name.startswith(prefix))

    def has(self, table: str) -> bool:
        """Return whether the table has a version; a creation that was killed left its folder only."""
        with self._errors():
            try:
                with os.scandir(_table(self._folder, table) / "_versions") as versions:
                    return any(one.name.endswith(".manifest") for one in versions)
            except FileNotFoundError:
                return False

    def remove(self, table: str) -> None:
        """Remove the files of a table, whether they can be read or not."""
        with self._errors():
            _remove(_table(self._folder, table))

    def flush(self, table: str, since: float) -> None:
        """Force to disk what was written to the table since that time (seconds since 1970).

        LanceDB leaves it to the system when its files reach the disk; who deletes the only other copy may not.
        """
        with self._errors():
            new = [one for one in _below(_table(self._folder, table)) if one.stat().st_mtime >= since - 1]
            for one in (*new, *dict.fromkeys(one.parent for one in new)):
                sync_to_disk(one)


class FolderAside:
    """The tables that were moved out of a database into `home`/aside."""

    def __init__(self, home: Path, database: Path, errors: _Errors) -> None:
        self._home, self._folder, self._database, self._errors = home, home / "aside", database, errors

    def take(self, table: str) -> None:
        """Move the files of a table here, whether they can be read or not."""
        found, target = _table(self._database, table), self._folder / f"{table}-{uuid.uuid4().hex[:8]}"
        with self._errors():
            if found.is_dir():
                make_room(self._home, "aside")
                found.rename(target)
                os.utime(target)

    def ages(self) -> dict[str, float]:
        """Return the seconds since each table was set aside, by the name that it has here."""
        now = time.time()
        with self._errors():
            return {one.name: now - one.stat().st_mtime for one in _entries(self._folder)}

    def remove(self, name: str) -> None:
        """Remove what has this name here."""
        with self._errors():
            _remove(self._folder / name)


def _table(folder: Path, name: str) -> Path:
    return folder / table_file(name, folder)


def _remove(folder: Path) -> None:
    """Remove a folder, which another process may be removing too."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            _remove(folder)


def _entries(folder: Path) -> list[Path]:
    """List what is in a folder; nothing where the folder is not there."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _below(top: Path) -> Iterator[Path]:
    """Yield every file below a folder. Raises OSError where a folder cannot be read, which os.walk passes over."""
    for one in _entries(top):
        if one.is_dir() and not one.is_symlink():
            yield from _below(one)
        else:
            yield one
