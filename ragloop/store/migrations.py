"""Numbered migrations, each of which brings a store from the number before it to its own.

One that was killed is run again from its start, so each finds what it has done already. Until a first version ships
there is one: a change of a schema changes what it creates. After that, what a migration knows of older schemas stands
here and is never changed.
"""

import hashlib
from collections.abc import Callable, Sequence

import lancedb
import pyarrow as pa

from ragloop.errors import MismatchError, StoreDamagedError
from ragloop.store.clock import Clock
from ragloop.store.places.place import Place
from ragloop.store.schemas import TABLES, TIME
from ragloop.store.tables import Reads, Tables

_SCHEMA = pa.schema([("number", pa.int32()), ("name", pa.string()), ("at", TIME)])


def _create_tables(tables: Tables) -> None:
    for name, schema in TABLES.items():
        tables.create(name, schema)


MIGRATIONS: Sequence[Callable[[Tables], None]] = (_create_tables,)
"""The schema number of a store is the number of migrations that it has seen."""


class Migrations:
    """The migrations that a store has seen, as the table of this name says."""

    def __init__(self, place: Place, db: lancedb.DBConnection, reads: Reads, tables: Tables) -> None:
        self._place, self._db, self._reads, self._tables = place, db, reads, tables

    @property
    def schema(self) -> int:
        """The number of the store's schema. Raises MismatchError where it cannot be read."""
        if not self._tables.has("migrations"):
            return 0
        try:
            return max(self._reads.rows("migrations")["number"].to_pylist(), default=0)
        except StoreDamagedError as error:
            raise MismatchError(
                f"the table migrations of the store in {self._place}, which says of which schema it is, cannot be "
                "read; `ragloop restore --replace` brings back a backup of the store"
            ) from error

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits that stay the same for the life of a store, also where it is restored."""
        first = min(self._reads.rows("migrations")["at"].to_pylist())
        return hashlib.sha256(first.isoformat().encode()).hexdigest()[:16]

    def are_wanted(self) -> bool:
        """Return whether the store is older than this ragloop. Raises MismatchError where it is newer."""
        applied = self.schema
        if applied > len(MIGRATIONS):
            raise MismatchError(
                f"the store in {self._place} has schema {applied}, this ragloop knows schemas up to {len(MIGRATIONS)}; "
                "install the ragloop that wrote it, or a newer one"
            )
        return applied < len(MIGRATIONS)

    def run(self, now: Clock) -> None:
        """Bring an older store to the schema of this ragloop; the caller holds the lease to do so."""
        for number in range(self.schema + 1, len(MIGRATIONS) + 1):
            migration = MIGRATIONS[number - 1]
            migration(self._tables)
            row = {"number": number, "name": migration.__name__.lstrip("_"), "at": now()}
            table = self._db.create_table("migrations", schema=_SCHEMA, exist_ok=True)
            table.add(pa.Table.from_pylist([row], schema=_SCHEMA))
