"""SQLite databases of the orchestrator of a home: names of documents stand in their logs.

A name is replaced where it stands, so that every row stays; SQLite overwrites what was there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ragloop.erasure.traces import Traces
from ragloop.errors import UnavailableError

SQLITE = b"SQLite format 3\0"
"""What the file of such a database begins with."""
_WAIT_S = 60
_INSTEAD = "an erased document"


def databases(home: Path) -> Iterator[Path]:
    """Yield every SQLite database of the orchestrator of a home; others are not ragloop's to change."""
    for file in sorted((home / "prefect").rglob("*.db")):
        with file.open("rb") as opened:
            if opened.read(len(SQLITE)) == SQLITE:
                yield file


def erase_names(home: Path, traces: Traces) -> int:
    """Take names of documents out of the databases of a home's orchestrator; return how many values had one.

    Raises UnavailableError where one cannot be written now.
    """
    return sum(_erase_names(file, traces) for file in databases(home))


def _erase_names(file: Path, traces: Traces) -> int:
    changed = 0
    try:
        with closing(sqlite3.connect(file, timeout=_WAIT_S)) as db:
            db.execute("PRAGMA secure_delete = ON")
            for table, column in list(_columns(db)):
                for row, text in list(_naming(db, table, column, traces)):
                    instead = traces.names.taken_out_of(text, _INSTEAD)
                    _replace(db, table, column, row, instead)
                    changed += 1
            db.commit()
            if changed:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise UnavailableError(f"cannot take names out of {file} now: {error}; try again") from error
    return changed


def _replace(db: sqlite3.Connection, table: str, column: str, row: int, instead: str) -> None:
    """Write a value; where another row has it and two may not, the number of the row tells them apart."""
    update = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
    try:
        db.execute(update, (instead, row))
    except sqlite3.IntegrityError:
        db.execute(update, (f"{instead} {row}", row))


def _columns(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield the name of each table with that of each of its columns, quoted."""
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        name = _quoted(table)
        for column in db.execute(f"PRAGMA table_info({name})").fetchall():
            yield name, _quoted(column[1])


def _naming(db: sqlite3.Connection, table: str, column: str, traces: Traces) -> Iterator[tuple[int, str]]:
    """Yield row and text of each value that has a name. A table without row ids has none that a server writes."""
    try:
        found = db.execute(f"SELECT rowid, {column} FROM {table} WHERE typeof({column}) = 'text'")
    except sqlite3.OperationalError:
        return
    for row, text in found:
        if traces.names.stand_in(text):
            yield row, text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
