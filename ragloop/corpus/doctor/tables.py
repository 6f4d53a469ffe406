"""Which tables of a store are gone or cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from ragloop.catalogue import Derived, Kind, Lease, Recreation
from ragloop.errors import StoreDamagedError
from ragloop.store import LATER, TABLES, Store, index_schema, vectors_schema
from ragloop.store.failures import damaged

_SCHEMAS = {"index_": index_schema, "vectors_": vectors_schema}


@dataclass(frozen=True)
class ExaminedTables:
    """The tables that every store has, as a catalogue names them."""

    store: Store
    catalogue: Sequence[Derived]

    @cached_property
    def recreations(self) -> Mapping[str, Recreation]:
        """Return the tables that every store has, and what a repair makes of each that is gone."""
        return {one.name: one.recreated for one in self.catalogue if one.kind is Kind.TABLE}

    def recreatable(self, way: Recreation) -> frozenset[str]:
        """Return the tables that a repair recreates in one way."""
        return frozenset(name for name, other in self.recreations.items() if other is way)

    def written_under(self, lease: Lease) -> frozenset[str]:
        """Return the tables that are written under a lease."""
        return frozenset(one.name for one in self.catalogue if one.kind is Kind.TABLE and one.lease is lease)

    @cached_property
    def missing(self) -> frozenset[str]:
        """Return the tables of fixed schema that are gone; without that of migrations no store opens."""
        return frozenset(name for name in TABLES if not self.store.tables.has(name))

    @cached_property
    def unreadable(self) -> frozenset[str]:
        """Return the tables that every store has and that cannot be read."""
        return frozenset(
            name for name in self.recreations if name not in self.missing and not is_readable(self.store, name)
        )

    @cached_property
    def lost(self) -> frozenset[str]:
        """Return the tables that are gone or cannot be read."""
        return self.missing | self.unreadable


def is_readable(store: Store, name: str) -> bool:
    """Return whether a table has its columns and all of its rows can be read."""
    try:
        must_have_all_columns(name, store.reads.read_through(name))
    except StoreDamagedError:
        return False
    return True


def must_have_all_columns(name: str, found: pa.Schema) -> None:
    """Raise StoreDamagedError where a column of a table is missing, as all are where a manifest is zeros."""
    schema = TABLES.get(name) or next((one(1) for kind, one in _SCHEMAS.items() if name.startswith(kind)), None)
    missing = sorted(set(schema.names if schema else ["number"]) - set(found.names) - LATER)
    if missing:
        raise damaged(f"the table {name} lacks the columns {', '.join(missing)}")
