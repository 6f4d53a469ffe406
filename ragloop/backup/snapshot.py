"""What a backup holds: one state of all tables, the journal, and the files of datasets and adapters.

The newest version of every table is read twice. Where both readings agree, all tables were at these versions at the
moment between them: a state that a process which was killed then would have left, from which every flow goes on. So a
backup waits for no writer and keeps none waiting. The journal is read first, under its own lease: what it held is in
the tables by then or in the journal, and an entry in both is one entry.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ragloop.backup.manifest import UNREADABLE, TableState
from ragloop.catalogue import Derived, claiming_file
from ragloop.errors import MismatchError, NotFoundError, RagloopError, StoreChangedError, StoreDamagedError
from ragloop.store import Store
from ragloop.store.failures import readable
from ragloop.store.files import Files, FolderFiles, Found
from ragloop.store.versions import missing, named, version_of

_READINGS = 10
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Source:
    """A file to be backed up as `path`: `name` among `files`. `fixed`: no other bytes ever bear this name."""

    path: str
    bytes: int
    files: Files
    name: str
    fixed: bool


@dataclass(frozen=True)
class Snapshot:
    """One state. `journal` holds the lines that were not in the tables."""

    tables: tuple[TableState, ...]
    sources: tuple[Source, ...]
    journal: bytes = field(repr=False)


def take(store: Store, catalogue: Sequence[Derived], artifacts: Files) -> Snapshot:
    """Take the present state; `artifacts` is the artifact root.

    Raises StoreBusyError, StoreChangedError, and MismatchError where a table lacks files.
    """
    with store.lease("journal", wait_s=60):
        journal = _journal(store.home / "journal")
        versions, listed = _settled(store.files)
    tables, sources = [], []
    for table, version in sorted(versions.items()):
        state, files = _table(store, table, version, listed)
        tables.append(state)
        sources += files
    others = _unreadable_lines(store), _artifacts(store, catalogue, artifacts)
    return Snapshot(tuple(tables), (*sources, *chain(*others)), journal)


def _journal(folder: Path) -> bytes:
    """Return the whole lines of the journal; of a line that is being written, the answer was not returned."""
    parts = [file.read_bytes() for file in sorted(folder.glob("*.jsonl"))]
    return b"".join(part[: part.rfind(b"\n") + 1] for part in parts)


def _settled(files: Files) -> tuple[dict[str, str], dict[str, Found]]:
    """Return the path of the newest version by table, as they were all at one moment, and every file."""
    before = _newest(files.list())
    for _ in range(_READINGS):
        listed = files.list()
        newest = _newest(listed)
        if newest == before:
            return newest, listed
        before = newest
        time.sleep(_PAUSE_S)
    raise StoreChangedError(f"the tables in {files} change faster than they can be listed; try again")


def _newest(listed: Mapping[str, Found]) -> dict[str, str]:
    newest: dict[str, tuple[int, str]] = {}
    for path in listed:
        table, _, file = path.partition(".lance/")
        if number := version_of(file):
            newest[table] = max(newest.get(table, (0, "")), (number, path))
    return {table: path for table, (_, path) in newest.items()}


def _table(store: Store, name: str, version: str, listed: Mapping[str, Found]) -> tuple[TableState, list[Source]]:
    """Return a table at the version whose manifest has this path, and its files."""
    top = f"{name}.lance/"
    manifest = _read(store.files, version)
    there = [path.removeprefix(top) for path in listed if path.startswith(top)]
    if lost := missing(manifest, there):
        raise _changed_or_damaged(store, name, version, f"its file {lost[0]} is gone")
    number = version_of(version.removeprefix(top))
    assert number is not None
    wanted = [*named(manifest, there), version.removeprefix(top)]
    sources = [
        Source(f"store/{top}{file}", listed[top + file].bytes, store.files, top + file, not version_of(file))
        for file in wanted
    ]
    rows = _rows(store, name, version, number)
    return TableState(name, number, rows, len(sources), sum(one.bytes for one in sources)), sources


def _read(files: Files, name: str) -> bytes:
    try:
        return b"".join(files.read(name))
    except NotFoundError as error:
        raise StoreChangedError(str(error)) from error


def _rows(store: Store, name: str, version: str, number: int) -> int:
    try:
        with store.errors():
            table = store.table(name)
            table.checkout(number)
            return int(table.count_rows())
    except (StoreDamagedError, RuntimeError, ValueError) as error:
        said = readable(str(error))[:200]
        raise _changed_or_damaged(store, name, version, said) from error


def _changed_or_damaged(store: Store, name: str, version: str, said: str) -> RagloopError:
    """Return the error of a file that is gone: only the files of the newest version are never removed."""
    if _newest(store.files.list(f"{name}.lance/_versions/")).get(name) != version:
        return StoreChangedError(f"the table {name} was changed while it was copied; try again")
    return MismatchError(
        f"the table {name} is damaged, {said}; no backup was taken: `ragloop doctor` says what is wrong"
    )


def place_of(store: Store, artifacts: Files, path: str) -> tuple[Files, str]:
    """Return where the file of a store is that a backup has under this path."""
    top, _, name = path.partition("/")
    places = {"store": store.files, "artifacts": artifacts}
    return places.get(top) or FolderFiles(store.home / top), name


def _unreadable_lines(store: Store) -> Iterator[Source]:
    """Yield the file of the journal's lines that are no entries, where there is one."""
    journal = FolderFiles(store.home / "journal")
    for name, found in journal.list(UNREADABLE).items():
        yield Source(f"journal/{name}", found.bytes, journal, name, fixed=False)


def _artifacts(store: Store, catalogue: Sequence[Derived], artifacts: Files) -> Iterator[Source]:
    """Yield the files of registered datasets and adapters, whose rows are written after them, and those of no table.

    What an unfinished training needs is left out.
    """
    for table in dict.fromkeys(one.listed_in for one in catalogue if one.listed_in):
        for path in sorted(store.rows(table, columns=["path"])["path"].to_pylist()):
            for name, found in sorted(artifacts.list(f"{path}/").items()):
                if all(one.backed_up for one in claiming_file(catalogue, f"artifacts/{name}")):
                    yield Source(f"artifacts/{name}", found.bytes, artifacts, name, fixed=False)
    for name, found in sorted(artifacts.list().items()):
        if any(one.backed_up and not one.listed_in for one in claiming_file(catalogue, f"artifacts/{name}")):
            yield Source(f"artifacts/{name}", found.bytes, artifacts, name, fixed=False)
