"""Bring a backup back to where its store was, or to another home.

Every object of the backup is read and its SHA-256 compared before anything is changed. What the store holds that the
backup does not, and that no source can rebuild, is put aside (newer.py). Then a note is written among the files of
the database: a store that holds it opens for nobody, and a restore that is killed is completed by the next one. Of a
table the versions are removed first and written last, so that no table is ever half old and half new. At last what was
put aside is put into the tables, and the note is removed.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ragloop.backup.backups import Backups
from ragloop.backup.manifest import UNREADABLE, Entry, Manifest, TableState
from ragloop.backup.newer import PREFIX, SCRATCH, Newer, Whole, find_newer, put_aside, put_back, remove_aside, taken_up
from ragloop.backup.verifying import fault, hashed
from ragloop.catalogue import Lease, evidence_tables, leases_of
from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.store import MIGRATIONS, Boundary, Place, Store
from ragloop.store.files import RESTORING, Files, FolderFiles, Found, each
from ragloop.store.versions import version_of
from ragloop.wording import first_few

_LEASE_WAIT_S = 40
"""Longer than the lease of a killed process stays in a bucket."""
_SHOWN = 3
_CERTIFICATES = "erasures/"
"""What is there of them is newer than a backup: a record is signed after it was begun, and no backup un-signs it."""
_STORE = "store/"
"""The path of a file of the database begins so, under its name there."""
Progress = Callable[[int, int, int], None]
"""Called with files done, files to do, and bytes written so far."""


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did, or with `dry_run` would do: `files` of the backup, of which so many had to be written.

    `files_removed` of the store before it, of which `tables_before` are the tables. What that store held and the tables
    of the backup do not: rows that are `kept`, by table (`journal`: lines that are in no table yet), rows that are
    `gone`, and tables that are `unreadable`, of which nothing can be kept.
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
    kept: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


def restore(
    backups: Backups,
    backup_id: str,
    home: Path,
    place: Place,
    *,
    replace: bool = False,
    dry_run: bool = False,
    whole: Whole = lambda path, sha256: True,
    boundary: Boundary = nullcontext,
    progress: Progress = lambda done, total, written: None,
) -> RestoreReport:
    """Restore a backup (an id, or `latest`) to `home` and `place`; with `dry_run` verify it, and change nothing.

    Answers, feedback, adapters and promotions that are newer than the backup are kept; `whole` says whether the files
    of an adapter are those of its row. `boundary` is that of the store which is restored.

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
    before = _tables(place)
    if before and not (replace or dry_run or place.restoring()):
        raise UsageError(
            f"found a store in {place}, which a restore would replace; expected none: name another --home, or say "
            "--replace"
        )
    verify(backups, manifest, lambda done, total: progress(done, 2 * total, 0))
    lost = _complete_other(backups, manifest, home, place, whole) if replace and not dry_run else {}
    before = _tables(place)  # also of what was completed just now
    work = _Restore(backups.files, manifest, home, place.database, backups.artifacts(home), progress)

    def find() -> Newer:
        tables = evidence_tables(backups.catalogue)
        return find_newer(home, place, backups.files, manifest, tables, whole) if before else Newer()

    unfolded = _unfolded(home)
    newer = (
        (taken_up(place.database) if place.restoring() else find())
        if dry_run
        else _run(work, place, leases_of(backups.catalogue), home, manifest, replace, find, boundary)
    )
    return RestoreReport(
        manifest.backup_id, str(place), dry_run, tuple(manifest.tables), len(manifest.entries), manifest.size,
        work.files_written, work.bytes_written, work.files_removed, before, round(time.perf_counter() - started, 3),
        newer.kept | unfolded, newer.gone, lost | dict(newer.unreadable),
    )  # fmt: skip


def _tables(place: Place) -> tuple[str, ...]:
    return tuple(filter(place.tables.has, place.tables.names("")))


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
        raise MismatchError(
            f"the backup {manifest.backup_id} in {files} is damaged: {first_few([*bad.values()], _SHOWN)}; "
            f"nothing was restored: {_another(backups, bad.keys())}, `ragloop backup list` shows all"
        )


