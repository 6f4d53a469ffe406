"""The LanceDB database under `home`: its tables, their schemas, numbered migrations, and the writers' leases."""

from ragloop.store.clock import Clock, after, utc_now
from ragloop.store.database import Store, quoted
from ragloop.store.home import make_home, make_room
from ragloop.store.migrations import MIGRATIONS
from ragloop.store.places.place import Place
from ragloop.store.schemas import LATER, TABLES, TIME, index_schema, vectors_schema
from ragloop.store.writing import Boundary

__all__ = [
    "LATER",
    "MIGRATIONS",
    "TABLES",
    "TIME",
    "Boundary",
    "Clock",
    "Place",
    "Store",
    "after",
    "index_schema",
    "make_home",
    "make_room",
    "quoted",
    "utc_now",
    "vectors_schema",
]
