"""Rolling verification of the objects that backups share.

A backup copies what is new and takes the rest as it lies there, so one flipped byte would spoil every later backup. So
each backup reads a share of what is there. An object has a moment of its own, drawn from its name, on a clock that goes
round once in the stated time; it is read by the backup that is the first after this moment. So each is read once a
round, without a note of when it was last, and after a long pause everything is. Objects that are gone or have another
size show in the listing, and those that were found damaged before are read each time.

A damaged object is copied again from the store, where that still has the same bytes. Where not, the backups that need
it are noted in `DAMAGED`, until it is mended or they are gone.
"""

import errno
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ragloop.backup.manifest import Entry, Manifest
from ragloop.errors import MismatchError, NotFoundError
from ragloop.store.files import Files, Found, each

DAMAGED = "damaged.json"
VERIFIED_WITHIN = timedelta(days=7)
"""A nightly backup then reads a seventh of the place. No object outlives the seven backups that are kept without having
been read once, and what is damaged is found while the store most likely still has it."""
CHANGED = "was changed"
Held = Callable[[str], tuple[Files, str]]
"""Where the file is that a backup has under this path: files, and its name among them."""


@dataclass(frozen=True)
class Damage:
    """An object of a place that is not what it was, and the backups that need it."""

    name: str
    what: str
    backups: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """What a verification read, what it mended and what it could not mend, by name."""

    files: int
    bytes: int
    mended: tuple[str, ...]
    damaged: Mapping[str, str]


def verify_share(
    files: Files,
    held: Held,
    known: Sequence[Manifest],
    there: Mapping[str, Found],
    now: datetime,
    within: timedelta,
) -> Verified:
    """Read what is due of the objects that the known backups (the newest first) need, and mend what is damaged."""
    needed = {entry.name: entry for one in reversed(known) for entry in one.entries}
    noted = marks(files)
    suspects = needed.keys() if noted is None else {one.name for one in noted}
    since = known[0].created_at if known else now
    by_size = {name: why for name, one in needed.items() if (why := _by_its_size(one, there.get(name)))}
    names = suspects | {name for name in needed if _is_due(name, since, now, within)}
    due = [one for name, one in needed.items() if name in names and name not in by_size]
    faults = zip(due, each(lambda one: fault(files, one), due, files.at_once), strict=True)
    damaged = by_size | {one.name: why for one, why in faults if why}
    mended = tuple(name for name in sorted(damaged) if _mend(files, held, needed[name], known))
    return Verified(
        len(due), sum(one.bytes for one in due), mended, {name: damaged[name] for name in damaged if name not in mended}
    )


def _by_its_size(entry: Entry, found: Found | None) -> str:
    if found is None:
        return "is gone"
    return "" if found.bytes == entry.bytes else CHANGED


def _is_due(name: str, since: datetime, now: datetime, within: timedelta) -> bool:
    """Return whether the moment of an object lies between the last backup and this one, in whole seconds as ids are."""
    round_s = max(1, int(within.total_seconds()))
    moment = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % round_s
    begins, passed = int(since.timestamp()), int((now - since).total_seconds())
    return (moment - begins) % round_s < passed


def fault(files: Files, entry: Entry) -> str:
    """Read an object; return what is wrong with it, or an empty string."""
    try:
        whole = hashed(files.read(entry.name)) == (entry.sha256, entry.bytes)
    except NotFoundError:
        return "is gone"
    except OSError as error:
        if error.errno != errno.EIO:  # anything else may pass, and says nothing of the bytes
            raise
        return "cannot be read from its disk"
    return "" if whole else CHANGED


def _mend(files: Files, held: Held, entry: Entry, known: Iterable[Manifest]) -> bool:
    """Copy an object again from a file of the store that has the same bytes; return whether there was one."""
    paths = sorted({one.path for manifest in known for one in manifest.entries if one.name == entry.name})
    return any(_mended_from(files, entry, path, *held(path)) for path in paths)


def _mended_from(files: Files, entry: Entry, path: str, source: Files, name: str) -> bool:
    def same() -> Iterator[bytes]:
        """Yield the bytes, once they are known to be the same; where they change meanwhile, nothing is written."""
        digest = hashlib.sha256()
        for part in source.read(name):
            digest.update(part)
            yield part
        if digest.hexdigest() != entry.sha256:
            raise MismatchError(f"{path} changed while it was copied")

    try:
        if hashed(source.read(name)) != (entry.sha256, entry.bytes):
            return False
        files.write(entry.name, same())
    except (NotFoundError, MismatchError):
        return False
    return True


def hashed(parts: Iterable[bytes]) -> tuple[str, int]:
    """Return the SHA-256 and size of what is read."""
    digest, size = hashlib.sha256(), 0
    for part in parts:
        digest.update(part)
        size += len(part)
    return digest.hexdigest(), size


# --- what is noted ----------------------------------------------------------------------------------------------------


def damages(damaged: Mapping[str, str], known: Iterable[Manifest]) -> tuple[Damage, ...]:
    """Return each damaged object with the backups that need it; one that none needs is no damage."""
    needing = {name: tuple(one.backup_id for one in known if name in one.names) for name in sorted(damaged)}
    return tuple(Damage(name, damaged[name], backups) for name, backups in needing.items() if backups)


def note(files: Files, found: Sequence[Damage]) -> None:
    """Keep what is damaged beside the backups; nothing is kept of a place where nothing is."""
    if found:
        files.write(DAMAGED, [json.dumps({"damaged": [asdict(one) for one in found]}, indent=1).encode()])
    elif DAMAGED in files.list(DAMAGED):
        files.remove([DAMAGED])


def marks(files: Files) -> tuple[Damage, ...] | None:
    """Return what was noted, or None where the note cannot be read, so that anything may be damaged."""
    try:
        noted = json.loads(b"".join(files.read(DAMAGED)))["damaged"]
        return tuple(Damage(str(one["name"]), str(one["what"]), tuple(map(str, one["backups"]))) for one in noted)
    except NotFoundError:
        return ()
    except (ValueError, KeyError, TypeError):
        return None