def _another(backups: Backups, bad: Set[str]) -> str:
    """Say what to take instead of a backup of which these objects are damaged."""
    known = {one.name for one in backups.marked()} | bad
    whole = next((one.backup_id for one in backups.all() if not one.names & known), None)
    return f"take another one, {whole} does not need what is damaged" if whole else "every other one needs it too"


class _Restore:
    """The files of one backup on their way to a store."""

    def __init__(
        self, backup: Files, manifest: Manifest, home: Path, database: Files, artifacts: Files, progress: Progress
    ) -> None:
        self._backup, self._manifest, self._progress = backup, manifest, progress
        self._database, self._artifacts, self._home = database, artifacts, home
        self.files_written = self.bytes_written = self.files_removed = self._done = 0

    def begin(self, noted: str, find: Callable[[], Newer]) -> Newer:
        """Put aside what is newer than the backup and note that a restore is under way; or take up what an interrupted
        restore has put aside."""
        for left in self._home.glob(f"{SCRATCH}*"):  # by a restore that was killed
            shutil.rmtree(left, ignore_errors=True)
        newer = taken_up(self._database) if noted else find()
        if not noted:
            put_aside(self._database, newer)
        self._note()
        return newer

    def bring(self, newer: Newer) -> None:
        """Write every file of the backup."""
        in_tables = sorted((one for one in self._manifest.entries if one.path.startswith(_STORE)), key=_stage)
        there = self._remove({one.path.removeprefix(_STORE) for one in in_tables})
        for top, target in (("artifacts/", self._artifacts), ("journal/", FolderFiles(self._home / "journal"))):
            entries = [one for one in self._manifest.entries if one.path.startswith(top)]
            folders = {one.path.removeprefix(top).rpartition("/")[0] for one in entries}
            kept = {name: found for one in folders for name, found in target.list(one and f"{one}/").items()}
            stays = (*(f"{one}/" for one in newer.folders), _CERTIFICATES)
            stay = {name for name in kept if name.startswith(stays)}
            self._bring(entries, top, target, kept, stay)
        for _, stage in groupby(in_tables, _stage):
            self._bring(list(stage), _STORE, self._database, there)

    def end(self) -> None:
        """Remove the note: from here on the store opens."""
        self._database.remove([RESTORING])
        remove_aside(self._database)

    def _note(self) -> None:
        again = f"`ragloop restore {self._manifest.backup_id} --from {self._backup}` completes it"
        self._database.write(RESTORING, [json.dumps({"backup": self._manifest.backup_id, "then": again}).encode()])

    def _remove(self, wanted: Set[str]) -> dict[str, Found]:
        """Remove the versions of every table, then what the backup does not name; return what is left."""
        listed = self._database.list()
        there = {name: one for name, one in listed.items() if name != RESTORING and not name.startswith(PREFIX)}
        versions = [name for name in there if "/_versions/" in name]
        left = {name: found for name, found in there.items() if name in wanted and "/_versions/" not in name}
        unwanted = there.keys() - left.keys() - set(versions)
        self._database.remove([*versions, *sorted(unwanted)])
        self.files_removed = len(versions) + len(unwanted)
        return left

    def _bring(
        self,
        entries: Sequence[Entry],
        top: str,
        target: Files,
        there: Mapping[str, Found],
        stay: Set[str] = frozenset(),
    ) -> None:
        """Write each file where there is none with these bytes; those that `stay` are left as they are."""

        def written(entry: Entry) -> bool:
            name = entry.path.removeprefix(top)
            found = there.get(name)
            if name in stay:
                return False
            if found and entry.path == f"journal/{UNREADABLE}":
                return self._add_lines(entry, target, name)
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

    def _add_lines(self, entry: Entry, target: Files, name: str) -> bool:
        """Add the unreadable lines of the backup's log to those that are there; return whether there were new ones."""
        there = b"".join(target.read(name))
        known = set(there.splitlines())
        lines = [one for one in b"".join(self._verified(entry)).splitlines() if one not in known]
        if lines:
            target.write(name, [there, *(line + b"\n" for line in lines)])
        return bool(lines)

    def _verified(self, entry: Entry) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for part in self._backup.read(entry.name):
            digest.update(part)
            yield part
        if digest.hexdigest() != entry.sha256:
            raise MismatchError(f"{entry.name} in {self._backup} changed during the restore; run it again")


