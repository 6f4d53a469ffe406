"""Bring a backup back to where its store was, or to another home.

Every object of the backup is read and its SHA-256 compared before anything is changed. Then a note is written among the
files of the database: a store that holds it opens for nobody, and a restore that is killed is completed by the next
one. Of a table the versions are removed first and written last, so that no table is ever half old and half new.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ragloop.backup.backups import Backups
from ragloop.backup.manifest import Entry, Manifest, TableState
from ragloop.backup.verifying import fault, hashed
from ragloop.errors import MismatchError, UsageError
from ragloop.store import MIGRATIONS, Place, Store
from ragloop.store.files import RESTORING, Files, FolderFiles, Found, each
from ragloop.store.versions import version_of

LEASES = ("backup", "index", "generations", "registry", "journal", "schema")
_LEASE_WAIT_S = 40
"""Longer than the lease of a killed process stays in a bucket."""
_SHOWN = 3
_STORE = "store/"
"""The path of a file of the database begins so, under its name there."""
Progress = Callable[[int, int, int], None]
"""Called with files done, files to do, and bytes written so far."""


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did, or with `dry_run` would do: `files` of the backup, of which so many had to be written.

    `files_removed` of the store before it, of which `tables_before` are the tables.
    """

    backup_id: str
    place: str
    dry_run: bool
    tables: tuple[TableState, ...]
    files: int
    bytes: int
    files_written: int
    bytes_written: int
    files_removed: int
    tables_before: tuple[str, ...]
    seconds: float


def restore(
    backups: Backups,
    backup_id: str,
    home: Path,
    place: Place,
    *,
    replace: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda done, total, written: None,
) -> RestoreReport:
    """Restore a backup (an id, or `latest`) to `home` and `place`; with `dry_run` verify it, and change nothing.

    Raises NotFoundError where there is no such backup; UsageError where there is a store already and `replace` is not
    given; MismatchError where the backup is damaged or newer; StoreBusyError where something writes the store. In all
    of these nothing was changed.
    """
    started = time.perf_counter()
    manifest = backups.backup(backup_id)
    if manifest.schema > len(MIGRATIONS):
        raise MismatchError(
            f"the backup {manifest.backup_id} has schema {manifest.schema}, this ragloop knows schemas up to "
            f"{len(MIGRATIONS)}; install the ragloop that wrote it, or a newer one"
        )
    before = tuple(name for name in place.tables("") if place.has(name))
    if before and not (replace or dry_run or place.restoring()):
        raise UsageError(
            f"found a store in {place}, which a restore would replace; expected none: name another --home, or say "
            "--replace"
        )
    verify(backups, manifest, lambda done, total: progress(done, 2 * total, 0))
    work = _Restore(backups.files, manifest, home, place.database, progress)
    if not dry_run:
        with _leases(place) as check:
            work.run(check)
        _must_hold(Store.open(home, create=False, place=place), manifest)
    return RestoreReport(
        manifest.backup_id, str(place), dry_run, tuple(manifest.tables), len(manifest.entries), manifest.size,
        work.files_written, work.bytes_written, work.files_removed, before, round(time.perf_counter() - started, 3),
    )  # fmt: skip


