"""What a sync of a folder does to the index, and how little: counts of reads, embedded strings and commits."""

import os
import shutil
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ragloop.corpus.index import inventory
from ragloop.corpus.index.ledger import Ledger, LedgerRow
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder, document


def test_a_first_index_holds_every_document(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    report = indexed.sync()
    assert (report.scanned, report.added, report.documents_read) == (3, 3, 3)
    assert report.chunks_total == report.chunks_embedded == len(indexed.embedder.embedded) > 3
    assert report.commits == 1
    assert report.complete
    assert {row["key"] for row in indexed.contents().values()} == {"00.md", "01.md", "02.md"}


def test_a_long_document_says_how_far_it_is_embedded(indexed: IndexedFolder) -> None:
    indexed.write("long.md", "\n\n".join(f"Paragraph {n} has these words." for n in range(4_000)))
    said: list[tuple[int, int, int]] = []
    report = indexed.sync(progress=lambda *told: said.append(told))
    assert [(done, total) for done, total, _ in said] == [(0, 1), (1, 1)]
    assert 0 < said[0][2] < said[1][2] == report.chunks_embedded


def test_nothing_changed_means_nothing_read_embedded_or_committed(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    report = indexed.sync()
    assert (report.scanned, report.unchanged) == (3, 3)
    assert (report.documents_read, report.chunks_embedded, report.commits) == (0, 0, 0)
    assert indexed.embedder.embedded == []


def test_an_edited_paragraph_embeds_a_few_chunks(indexed: IndexedFolder) -> None:
    text = document("alpha", paragraphs=30)
    indexed.write("a.md", text)
    indexed.write("b.md", document("beta"))
    indexed.sync()
    indexed.write("a.md", text.replace("Paragraph 15 of", "The fifteenth paragraph of"))
    report = indexed.sync()
    assert (report.updated, report.unchanged, report.documents_read, report.commits) == (1, 1, 1, 1)
    assert 1 <= report.chunks_embedded <= 4
    assert report.chunks_reused >= 10
    assert any("fifteenth" in one for one in indexed.found("fifteenth"))


@pytest.mark.parametrize("copy", [False, True], ids=["rename", "copy"])
def test_a_renamed_or_copied_document_embeds_nothing(indexed: IndexedFolder, tmp_path: Path, copy: bool) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    (shutil.copy if copy else shutil.move)(indexed.folder / "00.md", indexed.folder / "moved.md")
    report = indexed.sync()
    assert indexed.embedder.embedded == []
    assert (report.added, report.renamed, report.deleted) == ((1, 0, 0) if copy else (0, 1, 0))
    assert report.commits == 1
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_reverted_document_embeds_nothing(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.sync()
    first = indexed.contents()
    indexed.write("a.md", document("omega"))
    indexed.sync()
    indexed.write("a.md", document("alpha"))
    report = indexed.sync()
    assert (report.updated, report.chunks_embedded) == (1, 0)
    assert indexed.contents() == first


def test_a_touched_document_is_read_and_no_chunk_of_it_is_committed(indexed: IndexedFolder) -> None:
    indexed.write_numbered(20)  # so many that maintenance, which moves rows too, is not due
    indexed.sync()
    before = _chunk_versions(indexed)
    os.utime(indexed.folder / "00.md")
    report = indexed.sync()
    assert (report.documents_read, report.unchanged, report.updated, report.chunks_embedded) == (1, 20, 0, 0)
    assert report.commits == 1
    assert _chunk_versions(indexed) == before
    assert indexed.sync().documents_read == 0


def _chunk_versions(indexed: IndexedFolder) -> dict[str, int]:
    """Where each chunk's row stands in the files: a row that is committed again moves."""
    rows = indexed.app().store.table(indexed.app().index.generation.table).search().with_row_id(True).limit(None)
    return {row["id"]: row["_rowid"] for row in rows.to_arrow().to_pylist() if row["kind"] == "chunk"}


def test_an_edit_that_keeps_size_and_mtime_is_found(indexed: IndexedFolder) -> None:
    file = indexed.write("a.md", document("alpha"))
    indexed.sync()
    before = file.stat()
    indexed.write("a.md", document("omega"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert indexed.sync().updated == 1
    assert all("omega" in text for text in indexed.found("omega"))


def test_a_deleted_document_is_found_no_more(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    (indexed.folder / "01.md").unlink()
    report = indexed.sync()
    assert (report.deleted, report.commits, report.documents_read) == (1, 1, 0)
    assert not any("of 1 " in text for text in indexed.found("1-0"))
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_ledger_row_whose_id_its_key_does_not_make_goes_like_any_other(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    table = indexed.app().store.table(indexed.app().index.generation.table)
    row = table.search().where("kind = 'document' AND key = '00.md'").to_arrow().to_pylist()[0]
    ghost = {**row, "id": "ghost", "document_id": "ghost"}
    table.add([{**ghost, "key": "ghost.md"}, {**ghost, "id": "nameless", "document_id": "nameless", "key": None}])
    assert indexed.sync().deleted == 2
    assert indexed.sync().unchanged == 2


def test_a_document_that_comes_back_is_found_again_and_embeds_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    first = indexed.contents()
    text = (indexed.folder / "01.md").read_text()
    (indexed.folder / "01.md").unlink()
    indexed.sync()
    indexed.write("01.md", text)
    report = indexed.sync()
    assert (report.added, report.chunks_embedded) == (1, 0)
    assert indexed.contents() == first


def test_equal_paragraphs_of_one_document_keep_ids_of_their_own(indexed: IndexedFolder) -> None:
    paragraph = "The same words. " * 40
    indexed.write("a.md", "\n\n".join(f"# Section\n\n{paragraph}" for _ in range(3)))
    indexed.sync()
    chunks = [row for row in indexed.contents().values() if row["kind"] == "chunk"]
    (document,) = (row for row in indexed.contents().values() if row["kind"] == "document")
    assert len({span["start"] for span in document["spans"]}) == len(chunks) >= 3
    assert len({row["text_hash"] for row in chunks}) < len(chunks)
    assert len(indexed.embedder.embedded) == len({row["text_hash"] for row in chunks})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Title\n\none line\ntwo lines\n", "# Title\r\n\r\none line\r\ntwo lines\r\n"),
        ("# Title\n\nalpha\n\n## Part\n\nbeta\n", "# Other\n\nalpha\n\n## Part\n\nbeta\n"),
        ("# Title\n\nalpha\n\n## Part\n\nbeta\n", "# Title\n\n\n\nalpha\n\n\n## Part\n\nbeta\n"),
    ],
    ids=["line ends", "title", "blank lines"],
)
def test_an_edit_that_leaves_texts_updates_everything_stored_with_them(
    indexed: IndexedFolder, tmp_path: Path, before: str, after: str
) -> None:
    indexed.write("a.md", before)
    indexed.sync()
    indexed.write("a.md", after)
    assert indexed.sync().updated == 1
    assert indexed.contents() == indexed.from_scratch(tmp_path / "anew")


def test_the_ledger_is_asked_for_a_document_as_often_however_long_it_is(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    row_of = Ledger.__getitem__

    def counting(ledger: Ledger, key: str) -> LedgerRow:
        asked[key] += 1
        return row_of(ledger, key)

    monkeypatch.setattr(Ledger, "__getitem__", counting)
    for name, sections in (("short.md", 2), ("long.md", 40)):
        indexed.write(name, "\n\n".join(f"# Section {n}\n\nalpha {n}" for n in range(sections)))
    indexed.sync()
    for name in ("short.md", "long.md"):
        file = indexed.folder / name
        file.write_text(file.read_text() + " beta")
    assert indexed.sync().updated == 2
    assert asked["long.md"] == asked["short.md"] <= 6


def test_commits_follow_the_batch_of_documents(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_documents": 2}}
    indexed.write_numbered(5)
    assert indexed.sync().commits == 3


def test_a_long_document_is_embedded_in_slices_and_committed_once(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_seconds": 1e-9}}
    indexed.write("a.md", document("alpha", paragraphs=260))
    report = indexed.sync()
    assert report.commits == 1
    vectors = indexed.app().store.table(_vectors_table(indexed))
    assert len(vectors.list_versions()) > 3


def _vectors_table(indexed: IndexedFolder) -> str:
    return next(one.stem for one in (indexed.home / "store").iterdir() if one.name.startswith("vectors_"))


# --- the guard against mass deletes -----------------------------------------------------------------------------------


def test_a_folder_that_comes_back_empty_loses_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(11)
    indexed.sync()
    before = indexed.contents()
    for file in indexed.folder.iterdir():
        file.unlink()
    report = indexed.sync()
    assert (report.withheld_deletes, report.deleted, report.commits, report.complete) == (11, 0, 0, False)
    assert indexed.contents() == before


def test_a_much_shorter_folder_gets_its_adds_and_edits_and_keeps_its_deletes(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    indexed.write_numbered(20)
    indexed.sync()
    for number in range(11):
        (indexed.folder / f"{number:02}.md").unlink()
    indexed.write("15.md", document("edited"))
    indexed.write("new.md", document("new"))
    report = indexed.sync()
    assert (report.withheld_deletes, report.deleted, report.updated, report.added) == (11, 0, 1, 1)
    assert any("of edited" in text for text in indexed.found("edited"))
    confirmed = indexed.sync(confirm_deletes=True)
    assert (confirmed.withheld_deletes, confirmed.deleted, confirmed.complete) == (0, 11, True)
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_ten_deletes_of_a_small_source_need_no_confirmation(indexed: IndexedFolder) -> None:
    indexed.write_numbered(12)
    indexed.sync()
    for number in range(10):
        (indexed.folder / f"{number:02}.md").unlink()
    assert indexed.sync().deleted == 10


def test_renames_do_not_count_as_deletes(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(12, prefix="old/")
    for number in range(12):
        indexed.write(f"old/twin-{number}.md", document("twin"))
    indexed.sync()
    (indexed.folder / "old").rename(indexed.folder / "new")
    report = indexed.sync()
    assert (report.renamed, report.added, report.withheld_deletes, report.deleted) == (24, 0, 0, 0)
    assert report.chunks_embedded == 0
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_withheld_delete_becomes_a_rename_when_the_bytes_turn_up_again(indexed: IndexedFolder) -> None:
    indexed.write_numbered(11)
    indexed.sync()
    away = indexed.folder.rename(indexed.folder.parent / "away")
    indexed.folder.mkdir()
    assert indexed.sync().withheld_deletes == 11
    away.rename(indexed.folder / "sub")
    report = indexed.sync()
    assert (report.renamed, report.withheld_deletes, report.chunks_embedded) == (11, 0, 0)


# --- lag --------------------------------------------------------------------------------------------------------------


def test_lag_is_unknown_at_first_and_measured_from_the_change_or_the_last_scan_after(indexed: IndexedFolder) -> None:
    unknown = {"p50": None, "p95": None, "max": None}
    indexed.write_numbered(2)
    indexed.sync()
    assert inventory.counts(indexed.app().index)["lag_s"] == unknown
    indexed.write("00.md", document("edited"))
    indexed.sync()
    lag = inventory.counts(indexed.app().index)["lag_s"]
    assert 0 < lag["p50"] <= lag["max"] < 30
    old = indexed.write("01.md", document("edited long ago"))
    year_ago = (datetime.now() - timedelta(days=365)).timestamp()  # noqa: DTZ005
    os.utime(old, (year_ago, year_ago))
    indexed.sync()
    assert inventory.counts(indexed.app().index)["lag_s"]["max"] < 30, "what changed unseen counts from the last scan"
    indexed.sync(rebuild=True)
    assert inventory.counts(indexed.app().index)["lag_s"] == unknown


def test_a_change_dated_in_the_future_has_no_negative_lag(indexed: IndexedFolder) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    file = indexed.write("00.md", document("edited"))
    os.utime(file, (4e9, 4e9))
    indexed.sync()
    assert inventory.counts(indexed.app().index)["lag_s"]["max"] == 0


def test_the_constant_embedder_tells_texts_apart() -> None:
    embedder = ConstantEmbedder()
    assert len({tuple(row) for row in embedder.embed([f"text {n}" for n in range(1000)]).tolist()}) == 1000