def _run(
    work: "_Restore",
    place: Place,
    leases: Iterable[str],
    home: Path,
    manifest: Manifest,
    replace: bool,
    find: Callable[[], Newer],
    boundary: Boundary,
) -> Newer:
    """Write what is to be written, under these leases; that of backups is held to the end."""
    with place.leases.hold(Lease.BACKUP, _LEASE_WAIT_S) as check:
        with _leases(place, leases) as check_all:
            noted = place.restoring()
            _must_complete(noted, manifest, replace)
            newer = work.begin(noted, find)
            work.bring(newer)
            check_all()
        # A migration may need the leases, and nobody else opens the store while the note is there.
        since = time.time()
        store = Store.open(home, create=False, place=place, restoring=True, boundary=boundary)
        _must_hold(store, manifest)
        put_back(store, newer, since)
        check()
        work.end()
    return newer


def _complete_other(backups: Backups, manifest: Manifest, home: Path, place: Place, whole: Whole) -> dict[str, str]:
    """Complete an interrupted restore of another backup, so that this one finds what came between the two.

    Where that backup cannot be had, return why nothing of it is kept, by table.
    """
    noted = place.restoring()
    other = _noted(noted)
    if not noted or other == manifest.backup_id:
        return {}
    try:
        restore(backups, other, home, place, replace=True, whole=whole)
    except (NotFoundError, MismatchError) as error:
        why = f"a restore of {other or 'an unknown backup'} was interrupted and cannot be completed: {error}"
        return dict.fromkeys(evidence_tables(backups.catalogue), why)
    return {}


def _noted(noted: str) -> str:
    """Return the id of the backup whose restore was interrupted, or an empty string where the note does not say."""
    try:
        return str(json.loads(noted)["backup"]) if noted else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _must_complete(noted: str, manifest: Manifest, replace: bool) -> None:
    """Raise UsageError where another restore was interrupted: what it put aside is only what its own backup lacks."""
    other = _noted(noted)
    if other not in ("", manifest.backup_id) and not replace:
        raise UsageError(
            f"found an interrupted restore of {other}, expected to complete it before {manifest.backup_id} is "
            "restored, so that no answer since then is lost; or say --replace, which does both"
        )


def _unfolded(home: Path) -> dict[str, int]:
    """Count the lines of the journal, which stays as it is; whatever reads the tables next folds it into them."""
    lines = sum(one.read_bytes().count(b"\n") for one in (home / "journal").glob("*.jsonl"))
    return {"journal": lines} if lines else {}


@contextmanager
def _leases(place: Place, names: Iterable[str]) -> Iterator[Callable[[], None]]:
    with ExitStack() as held:
        checks = [held.enter_context(place.leases.hold(one, _LEASE_WAIT_S)) for one in names]

        def check() -> None:
            for one in checks:
                one()

        yield check


def _must_hold(store: Store, manifest: Manifest) -> None:
    """Raise MismatchError where a restored table has another number of rows than the backup."""
    for table in manifest.tables:
        if table.name != "migrations" and (rows := store.count(table.name)) != table.rows:
            raise MismatchError(
                f"the table {table.name} has {rows} rows after the restore, the backup has {table.rows}"
            )


def _stage(entry: Entry) -> tuple[bool, bool]:
    """Return what is written together, in order: a table's versions after its files, and last the table of migrations,
    which makes the store exist."""
    table, _, file = entry.path.removeprefix(_STORE).partition(".lance/")
    return table == "migrations", bool(version_of(file))
