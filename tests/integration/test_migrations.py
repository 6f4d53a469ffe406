"""A store gets the schema of this ragloop when it is opened, whenever the process that gives it dies."""

from pathlib import Path

import pyarrow as pa
import pytest

from ragloop.errors import StoreBusyError
from ragloop.store import MIGRATIONS, TABLES, Store, database, migrations
from ragloop.store.tables import Tables
from tests.support.dying import Dying, Killed

EXTRA = pa.schema([pa.field("id", pa.string(), nullable=False)])


def with_an_extra_table(tables: Tables) -> None:
    """A migration of the future."""
    tables.create("extra", EXTRA)


def numbers(home: Path) -> list[int]:
    return sorted(Store.open(home).rows("migrations")["number"].to_pylist())


def test_a_new_store_has_every_table_with_its_columns(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert {name: store.table(name).schema.names for name in TABLES} == {
        name: schema.names for name, schema in TABLES.items()
    }
    assert (store.migrations.schema, numbers(tmp_path)) == (1, [1])


def test_a_store_whose_making_was_killed_is_completed_by_the_next_process(tmp_path: Path) -> None:
    whole = Dying()
    Store.open(tmp_path / "whole", boundary=whole)
    assert {f"create {name}" for name in TABLES} <= {*whole.made}
    for steps in range(len(whole.made)):
        home = tmp_path / f"killed-{steps}"
        with pytest.raises(Killed):
            Store.open(home, boundary=Dying(steps, after=True))
        store = Store.open(home)
        assert all(store.tables.has(name) for name in TABLES)
        assert numbers(home) == [1]


def test_a_store_of_the_number_before_is_brought_forward_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Store.open(tmp_path).migrations.identity
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, with_an_extra_table))
    for _ in range(2):
        assert Store.open(tmp_path).tables.has("extra")
    assert numbers(tmp_path) == [1, 2]
    assert Store.open(tmp_path).migrations.identity == identity


def test_two_processes_do_not_migrate_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, with_an_extra_table))
    monkeypatch.setattr(database, "_MIGRATING_S", 0.1, raising=True)
    with store.lease("schema"), pytest.raises(StoreBusyError):
        Store.open(tmp_path)
    assert Store.open(tmp_path).tables.has("extra")
