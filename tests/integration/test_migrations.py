"""A store of an older schema is brought to the present one, whenever the process that does so dies."""

from pathlib import Path

import pyarrow as pa
import pytest

from ragloop.errors import StoreBusyError
from ragloop.store import MIGRATIONS, TIME, Store, database, migrations
from tests.indexed_folder import IndexedFolder

NEW_COLUMNS = {"adapters": "base_sha256", "interactions": "fallback"}
"""Columns that schema 5 brought to tables of fixed schema."""


class Killed(BaseException):
    """Stands for a kill: nothing catches it on its way up."""


def _of_schema_1(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The indexed folder's store as schema 1 had it: made by migration 1 alone, then filled with the same rows."""
    indexed.write_numbered(3)
    indexed.sync()
    new = indexed.app().store
    generations = new.rows("generations").to_pylist()
    others = {name: new.rows(name) for name in [*new.names("index_"), *new.names("vectors_")]}
    indexed.home = indexed.home.with_name("older")
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", MIGRATIONS[:1])
        old = Store.open(indexed.home)
    schema = old.table("generations").schema
    rows = [{name: row[name] for name in schema.names} for row in generations]
    old.upsert("generations", pa.Table.from_pylist(rows, schema=schema))
    for name, table in others.items():
        kept = table.drop_columns(["unused_since"]) if name.startswith("vectors_") else _of_index_1(table)
        old.create(name, kept.schema)
        old.insert(name, kept)
    for name, column in NEW_COLUMNS.items():
        old.table(name).drop_columns([column])
    return old


def _of_index_1(table: pa.Table) -> pa.Table:
    """An index as schemas 1 to 3 had it: a chunk's row says where it stands, and in which revision."""
    rows = table.to_pylist()
    documents = {row["id"]: row for row in rows if row["kind"] == "document" and row["live"]}
    places = {
        span["chunk_id"]: {
            "ordinal": at,
            "start": span["start"],
            "end": span["end"],
            "tokens": 7,
            "revision": one["revision"],
        }
        for one in documents.values()
        for at, span in enumerate(one["spans"])
    }
    numbers = [("ordinal", pa.int32()), ("start", pa.int64()), ("end", pa.int64()), ("tokens", pa.int32())]
    fields = [field for field in table.schema if field.name not in ("spans", "retry_at", "vector")]
    schema = pa.schema([*fields, *numbers, table.schema.field("vector")])
    return pa.Table.from_pylist([{**row, **places.get(row["id"], {})} for row in rows], schema=schema)


def _is_migrated(indexed: IndexedFolder) -> None:
    assert indexed.app().store.rows("migrations")["number"].to_pylist() == [1, 2, 3, 4, 5, 6]
    for name, column in NEW_COLUMNS.items():
        assert column in indexed.app().store.table(name).schema.names
    assert indexed.contents() == indexed.from_scratch(indexed.home.with_name("anew"))
    assert indexed.found("Paragraph 1 of 1")
    report = indexed.sync()
    assert (report.scanned, report.documents_read, report.chunks_embedded) == (3, 0, 0)
    indexed.write("new.md", "# New\n\nomega")
    assert indexed.sync().chunks_embedded == 1
    (row,) = indexed.app().store.rows("generations").to_pylist()
    assert (row["state"], row["table"]) == ("live", f"index_{row['fingerprint']}")
    (vectors,) = indexed.app().store.names("vectors_")
    assert indexed.app().store.table(vectors).schema.field("unused_since").type == TIME


def test_a_store_of_schema_1_is_migrated_and_goes_on_without_reading_or_embedding(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _of_schema_1(indexed, monkeypatch)
    assert old.rows("migrations")["number"].to_pylist() == [1]
    assert "state" not in old.table("generations").schema.names
    _is_migrated(indexed)


@pytest.mark.parametrize(("step", "table"), [("replace", "generations"), ("has", "vectors_"), ("upsert", "index_")])
def test_a_migration_that_was_killed_is_completed_by_the_next_process(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch, step: str, table: str
) -> None:
    _of_schema_1(indexed, monkeypatch)
    real = getattr(Store, step)

    def dies(store: Store, name: str, *rest: pa.Table) -> object:
        done = real(store, name, *rest)
        if name.startswith(table):
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Store, step, dies)
        with pytest.raises(Killed):
            Store.open(indexed.home)
    _is_migrated(indexed)


def test_vectors_that_cannot_be_read_do_not_stop_a_migration(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _of_schema_1(indexed, monkeypatch)
    (vectors,) = old.names("vectors_")
    for file in Path(indexed.home, "store", f"{vectors}.lance", "_versions").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    assert indexed.sync().complete
    assert indexed.found("Paragraph 1 of 1")


def test_a_document_that_stands_twice_does_not_keep_a_store_from_being_opened(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _of_schema_1(indexed, monkeypatch)
    (name,) = old.names("index_")
    old.insert(name, old.rows(name, "kind = 'document' AND key = '01.md'"))
    assert not indexed.app().corpus.diagnose().healthy
    indexed.app().corpus.diagnose(repair=True)
    assert indexed.app().corpus.diagnose().healthy
    assert indexed.contents() == indexed.from_scratch(indexed.home.with_name("anew"))


def test_an_index_that_is_being_written_is_not_migrated(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _of_schema_1(indexed, monkeypatch)
    monkeypatch.setattr(migrations, "_WAIT_S", 0.0)
    with old.lease("index"), pytest.raises(StoreBusyError):
        Store.open(indexed.home)
    _is_migrated(indexed)