def verify(
    backups: Backups, manifest: Manifest, progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Read every object of a backup. Raises MismatchError, which names those that are gone or have other bytes."""
    files, bad = backups.files, dict[str, str]()
    faults = each(lambda entry: fault(files, entry), manifest.entries, files.at_once)
    for done, (entry, why) in enumerate(zip(manifest.entries, faults, strict=True), 1):
        if why:
            bad[entry.name] = f"{entry.name} {why}"
        progress(done, len(manifest.entries))
    if bad:
        more = f", and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise MismatchError(
            f"the backup {manifest.backup_id} in {files} is damaged: {', '.join([*bad.values()][:_SHOWN])}{more}; "
            f"nothing was restored: {_another(backups, bad.keys())}, `ragloop backup list` shows all"
        )


def _another(backups: Backups, bad: Set[str]) -> str:
    """What to take instead of a backup of which these objects are damaged."""
    known = {one.name for one in backups.marked()} | bad
    whole = next((one.backup_id for one in backups.all() if not one.names & known), None)
    return f"take another one, {whole} does not need what is damaged" if whole else "every other one needs it too"


class _Restore:
    """The files of one backup on their way to a store."""

    def __init__(self, backup: Files, manifest: Manifest, home: Path, database: Files, progress: Progress) -> None:
        self._backup, self._manifest, self._progress = backup, manifest, progress
        self._database, self._home = database, FolderFiles(home)
        self.files_written = self.bytes_written = self.files_removed = self._done = 0

    def run(self, check: Callable[[], None]) -> None:
        """Everything; `check` raises StoreBusyError where a lease was lost."""
        in_tables = sorted((one for one in self._manifest.entries if one.path.startswith(_STORE)), key=_stage)
        others = [one for one in self._manifest.entries if not one.path.startswith(_STORE)]
        self._note()
        there = self._remove({one.path.removeprefix(_STORE) for one in in_tables})
        kept = {name: found for one in others for name, found in self._home.list(one.path).items()}
        self._bring(others, self._home, kept)
        for _, stage in groupby(in_tables, _stage):
            self._bring(list(stage), self._database, there)
        check()
        self._database.remove([RESTORING])

    def _note(self) -> None:
        again = f"`ragloop restore {self._manifest.backup_id} --from {self._backup}` completes it"
        self._database.write(RESTORING, [json.dumps({"backup": self._manifest.backup_id, "then": again}).encode()])

    def _remove(self, wanted: Set[str]) -> dict[str, Found]:
        """Remove the versions of every table, then what the backup does not name; returns what is left."""
        there = self._database.list()
        there.pop(RESTORING, None)
        versions = [name for name in there if "/_versions/" in name]
        left = {name: found for name, found in there.items() if name in wanted and "/_versions/" not in name}
        unwanted = there.keys() - left.keys() - set(versions)
        self._database.remove([*versions, *sorted(unwanted)])
        self.files_removed = len(versions) + len(unwanted)
        return left

    def _bring(self, entries: Sequence[Entry], target: Files, there: Mapping[str, Found]) -> None:
        """Write each file where there is none with these bytes."""

        def written(entry: Entry) -> bool:
            name = entry.path.removeprefix(_STORE)
            found = there.get(name)
            if found and found.bytes == entry.bytes and hashed(target.read(name))[0] == entry.sha256:
                return False
            target.write(name, self._verified(entry))
            return True

        total = len(self._manifest.entries)
        for entry, was in zip(entries, each(written, entries, max(self._backup.at_once, target.at_once)), strict=True):
            self.files_written += was
            self.bytes_written += entry.bytes * was
            self._done += 1
            self._progress(total + self._done, 2 * total, self.bytes_written)

    def _verified(self, entry: Entry) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for part in self._backup.read(entry.name):
            digest.update(part)
            yield part
        if digest.hexdigest() != entry.sha256:
            raise MismatchError(f"{entry.name} in {self._backup} changed during the restore; run it again")


@contextmanager
def _leases(place: Place) -> Iterator[Callable[[], None]]:
    with ExitStack() as held:
        checks = [held.enter_context(place.lease(one, _LEASE_WAIT_S)) for one in LEASES]

        def check() -> None:
            for one in checks:
                one()

        yield check


def _must_hold(store: Store, manifest: Manifest) -> None:
    """What was restored must open and count as it did."""
    for table in manifest.tables:
        if table.name != "migrations" and (rows := store.count(table.name)) != table.rows:
            raise MismatchError(
                f"the table {table.name} has {rows} rows after the restore, the backup has {table.rows}"
            )


def _stage(entry: Entry) -> tuple[bool, bool]:
    """What is written at once, in this order: a table's versions after its files, and last the table of migrations,
    which makes the store exist."""
    table, _, file = entry.path.removeprefix(_STORE).partition(".lance/")
    return table == "migrations", bool(version_of(file))
