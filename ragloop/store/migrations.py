"""Numbered migrations, each of which brings a store from the number before it to its own.

One that was killed is run again from its start, so each finds what it has done already. Until a first version ships
there is one: a change of a schema changes what it creates. After that, what a migration knows of older schemas stands
here and is never changed.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import pyarrow as pa

from ragloop.store.schemas import TABLES


class Tables(Protocol):
    """What a migration may do with a store."""

    def create(self, name: str, schema: pa.Schema) -> object:
        """Create the table, or open it when it exists."""


def _create_tables(store: Tables) -> None:
    for name, schema in TABLES.items():
        store.create(name, schema)


MIGRATIONS: Sequence[Callable[[Tables], None]] = (_create_tables,)
"""The schema number of a store is the number of migrations that it has seen."""
