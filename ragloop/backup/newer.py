"""What a store holds that a backup of it does not, and that a restore keeps: answers, feedback, adapters, promotions.

It is found before anything is changed, by comparing rows with those of the backup, and written among the files of the
database before the note that says that a restore is under way. So a restore that is killed finds it there. When the
tables of the backup stand, these rows are put into them; the note goes after that, and these files last.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lancedb
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.backup.manifest import Manifest
from ragloop.backup.verifying import hashed
from ragloop.errors import MismatchError, NotFoundError, StoreDamagedError
from ragloop.store import MIGRATIONS, TABLES, Place, Store
from ragloop.store.failures import damaged
from ragloop.store.files import Files, FolderFiles
from ragloop.store.versions import version_of

PREFIX = "restoring-"
"""Files of a database whose names begin so belong to a restore."""
SCRATCH = ".restoring-"
"""Folders of a home whose names begin so hold copies of tables of a backup while rows are compared."""
PLAN = f"{PREFIX}plan.json"
_OF_THE_INDEX = ("scan", "sync", "day of syncs", "vectors", "rules on planted sentences")
"""Kinds of reports about the index as it was, which is not the one that is restored."""
_BATCH = 16_384
_PUT = 50_000
Whole = Callable[[str, str], bool]
"""Whether the adapter at this path under artifacts/ has the files of this SHA-256."""


@dataclass(frozen=True)
class Newer:
    """Rows that are kept, by table, and how many are `gone`. `unreadable`: tables of which nothing is kept, and why.

    `folders`: those of adapters, under artifacts/, whose files are newer than the backup's and stay.
    """

    rows: Mapping[str, pa.Table] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    @property
    def kept(self) -> dict[str, int]:
        """Return how many rows are kept, by table."""
        return {table: rows.num_rows for table, rows in self.rows.items()}


def find_newer(
    home: Path, place: Place, backup: Files, manifest: Manifest, tables: Iterable[str], whole: Whole
) -> Newer:
    """Compare these tables of the store in `place`, whether it can be opened or not, with a backup. Nothing is changed.

    Raises MismatchError where the store is of a newer schema, and UnavailableError where it does not answer now.
    """
    with place.errors():
        store = Store(home, place, place.connect())
    same = _is_same_store(store, manifest)
    rows, gone, unreadable = dict[str, pa.Table](), dict[str, int](), dict[str, str]()
    folders: tuple[str, ...] = ()
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=SCRATCH, dir=home) as scratch:
        then = _Then(backup, manifest, Path(scratch))
        for table in tables:
            if not store.tables.has(table) or then.is_now(store, table):
                continue
            had = then.rows(table, [TABLES[table].names[0], *_COMPARED.get(table, ())])
            try:
                changed = _not_in(store, table, had)
            except StoreDamagedError as error:
                unreadable[table] = " ".join(str(error).split())[:200]
                continue
            kept = _kept(table, changed, then, whole) if same else changed.slice(0, 0)
            rows |= {table: kept} if kept.num_rows else {}
            gone |= {table: left} if (left := changed.num_rows - kept.num_rows) else {}
            if table == "adapters":
                folders = _newer_folders(kept, then)
    return Newer(rows, gone, unreadable, folders)


def _is_same_store(store: Store, manifest: Manifest) -> bool:
    """Return whether the backup is of this store; a store whose identity cannot be read counts as the same."""
    try:
        number, identity = store.migrations.schema, store.migrations.identity
    except (MismatchError, NotFoundError, StoreDamagedError):
        return True
    if number > len(MIGRATIONS):
        raise MismatchError(
            f"the store in {store} has schema {number}, this ragloop knows schemas up to {len(MIGRATIONS)}, so what is "
            "newer than the backup could not be kept; install the ragloop that wrote it, or a newer one"
        )
    return identity == manifest.store


class _Then:
    """Tables as a backup has them, opened from a copy in `scratch`."""

    def __init__(self, backup: Files, manifest: Manifest, scratch: Path) -> None:
        self._backup, self._manifest, self._scratch = backup, manifest, scratch

    def is_now(self, store: Store, table: str) -> bool:
        """Return whether the table has not changed since: its newest version is the one of the backup, to the byte."""
        top = f"{table}.lance/"
        versions = {name: version_of(name.removeprefix(top)) or 0 for name in store.files.list(f"{top}_versions/")}
        newest = max(versions, key=lambda name: versions[name])
        then = [one for one in self._manifest.entries if one.path == f"store/{newest}"]
        return bool(then) and hashed(store.files.read(newest)) == (then[0].sha256, then[0].bytes)

    def rows(self, table: str, columns: Iterable[str]) -> pa.Table | None:
        """Return columns of a table; None where the backup does not have it."""
        top = f"store/{table}.lance/"
        entries = [one for one in self._manifest.entries if one.path.startswith(top)]
        if not entries:
            return None
        copy = FolderFiles(self._scratch)
        there = copy.list(f"{table}.lance/")
        for one in entries:
            if "/_indices/" not in one.path and (name := one.path.removeprefix("store/")) not in there:
                copy.write(name, self._backup.read(one.name))
        opened = lancedb.connect(self._scratch).open_table(table)
        names = [name for name in columns if name in opened.schema.names]
        return opened.search().select(names).to_batches(_BATCH).read_all()


_COMPARED: Mapping[str, tuple[str, ...]] = {
    "adapters": ("sha256", "state", "verdict", "metrics"),
    "interactions": ("cut",),
    "reports": ("at",),
}
"""Rows of the other tables never change."""


def _not_in(store: Store, table: str, had: pa.Table | None) -> pa.Table:
    """Return the rows of a table that the backup does not have as they are now."""
    with store.errors():
        reader = store.table(table).search().to_batches(_BATCH)
        if not reader.schema.names:
            raise damaged(f"the newest manifest of the table {table} names no columns")
        columns = had.schema.names if had is not None else []
        known = set(_tuples(had, columns)) if had is not None else set()
        batches = [batch.filter(_mask(batch, columns, known)) for batch in reader]
    return pa.Table.from_batches(batches, reader.schema)


def _mask(batch: pa.RecordBatch, columns: list[str], known: set[tuple[Any, ...]]) -> pa.Array:
    if not columns:
        return pa.array([True] * batch.num_rows, pa.bool_())
    return pa.array([row not in known for row in _tuples(pa.Table.from_batches([batch]), columns)], pa.bool_())


def _tuples(table: pa.Table, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    found = [table[name].to_pylist() if name in table.schema.names else [None] * table.num_rows for name in columns]
    return zip(*found, strict=True)


def _kept(table: str, changed: pa.Table, then: _Then, whole: Whole) -> pa.Table:
    """Return those of the changed rows that still serve beside what is restored."""
    if table == "reports":
        of_index = pc.is_in(changed["kind"], pa.array(_OF_THE_INDEX))
        return changed.filter(pc.invert(pc.fill_null(of_index, fill_value=False)))
    if table == "adapters":
        had = _hashes(then)
        serves = [
            row["adapter_id"] not in had or had[row["adapter_id"]] == row["sha256"] or whole(row["path"], row["sha256"])
            for row in changed.select(["adapter_id", "path", "sha256"]).to_pylist()
        ]
        return changed.filter(pa.array(serves, pa.bool_()))
    return changed


def _newer_folders(kept: pa.Table, then: _Then) -> tuple[str, ...]:
    """Return the folders of adapters that were trained again since the backup, because their files were damaged."""
    had = _hashes(then)
    rows = kept.select(["adapter_id", "path", "sha256"]).to_pylist()
    return tuple(row["path"] for row in rows if had.get(row["adapter_id"], row["sha256"]) != row["sha256"])


def _hashes(then: _Then) -> dict[str, str]:
    """Return the SHA-256 of each adapter that the backup has."""
    rows = then.rows("adapters", ["adapter_id", "sha256"])
    return {row["adapter_id"]: row["sha256"] for row in rows.to_pylist()} if rows is not None else {}


# --- on its way -------------------------------------------------------------------------------------------------------


def put_aside(files: Files, newer: Newer) -> None:
    """Write what is kept among the files of the database, in place of what an earlier restore left; the plan last."""
    remove_aside(files)
    if newer == Newer():
        return
    for table, rows in newer.rows.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        files.write(f"{PREFIX}{table}.arrow", [sink.getvalue().to_pybytes()])
    plan = {"tables": list(newer.rows), "gone": newer.gone, "unreadable": newer.unreadable, "folders": newer.folders}
    files.write(PLAN, [json.dumps(plan).encode()])


def taken_up(files: Files) -> Newer:
    """Return what an interrupted restore has put aside. Raises MismatchError where it cannot be read."""
    try:
        plan = json.loads(b"".join(files.read(PLAN)))
    except NotFoundError:
        return Newer()
    try:
        rows = {
            table: pa.ipc.open_stream(b"".join(files.read(f"{PREFIX}{table}.arrow"))).read_all()
            for table in plan["tables"]
        }
        return Newer(rows, dict(plan["gone"]), dict(plan["unreadable"]), tuple(plan["folders"]))
    except (NotFoundError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise MismatchError(
            f"what an interrupted restore put aside as {PREFIX}* in {files} cannot be read ({error}); move these files "
            "away to restore without it"
        ) from error


def put_back(store: Store, newer: Newer, since: float) -> None:
    """Put the rows into the restored tables and force them on disk; a second time changes nothing."""
    for table, rows in newer.rows.items():
        fitting = _fitting(rows, store.table(table).schema)
        for first in range(0, fitting.num_rows, _PUT):
            store.upsert(table, fitting.slice(first, _PUT))
        store.upkeep.flush(table, since)


def _fitting(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows in a schema that may be newer than theirs."""
    nothing = {one.name: pa.nulls(rows.num_rows, one.type) for one in schema if one.name not in rows.schema.names}
    columns = [nothing[one.name] if one.name in nothing else rows[one.name].cast(one.type) for one in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def remove_aside(files: Files) -> None:
    """Remove what was put aside."""
    if aside := files.list(PREFIX):
        files.remove(aside)
