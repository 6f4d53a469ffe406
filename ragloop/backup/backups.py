"""Backups of one store in one place, a folder or a prefix of a bucket.

    backups/ID.json           a manifest, written last: what has none is no backup. ID is the time in UTC
    files/store/TABLE.lance/  files of the database under their own names, of which none ever bears other bytes: so
                              backups share files by name and size, and copy what is new
    files/by-content/SHA256   every other file (versions of tables, journal, datasets, adapters)

    damaged.json              objects that a verification found damaged, and the backups that need them (verifying.py)

Expiry removes manifests first, then the objects that no manifest names any more. A damaged backup pushes no whole one
out.

An erasure finds its way by the same manifests. It rewrites, in the store, every file that rests on what is erased,
under new names; so a backup that is taken after it names none of the old ones. Those before it do: `Manifest.entries`
says which backups name a file that the erasure replaced, `Backups.delete` deletes them and every object that no other
backup names. What remains rests on nothing that was erased.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from ragloop.backup.manifest import OBJECTS, Entry, Manifest, TableState, decoded
from ragloop.backup.snapshot import Snapshot, Source, place_of, take
from ragloop.backup.verifying import (
    DAMAGED,
    VERIFIED_WITHIN,
    Damage,
    Verified,
    damages,
    hashed,
    marks,
    note,
    verify_share,
)
from ragloop.catalogue import Derived, Lease
from ragloop.errors import MismatchError, NotFoundError, RagloopError, StoreChangedError, UnavailableError, UsageError
from ragloop.store import Clock, Store, utc_now
from ragloop.store.files import Files, FolderFiles, Found, each
from ragloop.wording import first_few

TRIES = 5
"""A sync that compacts meanwhile removes files that are still to be copied; each try copies only what is new since. The
last one keeps writers of the index waiting."""
GRACE_S = 24 * 3600.0
"""An object that no manifest names stays for so long: it may be of a backup under way."""
_LEASE_WAIT_S = 600
_ID = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"backups/(\d{8}T\d{6}Z)\.json")
Progress = Callable[[int, int, int], None]
"""Called with files done, files to do, and bytes copied so far."""


@dataclass(frozen=True)
class BackupReport:
    """What a backup did. `files` and `bytes` are what it holds, `*_copied` what was not there yet. `expired`: backups
    that were removed, with `files_removed`. `*_verified` is what was read of the objects that were there, `mended` what
    was copied again of them, `damaged` what the store has no more. `problems`: what is wrong with older backups."""

    backup_id: str
    place: str
    tables: tuple[TableState, ...]
    files: int
    bytes: int
    files_copied: int
    bytes_copied: int
    expired: tuple[str, ...]
    files_removed: int
    bytes_removed: int
    tries: int
    seconds: float
    problems: tuple[str, ...] = ()
    files_verified: int = 0
    bytes_verified: int = 0
    mended: tuple[str, ...] = ()
    damaged: tuple[Damage, ...] = ()


class Backups:
    """The backups in `files` of what a catalogue names.

    `now` is their clock, `artifacts` the artifact root of the store, where that is not in its home.
    """

    def __init__(
        self, files: Files, catalogue: Sequence[Derived], now: Clock = utc_now, artifacts: Files | None = None
    ) -> None:
        self.files, self.catalogue, self._now, self._artifacts = files, catalogue, now, artifacts

    def artifacts(self, home: Path) -> Files:
        """Return the artifact root of the store that has this home."""
        return self._artifacts or FolderFiles(home / "artifacts")

    def all(self) -> list[Manifest]:
        """Return every backup, newest first. Those whose manifest is damaged are left out; see `damaged`."""
        return [one for one in self._read_all() if isinstance(one, Manifest)]

    def damaged(self) -> list[str]:
        """Return what is wrong with manifests, and with the note of a verification, that cannot be read."""
        lost = (
            f"{self.files}/{DAMAGED} cannot be read, which notes what is damaged; the next backup verifies everything"
        )
        return [*self._damaged_manifests(), *([lost] if marks(self.files) is None else [])]

    def _damaged_manifests(self) -> list[str]:
        return [str(one) for one in self._read_all() if isinstance(one, MismatchError)]

    def _read_all(self) -> Iterator[Manifest | MismatchError]:
        for backup_id in self._ids():
            try:
                yield self._decoded(backup_id)
            except MismatchError as error:
                yield error

    def _ids(self) -> list[str]:
        """Return the id of every backup whose manifest is there, damaged or not, newest first."""
        names = [_NAME.fullmatch(name) for name in self.files.list("backups/")]
        return sorted((found[1] for found in names if found), reverse=True)

    def _decoded(self, backup_id: str) -> Manifest:
        name = f"backups/{backup_id}.json"
        return decoded(b"".join(self.files.read(name)), f"{self.files}/{name}", backup_id)

    def backup(self, backup_id: str) -> Manifest:
        """Return a backup by its id, a beginning of it that no other has, or `latest`.

        Raises NotFoundError, MismatchError.
        """
        ids = self._ids()
        found = ids[:1] if backup_id == "latest" else [one for one in ids if backup_id and one.startswith(backup_id)]
        if len(found) != 1:
            raise NotFoundError(
                f"found {len(found)} backups named {backup_id!r} in {self.files}, expected one; "
                "`ragloop backup list` shows all"
            )
        return self._decoded(found[0])

    def marked(self) -> tuple[Damage, ...]:
        """Return what verifications found damaged and could not mend; see `damaged` for a note that cannot be read."""
        ids = set(self._ids())
        noted = marks(self.files) or ()
        left = [replace(one, backups=tuple(id_ for id_ in one.backups if id_ in ids)) for one in noted]
        return tuple(one for one in left if one.backups)

    def newest(self) -> Manifest | None:
        """Return the newest backup, if there is any. Raises MismatchError where its manifest is damaged."""
        ids = self._ids()
        return self._decoded(ids[0]) if ids else None

    def make(
        self,
        store: Store,
        keep: int,
        progress: Progress = lambda done, total, copied: None,
        *,
        verified_within: timedelta = VERIFIED_WITHIN,
    ) -> BackupReport:
        """Verify a share of what is there, take a backup, then delete those that have `keep` whole ones after them.

        Raises StoreBusyError while another backup of this store is under way, StoreChangedError, StorageFullError, and
        UsageError where the place holds backups of another store.
        """
        if keep < 1:
            raise UsageError(f"found keep = {keep}; expected to keep one backup at least")
        started = time.perf_counter()
        with store.lease(Lease.BACKUP):
            known, problems = self.all(), self._damaged_manifests()
            self._must_be_of(store, known)
            backup_id, now = _new_id(self._ids(), self._now())
            there = self.files.list(OBJECTS)
            artifacts = self.artifacts(store.home)
            held = partial(place_of, store, artifacts)
            verified = verify_share(self.files, held, known, there, now, verified_within)
            copy = _Copy(self.files, known, there, verified, progress)
            for tries in range(1, TRIES + 1):
                with store.lease("index", wait_s=_LEASE_WAIT_S) if tries == TRIES else nullcontext():
                    try:
                        snapshot = take(store, self.catalogue, artifacts)
                        entries = copy.all(snapshot, backup_id)
                        break
                    except StoreChangedError:
                        if tries == TRIES:
                            raise
            damaged = damages(copy.damaged, known)
            note(self.files, damaged)
            known_as = store.migrations.identity, str(store), store.migrations.schema
            made = Manifest(backup_id, now, *known_as, snapshot.tables, entries)
            self.files.write(f"backups/{backup_id}.json", [made.encoded()])
            expired = [] if problems else _expired([made, *known], {one for d in damaged for one in d.backups}, keep)
            removed: list[Found] = []
            left: list[str] = []
            try:
                removed = [] if problems else self._delete([one.backup_id for one in expired])
            except UnavailableError as error:
                # The backup is taken: to fail now would take another one at the next try, for which an older one goes.
                left.append(f"older backups were not removed, which the next backup does: {error}")
                expired = []
        reported = [*(f"{one}; no older backup was removed" for one in problems), *left, *_unrestorable(damaged)]
        return BackupReport(
            backup_id, str(self.files), snapshot.tables, len(entries), made.size, copy.files_copied, copy.bytes_copied,
            tuple(one.backup_id for one in expired), len(removed), sum(one.bytes for one in removed), tries,
            round(time.perf_counter() - started, 3), tuple(reported),
            verified.files, verified.bytes, (*verified.mended, *copy.mended), damaged,
        )  # fmt: skip

    def _must_be_of(self, store: Store, known: Sequence[Manifest]) -> None:
        others = {one.place for one in known if one.store != store.migrations.identity}
        if others:
            raise UsageError(
                f"{self.files} holds backups of another store, {others.pop()}; name another place for those of {store}"
            )

    def delete(self, store: Store, backup_ids: Iterable[str]) -> int:
        """Delete backups and every object that no other one names; return the number of objects."""
        with store.lease(Lease.BACKUP):
            return len(self._delete(list(backup_ids)))

    def keep_only(self, store: Store, backup_id: str) -> int:
        """Delete every backup but one, and every object that it does not name, those included that a killed backup
        left; return the number of objects."""
        with store.lease(Lease.BACKUP):
            kept = self.backup(backup_id)
            self.files.remove([f"backups/{one}.json" for one in self._ids() if one != kept.backup_id])
            due = self.files.list(OBJECTS).keys() - kept.names
            self.files.remove(due)
            return len(due)

    def _delete(self, backup_ids: Sequence[str]) -> list[Found]:
        every = self.all()
        going = [one for one in every if one.backup_id in backup_ids]
        self.files.remove([f"backups/{one.backup_id}.json" for one in going])
        kept = {name for one in every if one not in going for name in one.names}
        once = {name for one in going for name in one.names}
        due = {
            name: found
            for name, found in self.files.list(OBJECTS).items()
            if name not in kept and (name in once or found.age_s > GRACE_S)
        }
        self.files.remove(due)
        return list(due.values())


@dataclass(frozen=True)
class LastBackup:
    """What a status shows of the backups at `place`: the newest, None where there is none, or the `problem`.

    `damaged` are the ids of those that are known not to be restorable."""

    place: str
    backup_id: str | None = None
    at: datetime | None = None
    problem: str | None = None
    damaged: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.problem:
            return f"unknown: {self.problem}"
        taken = f"{self.at:%Y-%m-%d %H:%M:%S%z}, {self.backup_id}" if self.at else "none"
        return f"{taken} in {self.place}" + (f"; damaged: {', '.join(self.damaged)}" if self.damaged else "")


def last_backup(place: str, opened: Callable[[], Backups]) -> LastBackup:
    """Return the newest backup at the configured place. Errors are returned in `problem`, not raised."""
    try:
        backups = opened()
        found = backups.newest()
        damaged = tuple(sorted({backup_id for one in backups.marked() for backup_id in one.backups}))
    except RagloopError as error:
        return LastBackup(place, problem=str(error))
    return LastBackup(place, found.backup_id, found.created_at, None, damaged) if found else LastBackup(place)


def _expired(newest_first: Sequence[Manifest], damaged: Set[str], keep: int) -> list[Manifest]:
    """Return the backups that have `keep` whole ones after them."""
    whole, expired = 0, []
    for one in newest_first:
        if whole >= keep:
            expired.append(one)
        whole += one.backup_id not in damaged
    return expired


def _unrestorable(damaged: Sequence[Damage]) -> list[str]:
    """Return a sentence for each backup that cannot be restored."""
    needing: dict[str, list[str]] = {}
    for one in damaged:
        for backup_id in one.backups:
            needing.setdefault(backup_id, []).append(f"{one.name} {one.what}")
    return [
        f"the backup {backup_id} is damaged: {first_few(found, 1)}; the store "
        "has these bytes no more, so it cannot be restored: it goes when `keep` whole ones came after it"
        for backup_id, found in sorted(needing.items())
    ]


class _Copy:
    """What is copied to one backup, over all its tries; several files at once where a bucket is asked."""

    def __init__(
        self,
        files: Files,
        known: Sequence[Manifest],
        there: Mapping[str, Found],
        verified: Verified,
        progress: Progress,
    ) -> None:
        self._files, self._progress, self._damaged = files, progress, verified.damaged
        entries = {one.name: one for manifest in reversed(known) for one in manifest.entries}
        self._hashes = {name: one.sha256 for name, one in entries.items()}
        mended = {name: entries[name].bytes for name in verified.mended}
        self._there = {name: found.bytes for name, found in there.items() if name not in self._damaged} | mended
        self.files_copied = self.bytes_copied = 0
        self._lock = threading.Lock()
        self._names: dict[str, threading.Lock] = {}

    @property
    def mended(self) -> tuple[str, ...]:
        """Return the objects that were damaged, and were copied again since a file of the snapshot has these bytes."""
        return tuple(sorted(self._damaged.keys() & self._there.keys()))

    @property
    def damaged(self) -> dict[str, str]:
        """Return the objects that still are damaged."""
        return {name: why for name, why in self._damaged.items() if name not in self._there}

    def all(self, snapshot: Snapshot, backup_id: str) -> tuple[Entry, ...]:
        """Return every file of a snapshot, copied where it is not there. Raises StoreChangedError."""
        total, entries = len(snapshot.sources) + 1, []
        at_once = max(self._files.at_once, *(one.files.at_once for one in snapshot.sources))
        for entry in each(self._entry, snapshot.sources, at_once):
            entries.append(entry)
            self._progress(len(entries), total, self.bytes_copied)
        if snapshot.journal:
            entries.append(self._journal(snapshot.journal, f"journal/sealed-{backup_id}.jsonl"))
        self._progress(total, total, self.bytes_copied)
        return tuple(entries)

    def _entry(self, source: Source) -> Entry:
        # Where the store has other bytes than the place had, nobody knows which are right: neither is written over.
        fixed = source.fixed and f"files/{source.path}" not in self._damaged
        return self._fixed(source) if fixed else self._by_content(source)

    def _fixed(self, source: Source) -> Entry:
        name = f"files/{source.path}"
        if self._there.get(name) != source.bytes:
            return self._copied(source, name)
        # One that a killed backup left is whole, but its hash was not noted.
        sha256 = self._hashes.get(name) or hashed(_parts(source))[0]
        return Entry(source.path, source.bytes, sha256, name)

    def _by_content(self, source: Source) -> Entry:
        sha256, size = hashed(_parts(source))
        name = f"files/by-content/{sha256}"
        with self._names.setdefault(name, threading.Lock()):  # two files with the same bytes are copied once
            if self._there.get(name) == size:
                return Entry(source.path, size, sha256, name)
            copied = self._copied(source, name)
            if copied.sha256 != sha256:
                del self._there[name]
                self._files.remove([name])
                raise StoreChangedError(f"{source.path} changed while it was copied; try again")
        return copied

    def _journal(self, lines: bytes, path: str) -> Entry:
        sha256 = hashlib.sha256(lines).hexdigest()
        name = f"files/by-content/{sha256}"
        if self._there.get(name) != len(lines):
            self._files.write(name, [lines])
            self._note(name, sha256, len(lines))
        return Entry(path, len(lines), sha256, name)

    def _copied(self, source: Source, name: str) -> Entry:
        digest, size = hashlib.sha256(), 0

        def passing() -> Iterator[bytes]:
            nonlocal size
            for part in _parts(source):
                digest.update(part)
                size += len(part)
                yield part
            if size != source.bytes:
                raise StoreChangedError(f"{source.path} changed while it was copied; try again")

        self._files.write(name, passing())
        self._note(name, digest.hexdigest(), size)
        return Entry(source.path, size, digest.hexdigest(), name)

    def _note(self, name: str, sha256: str, size: int) -> None:
        with self._lock:
            self.files_copied += 1
            self.bytes_copied += size
        self._there[name] = size
        self._hashes[name] = sha256


def _parts(source: Source) -> Iterator[bytes]:
    try:
        yield from source.files.read(source.name)
    except NotFoundError as error:
        raise StoreChangedError(f"{source.path} is gone: {error}; try again") from error


def _new_id(ids: Sequence[str], now: datetime) -> tuple[str, datetime]:
    """Return the time as an id, or the first second after the newest backup where a clock was set back.

    `ids` are those of damaged backups, too.
    """
    now = now.replace(microsecond=0)
    if ids and (newest := datetime.strptime(max(ids), _ID).replace(tzinfo=UTC)) >= now:
        now = newest + timedelta(seconds=1)
    return now.strftime(_ID), now
