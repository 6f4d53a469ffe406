"""What a sync finds in the home: other generations and schemas, other writers, half-made tables, many files."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.searching.search import Search
from ragloop.errors import MismatchError, StoreBusyError, UsageError
from ragloop.store import Store, upkeep
from tests.support.indexed_folder import IndexedFolder, document


def test_another_fingerprint_is_built_beside_and_cut_over_to_with_both_named(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    before, built = indexed.contents(), indexed.app().parts.generation
    indexed.settings = {"index": {"chunk_tokens": 50}}
    asked = indexed.app().parts.generation
    assert indexed.found("alpha"), "what answers does not depend on the settings"
    assert indexed.contents() == before

    report = indexed.sync()
    assert (report.added, report.deleted, report.state) == (2, 0, "active")
    (notice,) = report.notices
    assert str(built) in notice
    assert str(asked) in notice
    assert indexed.app().index.generation == asked
    indexed.settings = {}
    again = indexed.sync()
    assert (again.added, again.chunks_embedded) == (0, 0), "the generation that is still kept is brought up to date"
    assert indexed.contents() == before


def test_documents_are_read_anew_when_text_recognition_is_set(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    indexed.settings = {"sync": {"ocr": True}}
    report = indexed.sync()
    assert (report.added, report.chunks_embedded) == (2, 0)
    assert indexed.app().index.generation.parser.endswith(" with ocr")


def test_documents_are_read_anew_when_the_fields_of_records_are_set(indexed: IndexedFolder) -> None:
    indexed.write("boats.jsonl", '{"name": "Ida", "note": "leaks"}\n')
    sources = [{"name": "docs", "uri": str(indexed.folder), "include": ["*.jsonl"]}]
    indexed.sync({"sources": sources})
    assert indexed.found("leaks")
    assert indexed.sync({"sources": sources, "sync": {"json_fields": ["name"]}}).added == 1
    assert indexed.app().index.generation.parser.endswith(" with fields name")
    assert [text for text in indexed.found("Ida leaks") if "leaks" in text] == []


def test_a_rebuild_makes_a_table_of_its_own_and_embeds_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    before, table = indexed.contents(), indexed.app().index.generation.table
    report = indexed.sync(rebuild=True)
    assert (report.added, report.chunks_embedded) == (2, 0)
    assert indexed.contents() == before
    assert indexed.app().index.generation.table == f"{table}_2"
    indexed.sync(rebuild=True)
    assert indexed.app().index.generation.table == f"{table}_3"
    assert indexed.contents() == before


def test_a_generation_is_another_when_any_of_its_parts_is() -> None:
    parts = ("parser 1", "chunker 1/200", "model", 8)
    changed = [("parser 2", *parts[1:]), (parts[0], "chunker 2", *parts[2:]), (*parts[:2], "m2", 8), (*parts[:3], 9)]
    assert len({Generation(*one).fingerprint for one in [parts, *changed]}) == 5


def test_a_second_writer_is_refused_with_the_holder_named(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    with Store.open(indexed.home).lease("index"), pytest.raises(StoreBusyError, match=f"process {os.getpid()} on "):
        indexed.sync()
    assert indexed.sync().complete, "the lease is free again when its holder has ended"


def test_readers_do_not_wait_for_a_writer(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    with Store.open(indexed.home).lease("index"):
        assert indexed.found("alpha")


def test_a_newer_schema_is_refused(indexed: IndexedFolder) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    migrations = indexed.app().store.table("migrations")
    migrations.add([{"number": 99, "name": "of_the_future", "at": datetime.now(UTC)}])
    with pytest.raises(MismatchError, match=r"has schema 99, this ragloop knows schemas up to \d"):
        indexed.app().answering.search("alpha")
    with pytest.raises(MismatchError, match="newer"):
        indexed.sync()


def test_a_home_that_is_a_file_is_a_usage_error(indexed: IndexedFolder) -> None:
    indexed.home.write_text("not a folder")
    with pytest.raises(UsageError, match="cannot keep state in"):
        indexed.sync()


def test_a_table_whose_creation_was_killed_is_created_again(indexed: IndexedFolder) -> None:
    for table in ("generations", indexed.app().parts.generation.table):
        (indexed.home / "store" / f"{table}.lance" / "_versions").mkdir(parents=True)
    indexed.write_numbered(2)
    assert indexed.sync().added == 2
    assert indexed.found("alpha")


def test_indexes_that_a_killed_run_did_not_make_are_made_by_the_next(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.sync()
    table = indexed.app().store.table(indexed.app().index.generation.table)
    for index in table.list_indices():
        table.drop_index(index.name)
    assert not Search(indexed.app().index).by_words("alpha", indexed.embedder.embed(["alpha"])[0], 5)
    assert indexed.sync().commits == 0
    assert Search(indexed.app().index).by_words("alpha", indexed.embedder.embed(["alpha"])[0], 5)


def test_maintenance_removes_tombstones_and_keeps_fragments_few(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_documents": 1}}
    indexed.write_numbered(20)
    indexed.sync()
    for number in range(10):
        (indexed.folder / f"{number:02}.md").unlink()
    indexed.sync()
    table = indexed.app().store.table(indexed.app().index.generation.table)
    assert table.count_rows("deleted") == 0
    assert table.stats()["fragment_stats"]["num_small_fragments"] < 16


@pytest.mark.long
def test_many_idle_syncs_leave_few_files(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    reports = indexed.home / "store" / "reports.lance"
    for _ in range(55):
        indexed.app().corpus.sync(indexed.folder)
    assert len(list((reports / "_versions").iterdir())) > upkeep.MANY_VERSIONS
    for file in reports.rglob("*"):
        os.utime(file, (1e9, 1e9))
    monkeypatch.setattr(upkeep, "KEPT_VERSIONS", timedelta(milliseconds=1))
    assert indexed.sync().complete
    assert len(list((reports / "_versions").iterdir())) < 5
    assert len(list((reports / "data").iterdir())) < 5
