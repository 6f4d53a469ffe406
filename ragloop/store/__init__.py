"""The LanceDB database under `home`: its tables, their schemas, numbered migrations, and the writers' leases."""

from ragloop.store.database import Boundary, Place, Store, after, quoted, utc_now
from ragloop.store.files import sync_to_disk
from ragloop.store.home import make_home, make_room
from ragloop.store.migrations import MIGRATIONS
from ragloop.store.schemas import TABLES, TIME, index_schema, vectors_schema

__all__ = [
    "MIGRATIONS",
    "TABLES",
    "TIME",
    "Boundary",
    "Place",
    "Store",
    "after",
    "index_schema",
    "make_home",
    "make_room",
    "quoted",
    "sync_to_disk",
    "utc_now",
    "vectors_schema",
]
