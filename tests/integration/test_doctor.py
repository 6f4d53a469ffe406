"""The doctor finds what was changed behind ragloop's back, and repairs it to what a build from scratch makes."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest

from ragloop.cli.main import main
from ragloop.corpus.doctor.diagnosis import Diagnosis
from ragloop.corpus.index import inventory
from ragloop.corpus.index import search_indexes as maintenance
from ragloop.corpus.index.ledger import WAITING
from ragloop.corpus.index.vectors import table_of
from ragloop.errors import MismatchError, NotFoundError, StoreBusyError, StoreDamagedError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST
from ragloop.models.embedding.runtimes import export_folder
from ragloop.store import TABLES, Store
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.dying import Dying
from tests.support.indexed_folder import EmbeddedByName, IndexedFolder, document, wait_until_stamps_are_trusted

VECTORS = table_of(ConstantEmbedder.fingerprint)


def make_every_index(patch: pytest.MonkeyPatch) -> None:
    """Give few rows the indexes that many get."""
    patch.setattr(maintenance, "MANY_ROWS", 1)
    patch.setattr(maintenance, "MANY_VECTORS", 1)


@pytest.fixture
def whole(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> IndexedFolder:
    """Twelve documents, with every index."""
    make_every_index(monkeypatch)
    indexed.write_numbered(12)
    indexed.sync()
    indexed.embedder.embedded.clear()
    return indexed


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> IndexedFolder:
    """Twelve documents, with every index, for tests that copy the home and leave the documents alone."""
    place = tmp_path_factory.mktemp("intact")
    made = IndexedFolder(place / "home", place / "documents")
    made.write_numbered(12)
    with pytest.MonkeyPatch.context() as patch:
        make_every_index(patch)
        made.sync()
    return made


@pytest.fixture
def copied(intact: IndexedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IndexedFolder:
    make_every_index(monkeypatch)
    return IndexedFolder(shutil.copytree(intact.home, tmp_path / "home"), intact.folder)


def table(indexed: IndexedFolder) -> lancedb.table.Table:
    return indexed.app().store.table(indexed.app().index.generation.table)


def diagnose(indexed: IndexedFolder, **asked: bool) -> Diagnosis:
    wait_until_stamps_are_trusted()
    return indexed.app().corpus.diagnose(**asked)


def checks(found: Diagnosis) -> dict[str, int]:
    return {one.check: one.count for one in found.findings}


def row(indexed: IndexedFolder, where: str) -> pa.Table:
    found = table(indexed).search().where(where).limit(None).to_arrow()
    return found.slice(0, 1)


def chunk_of(indexed: IndexedFolder, key: str) -> pa.Table:
    spans = row(indexed, f"kind = 'document' AND NOT deleted AND key = '{key}'")["spans"][0].as_py()
    return row(indexed, f"id = '{spans[0]['chunk_id']}'")


def changed(rows: pa.Table, **values: Any) -> pa.Table:
    (one,) = rows.to_pylist()
    return pa.Table.from_pylist([{**one, **values}], schema=rows.schema)


def quiet(indexed: IndexedFolder) -> None:
    """Nothing is wrong, and another look finds nothing either."""
    assert diagnose(indexed).findings == ()


def test_a_store_that_was_only_synced_is_healthy(whole: IndexedFolder) -> None:
    for change in (lambda: whole.write("00.md", document("new")), (whole.folder / "01.md").unlink):
        change()
        whole.sync()
        quiet(whole)
    assert diagnose(whole, repair=True).findings == ()
    assert diagnose(whole, offline=True).healthy


def test_the_names_of_columns_above_rows_are_no_damage_and_a_moved_span_below_them_is(indexed: IndexedFolder) -> None:
    rows = "".join(f"| {word} {n} | shelf {n} | {n * 7} kg |\n" for n, word in enumerate(["saw", "axe", "rope"] * 40))
    indexed.write("tools.md", f"# Tools\n\n| Tool | Kept in | Weight |\n|---|---|---|\n{rows}")
    indexed.sync()
    spans = row(indexed, "kind = 'document' AND NOT deleted")["spans"][0].as_py()
    last = row(indexed, f"id = '{spans[-1]['chunk_id']}'")["text"][0].as_py()
    assert last.startswith("| Tool | Kept in | Weight |\n| ")
    assert len(last) > spans[-1]["end"] - spans[-1]["start"]
    quiet(indexed)
    held = row(indexed, "kind = 'document' AND NOT deleted")
    spans[-1]["end"] -= 1
    table(indexed).delete("kind = 'document'")
    table(indexed).add(changed(held, spans=spans))
    assert "rows" in " ".join(checks(diagnose(indexed)))


def remove_a_chunk(indexed: IndexedFolder) -> None:
    table(indexed).delete(f"id = '{chunk_of(indexed, '01.md')['id'][0]}'")


def remove_a_document(indexed: IndexedFolder) -> None:
    table(indexed).delete("key = '01.md'")


def remove_a_ledger_row(indexed: IndexedFolder) -> None:
    table(indexed).delete("key = '01.md' AND kind = 'document'")


def add_a_chunk(indexed: IndexedFolder) -> None:
    table(indexed).add(changed(chunk_of(indexed, "01.md"), id="planted", text="planted"))


def add_a_document(indexed: IndexedFolder) -> None:
    ledger = row(indexed, "kind = 'document' AND NOT deleted AND key = '01.md'")
    table(indexed).add(changed(ledger, id="planted", document_id="planted", key="planted.md"))


def double_rows(indexed: IndexedFolder) -> None:
    table(indexed).add(table(indexed).search().where("key = '01.md'").limit(None).to_arrow())


def change_a_text(indexed: IndexedFolder) -> None:
    one = chunk_of(indexed, "01.md")
    table(indexed).update(where=f"id = '{one['id'][0]}'", values={"text": "planted"})


def change_labels(indexed: IndexedFolder) -> None:
    table(indexed).update(where="key = '01.md' AND kind = 'chunk'", values={"labels": ["secret"]})


def move_the_spans(indexed: IndexedFolder) -> None:
    ledger = row(indexed, "kind = 'document' AND NOT deleted AND key = '01.md'")
    spans = [{**span, "end": span["end"] + 1} for span in ledger["spans"][0].as_py()]
    put_back(indexed, changed(ledger, spans=spans))


def forget_a_span(indexed: IndexedFolder) -> None:
    ledger = row(indexed, "kind = 'document' AND NOT deleted AND key = '01.md'")
    put_back(indexed, changed(ledger, spans=ledger["spans"][0].as_py()[1:]))


def put_back(indexed: IndexedFolder, rows: pa.Table) -> None:
    merge = table(indexed).merge_insert("id").when_matched_update_all()
    merge.execute(rows, on_bad_vectors="null")


def empty_a_vector(indexed: IndexedFolder) -> None:
    one = changed(chunk_of(indexed, "01.md"), vector=None)
    table(indexed).delete(f"id = '{one['id'][0].as_py()}'")
    table(indexed).add(one, on_bad_vectors="null")


def lengthen_a_vector(indexed: IndexedFolder) -> None:
    one = chunk_of(indexed, "01.md")
    table(indexed).update(where=f"id = '{one['id'][0]}'", values={"vector": [1.0] * 8})


def drop_an_index(indexed: IndexedFolder) -> None:
    table(indexed).drop_index("words_idx")
    table(indexed).drop_index("deleted_idx")


def remove_index_files(indexed: IndexedFolder) -> None:
    shutil.rmtree(folder(indexed) / "_indices")


def remove_the_files_of(column: str) -> Callable[[IndexedFolder], None]:
    def remove(indexed: IndexedFolder) -> None:
        (uuid,) = {one.index_uuid for one in table(indexed).list_indices() if one.columns == [column]}
        shutil.rmtree(folder(indexed) / "_indices" / uuid)

    return remove


def overwrite_the_files_of(column: str) -> Callable[[IndexedFolder], None]:
    def overwrite(indexed: IndexedFolder) -> None:
        (uuid,) = {one.index_uuid for one in table(indexed).list_indices() if one.columns == [column]}
        overwrite_with_zeros(folder(indexed) / "_indices" / uuid)

    return overwrite


def overwrite_in(part: str, name: str = "") -> Callable[[IndexedFolder], None]:
    return lambda indexed: overwrite_with_zeros(folder(indexed, name) / part)


def overwrite_with_zeros(place: Path) -> None:
    for file in place.iterdir():
        file.write_bytes(bytes(file.stat().st_size))


def drop(indexed: IndexedFolder, *names: str) -> None:
    for name in names:
        shutil.rmtree(folder(indexed, name))


def folder(indexed: IndexedFolder, name: str = "") -> Path:
    return indexed.home / "store" / f"{name or indexed.app().index.generation.table}.lance"


def forget_stored_vectors(indexed: IndexedFolder) -> None:
    indexed.app().store.table(VECTORS).delete("true")


def damage_stored_vectors(indexed: IndexedFolder) -> None:
    for file in (folder(indexed, VECTORS) / "data").iterdir():
        file.write_bytes(file.read_bytes()[:20])


def break_a_stored_vector(indexed: IndexedFolder) -> None:
    text_hash = chunk_of(indexed, "01.md")["text_hash"][0]
    where = f"text_hash = '{text_hash}'"
    indexed.app().store.table(VECTORS).update(where=where, values={"vector": [0.5] * 8})


def leave_tables(indexed: IndexedFolder) -> None:
    shutil.copytree(folder(indexed), folder(indexed, "index_0123456789abcdef"))
    folder(indexed, "vectors_unmade").mkdir()


def leave_files(indexed: IndexedFolder) -> None:
    for name in (VECTORS, indexed.app().index.generation.table):
        left = folder(indexed, name) / "data" / "000000000000000000000000ffffffffffffffffffffffff.lance"
        left.write_bytes(b"left by a kill")
        os.utime(left, (time.time() - 7200,) * 2)


def damage_data(indexed: IndexedFolder) -> None:
    for file in (folder(indexed) / "data").iterdir():
        file.write_bytes(file.read_bytes()[:20])


def remove_the_table(indexed: IndexedFolder) -> None:
    shutil.rmtree(folder(indexed))


def forget_generations(indexed: IndexedFolder) -> None:
    indexed.app().store.table("generations").delete("true")


def retire_the_generation(indexed: IndexedFolder) -> None:
    indexed.app().store.table("generations").update(where="true", values={"state": "retired"})


DAMAGES: dict[str, tuple[Callable[[IndexedFolder], None], set[str]]] = {
    "a chunk removed": (remove_a_chunk, {"rows"}),
    "a document removed": (remove_a_document, {"sources"}),
    "a ledger row removed": (remove_a_ledger_row, {"ownerless-rows", "sources"}),
    "a chunk added": (add_a_chunk, {"rows", "texts"}),
    "a document added": (add_a_document, {"ownerless-rows"}),
    "rows doubled": (double_rows, {"doubled-rows", "rows"}),
    "a text changed": (change_a_text, {"rows", "texts"}),
    "labels changed": (change_labels, {"descriptions"}),
    "spans moved": (move_the_spans, {"rows"}),
    "a span forgotten": (forget_a_span, {"rows"}),
    "a vector emptied": (empty_a_vector, {"vectors"}),
    "a vector too long": (lengthen_a_vector, {"vectors"}),
    "indexes dropped": (drop_an_index, {"indexes"}),
    "index files removed": (remove_index_files, {"indexes"}),
    "files of the sources' index removed": (remove_the_files_of("source"), {"indexes"}),
    "files of the states' index removed": (remove_the_files_of("status"), {"indexes"}),
    "files of the labels' index removed": (remove_the_files_of("labels"), {"indexes"}),
    "files of the vectors' index removed": (remove_the_files_of("vector"), {"indexes"}),
    "stored vectors removed": (forget_stored_vectors, {"unstored-vectors"}),
    "stored vectors damaged": (damage_stored_vectors, {"tables", "unstored-vectors"}),
    "stored vectors overwritten": (overwrite_in("data", VECTORS), {"tables", "unstored-vectors"}),
    "the manifests of stored vectors overwritten": (
        overwrite_in("_versions", VECTORS),
        {"tables", "unstored-vectors"},
    ),
    "a stored vector broken": (break_a_stored_vector, {"stored-vectors", "unstored-vectors"}),
    "tables left": (leave_tables, {"orphan-tables"}),
    "files left": (leave_files, {"orphan-files"}),
    "data damaged": (damage_data, {"index"}),
    "data overwritten": (overwrite_in("data"), {"index"}),
    "manifests overwritten": (overwrite_in("_versions"), {"index"}),
    "a column dropped": (lambda indexed: table(indexed).drop_columns(["stamp"]), {"index"}),
    "the table removed": (remove_the_table, {"generation"}),
    "generations forgotten": (forget_generations, {"generation", "orphan-tables"}),
    "no generation active": (retire_the_generation, {"generation"}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_found_and_repaired_without_embedding_anything(
    copied: IndexedFolder, intact: IndexedFolder, damage: str
) -> None:
    work, expected = DAMAGES[damage]
    work(copied)
    found = diagnose(copied)
    assert set(checks(found)) == expected, found
    assert not found.healthy
    assert set(checks(diagnose(copied))) == expected, "looking changes nothing"
    repaired = diagnose(copied, repair=True)
    assert repaired.healthy, repaired
    assert {one.check for one in repaired.findings} == expected
    assert {one.state for one in repaired.findings} == {"repaired"}
    assert copied.embedder.embedded == []
    assert repaired.embedded == 0
    assert copied.contents() == intact.contents()
    assert copied.found("Paragraph 1 of 1")
    quiet(copied)


@pytest.mark.long
def test_overwritten_files_of_every_index_are_found_and_rebuilt(whole: IndexedFolder) -> None:
    for column in maintenance.INDEXES:
        overwrite_the_files_of(column)(whole)
        (found,) = whole.app().corpus.diagnose(repair=True, offline=True).findings
        assert (found.check, found.detail.rpartition(": ")[2], found.state) == ("indexes", column, "repaired")
    assert whole.found("Paragraph 1 of 1")
    quiet(whole)


def test_a_repair_marks_what_it_found_in_one_commit(whole: IndexedFolder) -> None:
    remove_a_chunk(whole)
    change_labels(whole)
    whole.boundary = repaired = Dying()
    assert {"rows", "descriptions"} <= checks(diagnose(whole, repair=True)).keys()
    assert len([one for one in repaired.made if one.startswith("upsert index_")]) == 2, "the marks, and the sync"


def test_an_index_that_was_made_when_there_were_more_rows_is_repaired(
    whole: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "MANY_ROWS", 1_000)
    remove_the_files_of("source")(whole)
    assert diagnose(whole, repair=True).healthy
    assert whole.sync().complete


def test_only_what_has_no_vector_is_embedded_again(whole: IndexedFolder, tmp_path: Path) -> None:
    lengthen_a_vector(whole)
    text_hash = chunk_of(whole, "01.md")["text_hash"][0]
    whole.app().store.table(VECTORS).delete(f"text_hash = '{text_hash}'")
    repaired = diagnose(whole, repair=True)
    assert (repaired.healthy, repaired.embedded) == (True, 1)
    assert whole.contents() == whole.from_scratch(tmp_path / "other")


@pytest.mark.parametrize("where", ["stored", pytest.param("in the index", marks=pytest.mark.long)])
def test_vectors_that_disagree_are_embedded_again(whole: IndexedFolder, tmp_path: Path, where: str) -> None:
    text_hash = chunk_of(whole, "01.md")["text_hash"][0]
    wrong = whole.app().store.table(VECTORS) if where == "stored" else table(whole)
    wrong.update(where=f"text_hash = '{text_hash}'", values={"vector": [1.0, *[0.0] * 7]})
    assert checks(diagnose(whole)) == {"vectors-apart": 1}
    repaired = diagnose(whole, repair=True)
    assert (repaired.healthy, repaired.embedded) == (True, 1)
    assert whole.contents() == whole.from_scratch(tmp_path / "other")
    quiet(whole)


def test_what_sources_have_and_the_index_has_not_is_found_unless_sources_are_left_out(whole: IndexedFolder) -> None:
    whole.write("new.md", document("new"))
    whole.write("00.md", document("edited"))
    (whole.folder / "01.md").unlink()
    assert checks(diagnose(whole)) == {"sources": 3}
    assert diagnose(whole, offline=True).findings == ()
    assert diagnose(whole, repair=True).healthy
    quiet(whole)


@pytest.mark.parametrize("part", ["data", "_versions"])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("command", ["status", "index list"])
def test_a_store_that_cannot_be_read_is_said_in_one_line_by_other_commands(
    whole: IndexedFolder, command: str, zeros: bool, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = whole.app().index.generation.table if command == "status" else "generations"
    for file in (whole.home / "store" / f"{table}.lance" / part).iterdir():
        file.write_bytes(bytes(file.stat().st_size) if zeros else b"damaged")
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(whole.home), *command.split()])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("ragloop: the store cannot be read")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("column", ["kind", "deleted", "source", "status"])
def test_a_sync_ends_with_an_error_where_an_index_that_it_needs_was_overwritten(
    whole: IndexedFolder, column: str
) -> None:
    overwrite_the_files_of(column)(whole)
    with pytest.raises(StoreDamagedError):
        whole.sync()


@pytest.mark.parametrize("column", ["kind", "deleted", "words", "title_words", "vector"])
def test_a_search_ends_with_an_error_where_an_index_that_it_needs_was_overwritten(
    whole: IndexedFolder, column: str
) -> None:
    overwrite_the_files_of(column)(whole)
    with pytest.raises(StoreDamagedError):
        whole.found("Paragraph 1 of 1")


def test_a_table_that_is_read_as_empty_since_its_manifest_was_overwritten_is_damaged(whole: IndexedFolder) -> None:
    store = whole.app().store
    overwrite_in("_versions", "interactions")(whole)
    for read in (lambda: store.count("interactions"), lambda: store.rows("interactions"), whole.app().status):
        with pytest.raises(StoreDamagedError):
            read()
    assert checks(diagnose(whole, offline=True)) == {"tables": 1}


def test_a_store_that_cannot_say_its_schema_names_restore(whole: IndexedFolder) -> None:
    overwrite_in("_versions", "migrations")(whole)
    with pytest.raises(MismatchError, match="restore --replace"):
        whole.app().corpus.diagnose()


def test_documents_of_the_only_source_are_found_where_it_is_configured_no_more(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync({"sources": [{"name": "handbook", "uri": str(indexed.folder)}]})
    (finding,) = indexed.app().corpus.diagnose().findings
    assert (finding.check, finding.count) == ("sources", 2)
    (left,) = indexed.app().corpus.diagnose(repair=True).findings
    assert left.state == "remains"
    assert inventory.counts(indexed.app().index)["documents"] == 2


def test_a_repair_without_sources_leaves_documents_to_the_next_sync(whole: IndexedFolder, tmp_path: Path) -> None:
    remove_a_chunk(whole)
    left = diagnose(whole, repair=True, offline=True)
    assert [(one.check, one.state) for one in left.findings] == [("rows", "repaired"), ("waiting", "remains")]
    assert whole.found("Paragraph 1 of 2"), "the index answers meanwhile"
    assert whole.sync().updated == 1
    assert whole.contents() == whole.from_scratch(tmp_path / "other")
    quiet(whole)


def test_a_document_that_can_be_read_no_more_stays_wrong_and_is_said(whole: IndexedFolder) -> None:
    whole.write("01.md", b"\x00\x01\xff" * 50)
    whole.sync()
    quiet(whole)
    remove_a_chunk(whole)
    left = diagnose(whole, repair=True)
    assert [(one.check, one.state) for one in left.findings] == [("rows", "remains")]
    whole.write("01.md", document("1"))
    whole.sync()
    quiet(whole)


def test_files_of_a_write_under_way_are_left_alone(whole: IndexedFolder) -> None:
    young = folder(whole) / "data" / "000000000000000000000000ffffffffffffffffffffffff.lance"
    young.write_bytes(b"not yet committed")
    assert diagnose(whole, repair=True).findings == ()
    assert young.exists()


def test_a_repair_while_another_process_writes_is_refused(whole: IndexedFolder) -> None:
    remove_a_chunk(whole)
    with Store.open(whole.home).lease("index"):
        found = diagnose(whole)
        assert [one for one in found.notes if f"process {os.getpid()} on " in one]
        with pytest.raises(StoreBusyError):
            diagnose(whole, repair=True)


def test_unreadable_lines_of_the_log_are_reported_and_kept(whole: IndexedFolder) -> None:
    lines = whole.home / "journal" / "unreadable.lines"
    lines.parent.mkdir(exist_ok=True)
    lines.write_text("torn\nforeign\n")
    (left,) = diagnose(whole, repair=True).findings
    assert (left.check, left.count, left.state) == ("log", 2, "remains")
    assert str(lines) in left.repair
    assert lines.exists()


def test_a_table_that_nothing_can_rebuild_is_reported(whole: IndexedFolder) -> None:
    app = whole.app()
    row = {"report_id": "r", "at": None, "kind": "other", "subject": "", "body": "{}"}
    app.store.upsert_rows("reports", [row])
    for file in (folder(whole, "reports") / "data").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    assert checks(diagnose(whole, offline=True)) == {"tables": 1}


# --- tables that are gone ---------------------------------------------------------------------------------------------


def test_lost_generations_are_restored_from_the_only_index_that_the_settings_build(
    whole: IndexedFolder, tmp_path: Path
) -> None:
    whole.sync(rebuild=True)
    app = whole.app()
    was = app.generations.active()
    assert was is not None
    assert was.number == 2
    (other,) = {one.table for one in app.generations.all()} - {was.table}
    drop(whole, "generations", other)
    with pytest.raises(NotFoundError, match="ragloop doctor"):
        whole.app().status()
    assert checks(diagnose(whole)) == {"generations": 1}
    repaired = diagnose(whole, repair=True)
    assert (repaired.healthy, repaired.embedded, repaired.documents) == (True, 0, 12)
    assert whole.app().generations.active() == was
    assert whole.found("Paragraph 1 of 1")
    assert whole.sync().unchanged == 12
    assert whole.contents() == whole.from_scratch(tmp_path / "other")
    quiet(whole)


def test_what_else_is_wrong_is_found_and_repaired_with_generations_and_reports_that_are_gone(
    whole: IndexedFolder, tmp_path: Path
) -> None:
    remove_a_chunk(whole)
    drop(whole, "generations", "reports")
    expected = {"generations", "missing-tables", "rows"}
    assert set(checks(diagnose(whole))) == expected
    repaired = diagnose(whole, repair=True)
    assert {one.check: one.state for one in repaired.findings} == dict.fromkeys(expected, "repaired"), repaired
    assert repaired.embedded == 0
    assert whole.contents() == whole.from_scratch(tmp_path / "other")
    quiet(whole)


@pytest.mark.parametrize("why", ["several indexes", "other settings", "no embedder"])
def test_generations_that_cannot_be_identified_are_left_to_a_restore_or_a_rebuild(tmp_path: Path, why: str) -> None:
    indexed = EmbeddedByName(tmp_path / "home", tmp_path / "documents")
    indexed.write_numbered(3)
    indexed.sync()
    if why == "several indexes":
        indexed.sync(rebuild=True)
    drop(indexed, "generations")
    indexed.chosen = {"embedder": {"other settings": "wide", "no embedder": "unknown"}.get(why, "narrow")}
    before = {path for path in (indexed.home / "store").rglob("*") if path.is_file()}
    (left,) = diagnose(indexed, repair=True).findings
    assert (left.check, left.state) == ("generations", "remains")
    assert "ragloop restore --replace" in left.repair
    assert "ragloop sync --rebuild" in left.repair
    assert {path for path in (indexed.home / "store").rglob("*") if path.is_file()} == before
    indexed.chosen = {"embedder": "narrow"}
    indexed.embedder.embedded.clear()
    assert indexed.sync(rebuild=True).complete
    assert indexed.embedder.embedded == []
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")
    quiet(indexed)


def test_lost_generations_are_recreated_where_nothing_was_indexed(whole: IndexedFolder) -> None:
    drop(whole, "generations", whole.app().index.generation.table)
    assert diagnose(whole, repair=True).healthy
    assert whole.sync().added == 12


def test_lost_reports_are_recreated_and_the_folder_stays_known(whole: IndexedFolder) -> None:
    drop(whole, "reports")
    with pytest.raises(NotFoundError, match="ragloop doctor"):
        whole.sync()
    assert checks(diagnose(whole)) == {"missing-tables": 1}
    assert diagnose(whole, repair=True).healthy
    whole.write("new.md", document("new"))
    assert whole.app().corpus.sync().added == 1
    quiet(whole)


def test_lost_evidence_is_never_recreated(whole: IndexedFolder) -> None:
    names = TABLES.keys() - {"generations", "reports", "topic_questions"}
    drop(whole, *names)
    (left,) = diagnose(whole, repair=True).findings
    assert (left.check, left.count, left.state) == ("lost-tables", len(names), "remains")
    assert "ragloop restore --replace" in left.repair
    assert not [name for name in names if folder(whole, name).exists()]
    with pytest.raises(NotFoundError, match="ragloop restore --replace"):
        whole.app().journal.interactions()


@pytest.mark.parametrize("name", ["generations", "reports", "topic_questions"])
def test_an_unreadable_table_is_recreated_once_it_is_removed(whole: IndexedFolder, name: str) -> None:
    overwrite_in("_versions", name)(whole)
    (found,) = diagnose(whole).findings
    assert (found.check, found.count) == ("tables", 1)
    assert "once their folder is removed" in found.repair
    assert not diagnose(whole, repair=True).healthy
    drop(whole, name)
    assert diagnose(whole, repair=True).healthy
    quiet(whole)


# --- the embedder's files, and the command ----------------------------------------------------------------------------


def test_a_damaged_export_of_the_embedder_is_found_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAGLOOP_CACHE", raising=False)  # it would outweigh the setting
    chosen = {"embedder": "narrow", "embedder_backend": "onnx"}
    indexed = EmbeddedByName(tmp_path / "home", tmp_path / "documents", chosen=chosen)
    indexed.settings = {"cache": tmp_path / "cache"}
    indexed.write_numbered(2)
    indexed.sync()
    quiet(indexed)
    export = export_folder("narrow", tmp_path / "cache", "onnx")
    assert export is not None
    export.mkdir(parents=True)
    (export / "model.onnx").write_bytes(b"weights")
    (export / MANIFEST).write_text(json.dumps({"files": {"model.onnx": sha256_of(export / "model.onnx")}}))
    quiet(indexed)
    (export / "model.onnx").write_bytes(b"wEights")
    assert checks(diagnose(indexed)) == {"model": 1}
    assert diagnose(indexed, repair=True).healthy
    assert not export.exists()
    quiet(indexed)


class Command:
    """`ragloop doctor` on an indexed folder, whose embedder stands in for the model of the settings."""

    def __init__(
        self, indexed: IndexedFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._capsys = capsys
        monkeypatch.setattr("ragloop.cli.commands.doctor.open_app", indexed.app)
        wait_until_stamps_are_trusted()

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), out, err


def test_the_command_shows_findings_and_exits_with_1_until_they_are_repaired(
    whole: IndexedFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = Command(whole, capsys, monkeypatch)
    code, out, err = doctor()
    assert (code, out) == (0, "")
    assert "12 documents and 24 chunks" in err
    assert "found nothing wrong" in err
    remove_a_chunk(whole)
    code, out, err = doctor()
    assert code == 1
    assert "01.md" in out.replace("\n", "")
    assert "`ragloop doctor --repair`" in err
    code, out, _ = doctor("--json", "--offline")
    report = json.loads(out)
    assert (code, report["healthy"]) == (1, False)
    assert set(report["findings"][0]) == {"check", "count", "detail", "repair", "state"}
    code, out, _ = doctor("--repair", "--json")
    report = json.loads(out)
    assert (code, report["healthy"], report["embedded"]) == (0, True, 0)
    assert report["findings"][0]["state"] == "repaired"
    assert doctor()[0] == 0


def test_a_store_that_is_not_there_is_an_error_of_usage(
    indexed: IndexedFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = Command(indexed, capsys, monkeypatch)()
    assert (code, out) == (2, "")
    assert "found no index" in err


def test_a_chunk_that_its_document_does_not_name_is_not_found(whole: IndexedFolder) -> None:
    add_a_chunk(whole)
    assert "planted" not in whole.found("planted")


def test_what_waits_for_a_sync_counts_as_changed(whole: IndexedFolder) -> None:
    change_a_text(whole)
    diagnose(whole, repair=True, offline=True)
    document = row(whole, "kind = 'document' AND key = '01.md'")
    assert document["revision"].to_pylist() == [WAITING]
    assert document["id"][0].as_py() not in inventory.revisions(whole.app().index)
