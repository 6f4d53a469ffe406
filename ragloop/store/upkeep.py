"""The files of tables in good order: old versions removed, writes forced to disk, leftovers of killed writes found."""

import time
from datetime import timedelta

from ragloop.errors import StoreBusyError
from ragloop.store.names import table_file
from ragloop.store.places.place import Place
from ragloop.store.tables import Tables
from ragloop.store.versions import mark, version_of
from ragloop.store.writing import Writing

MANY_VERSIONS = 100
"""Every commit leaves a version and a fragment; a table that has gathered more than these is compacted."""
KEPT_VERSIONS = timedelta(hours=1)
_AT_ONCE = timedelta(milliseconds=1)
"""Of less, LanceDB warns."""


class Upkeep:
    """The upkeep of one store's tables."""

    def __init__(self, place: Place, tables: Tables, writing: Writing) -> None:
        self._place, self._tables, self._writing = place, tables, writing

    def tidy(self, name: str) -> None:
        """Compact the table and remove its old versions, once there are many; the caller holds the lease to write it.

        Versions that a reader may still be reading, those of the last hour, stay.
        """
        ages = [age for file, age in self._ages(name, "_versions/").items() if version_of(file)]
        if len(ages) > MANY_VERSIONS and max(ages) > KEPT_VERSIONS.total_seconds():
            with self._writing.commit("optimize", name):
                self._tables.open(name).optimize(cleanup_older_than=KEPT_VERSIONS)

    def leave_newest(self, name: str) -> None:
        """Remove every version of the table but the newest, and every file that this one does not name.

        Who is reading an older version fails. Raises StoreBusyError where another process committed meanwhile.
        """
        time.sleep(2 * _AT_ONCE.total_seconds())
        with self._writing.commit("purge", name):
            self._tables.open(name).optimize(cleanup_older_than=_AT_ONCE, delete_unverified=True)
        left = [one for one in self._ages(name, "_versions/") if version_of(one)]
        if len(left) > 1:
            raise StoreBusyError(f"the table {name} was written to while its old versions were removed; try again")

    def flush(self, name: str, since: float) -> None:
        """Make durable what was written to the table since that time (seconds since 1970)."""
        with self._writing.boundary(f"flush {name}"):
            self._place.tables.flush(name, since)

    def nameless_files(self, name: str) -> dict[str, float]:
        """Find files of data and of indexes that no version of the table names; seconds since each was written.

        A write that was killed leaves some; those of a write under way are nameless too. What belongs together, as the
        files of one index, counts once.
        """
        files = self._ages(name)
        parts: dict[str, tuple[bytes, float]] = {}
        for file, age in files.items():
            if found := mark(file):
                part, marked = found
                parts[part] = (marked, min(age, parts.get(part, (marked, age))[1]))
        for version in sorted(one for one in files if version_of(one)):
            if not parts:
                break
            manifest = self._read(name, version)
            parts = {part: one for part, one in parts.items() if one[0] not in manifest}
        return {part: age for part, (_, age) in parts.items()}

    def _ages(self, name: str, below: str = "") -> dict[str, float]:
        """Return the seconds since each file of the table was written, by its path in the table."""
        top = f"{table_file(name, self._place)}/"
        with self._place.errors():
            found = self._place.database.list(top + below)
        return {file.removeprefix(top): one.age_s for file, one in found.items()}

    def _read(self, name: str, file: str) -> bytes:
        with self._place.errors():
            return b"".join(self._place.database.read(f"{table_file(name, self._place)}/{file}"))
