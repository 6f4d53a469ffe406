"""What a sync of a folder does to the index, and how little: counts of reads, embedded strings and commits."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop import store
from ragloop.corpus.index import Generation
from ragloop.corpus.local import LocalFolder
from ragloop.errors import MismatchError, NotFoundError, StoreBusyError, UsageError
from ragloop.store import Store
from tests.constant_embedder import ConstantEmbedder
from tests.indexed_folder import IndexedFolder, document, wait_until_stamps_are_trusted


def test_a_first_index_holds_every_document(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    report = indexed.sync()
    assert (report.scanned, report.added, report.documents_read) == (3, 3, 3)
    assert report.chunks_total == report.chunks_embedded == len(indexed.embedder.embedded) > 3
    assert report.commits == 1
    assert report.complete
    assert {row["key"] for row in indexed.contents().values()} == {"00.md", "01.md", "02.md"}


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


def test_a_touched_document_is_read_and_none_of_its_chunks_is_committed(indexed: IndexedFolder) -> None:
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


def test_the_stamp_of_a_file_that_changed_just_now_is_not_trusted(indexed: IndexedFolder) -> None:
    source = LocalFolder("here", indexed.folder)
    indexed.write("a.md", document("alpha"))
    (listed,) = source.list()
    assert source.read(listed, 10_000).stamp == ""
    wait_until_stamps_are_trusted()
    assert source.read(listed, 10_000).stamp == listed.stamp


def test_a_deleted_document_is_found_no_more(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    (indexed.folder / "01.md").unlink()
    report = indexed.sync()
    assert (report.deleted, report.commits, report.documents_read) == (1, 1, 0)
    assert not any("of 1 " in text for text in indexed.found("1-0"))
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


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
    assert len({row["start"] for row in chunks}) == len(chunks) >= 3
    assert len({row["text_hash"] for row in chunks}) < len(chunks)
    assert len(indexed.embedder.embedded) == len({row["text_hash"] for row in chunks})


def test_commits_follow_the_batch_of_documents(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_documents": 2}}
    indexed.write_numbered(5)
    assert indexed.sync().commits == 3


def test_a_long_document_is_embedded_in_slices_and_committed_once(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_seconds": 1e-9}}
    indexed.write("a.md", document("alpha", paragraphs=100))
    report = indexed.sync()
    assert report.commits == 1
    vectors = indexed.app().store.table(_vectors_table(indexed))
    assert len(vectors.list_versions()) > 3


def _vectors_table(indexed: IndexedFolder) -> str:
    return next(one.stem for one in (indexed.home / "store").iterdir() if one.name.startswith("vectors_"))


# --- configured sources ----------------------------------------------------------------------------------------------


def test_changed_labels_rewrite_rows_without_embedding(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.write("broken.md", document("good"))
    indexed.sync(_source(indexed))
    indexed.write("broken.md", b"\x00\x01\x02" * 100)
    assert indexed.sync(_source(indexed)).quarantined == 1
    report = indexed.sync(_source(indexed, labels=["internal"]))
    assert report.chunks_embedded == 0
    assert report.updated == 2
    assert {tuple(row["labels"]) for row in indexed.contents().values()} == {("internal",)}
    again = indexed.sync(_source(indexed, labels=["internal"]))
    assert (again.documents_read, again.commits) == (0, 0)


def test_a_source_that_moved_as_a_whole_shows_its_new_place_and_embeds_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync(_source(indexed))
    indexed.folder = indexed.folder.rename(indexed.folder.parent / "elsewhere")
    report = indexed.sync(_source(indexed))
    assert (report.updated, report.chunks_embedded, report.deleted) == (2, 0, 0)
    assert all("/elsewhere/" in row["uri"] for row in indexed.contents().values())


def test_a_removed_source_shows_as_guarded_deletes(indexed: IndexedFolder) -> None:
    indexed.write_numbered(11)
    other = IndexedFolder(indexed.home, indexed.folder.parent / "other")
    other.write("x.md", document("x"))
    both = {"sources": _source(indexed)["sources"] + _source(other, "other")["sources"]}
    assert indexed.sync(both).scanned == 12
    report = indexed.sync(_source(other, "other"))
    assert (report.withheld_deletes, report.deleted, report.complete) == (11, 0, False)
    assert indexed.sync(_source(other, "other"), confirm_deletes=True).deleted == 11
    assert {row["source"] for row in indexed.contents().values()} == {"other"}


def test_a_renamed_source_adds_without_embedding_and_withholds_the_deletes(indexed: IndexedFolder) -> None:
    indexed.write_numbered(11)
    indexed.sync(_source(indexed))
    report = indexed.sync(_source(indexed, "renamed"))
    assert (report.added, report.withheld_deletes, report.chunks_embedded) == (11, 11, 0)


def test_narrowed_globs_show_as_guarded_deletes(indexed: IndexedFolder) -> None:
    indexed.write_numbered(11, prefix="old/")
    indexed.write_numbered(11, prefix="new/")
    indexed.sync(_source(indexed))
    report = indexed.sync(_source(indexed, include=["new/**"]))
    assert (report.scanned, report.withheld_deletes, report.deleted) == (11, 11, 0)


def test_excluded_folders_and_hidden_files_are_left_out(indexed: IndexedFolder) -> None:
    for key in ("kept.md", "drafts/a.md", ".hidden.md", ".git/b.md", "image.png"):
        indexed.write(key, document(key.replace("/", "-")))
    report = indexed.sync(_source(indexed, exclude=[".*", "drafts/"]))
    assert {change["key"] for change in report.changes} == {"kept.md"}


def test_a_sync_of_a_folder_leaves_other_sources_as_they_are(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    other = IndexedFolder(indexed.home, tmp_path / "other")
    other.write("x.md", document("x"))
    other.sync()
    assert {row["source"] for row in indexed.contents().values()} == {str(indexed.folder), str(other.folder)}
    indexed.write("00.md", document("changed"))
    wait_until_stamps_are_trusted()
    assert indexed.app().sync().updated == 1, "a sync without a folder reads every folder that was synced before"


# --- what cannot be read ---------------------------------------------------------------------------------------------


def _broken(indexed: IndexedFolder, how: str) -> dict[str, object]:
    """Make b.md unreadable, or add a document that is, and return the settings under which it is."""
    if how == "binary":
        indexed.write("b.md", b"\x00\x01\x02\xff" * 100)
    if how == "too large":
        indexed.write("b.md", document("beta") * 400)
    return _source(indexed, include=["*"], **({"max_mb": 0.1} if how == "too large" else {}))


@pytest.mark.parametrize("how", ["binary", "too large"])
def test_a_document_that_cannot_be_read_keeps_its_last_good_revision(indexed: IndexedFolder, how: str) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.write("b.md", document("beta"))
    indexed.sync(_source(indexed, include=["*"]))
    good = {one: row for one, row in indexed.contents().items() if row["kind"] == "chunk"}
    settings = _broken(indexed, how)
    indexed.write("a.md", document("omega"))
    report = indexed.sync(settings)
    assert (report.failed, report.quarantined, report.updated, report.complete) == (1, 1, 1, False)
    assert any("of beta" in text for text in indexed.found("beta"))
    kept = [one for one, row in good.items() if row["key"] == "b.md"]
    assert {one: indexed.contents()[one] for one in kept} == {one: good[one] for one in kept}
    (row,) = indexed.app().index.quarantine()
    assert (row["key"], row["attempts"]) == ("b.md", 1)
    assert row["reason"]

    untouched = indexed.sync(settings)
    assert (untouched.documents_read, untouched.failed, untouched.quarantined, untouched.commits) == (0, 0, 1, 0)
    assert not untouched.complete
    retried = indexed.sync(settings, retry_quarantined=True)
    assert (retried.failed, retried.quarantined) == (1, 1)
    assert indexed.app().index.quarantine()[0]["attempts"] == 2
    indexed.write("b.md", document("mended"))
    mended = indexed.sync(settings)
    assert (mended.updated, mended.failed, mended.quarantined, mended.complete) == (1, 0, 0, True)
    assert not any("of beta" in text for text in indexed.found("beta"))


def test_a_quarantined_document_that_returns_to_its_good_bytes_is_current_again(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.sync()
    good = indexed.contents()
    indexed.write("a.md", b"\x00" * 500)
    indexed.sync()
    indexed.write("a.md", document("alpha"))
    report = indexed.sync()
    assert (report.chunks_embedded, report.quarantined, report.complete) == (0, 0, True)
    assert indexed.contents() == good


def test_an_unsupported_format_that_a_pattern_includes_is_quarantined_with_its_reason(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.write("b.xyz", "some text")
    report = indexed.sync(_source(indexed, include=["*"]))
    assert (report.added, report.failed) == (1, 1)
    assert "found .xyz" in indexed.app().index.quarantine()[0]["reason"]


def test_one_poison_among_eleven_stops_none_of_the_others(indexed: IndexedFolder) -> None:
    indexed.write_numbered(10)
    indexed.write("05b.md", b"%PDF-1.7\x00\xff\xfe\x00" * 50)
    report = indexed.sync()
    assert (report.scanned, report.added, report.failed) == (11, 10, 1)


def test_a_file_without_permission_is_quarantined_and_read_when_it_may_be(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    file = indexed.write("b.md", document("beta"))
    file.chmod(0)
    with _as_nobody(indexed):
        report = indexed.sync()
    assert (report.added, report.failed) == (1, 1)
    assert "Permission denied" in indexed.app().index.quarantine()[0]["reason"]
    file.chmod(0o644)
    assert indexed.sync().complete


def test_a_subfolder_that_cannot_be_listed_deletes_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3, prefix="sub/")
    indexed.sync()
    (indexed.folder / "sub").chmod(0)
    try:
        with (
            _as_nobody(indexed),
            pytest.raises(NotFoundError, match=r"cannot list the folder .*sub.*Permission denied"),
        ):
            indexed.sync()
    finally:
        (indexed.folder / "sub").chmod(0o755)
    assert len({row["key"] for row in indexed.contents().values()}) == 3


class _as_nobody:  # noqa: N801
    """Permissions do not bind root; run the block as a user whom they bind."""

    def __init__(self, indexed: IndexedFolder) -> None:
        self._tree = [indexed.home, indexed.folder]

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            for folder in (*self._tree[0].parent.parents, self._tree[0].parent):
                if folder.stat().st_uid == 0 and folder not in (Path("/"), Path("/tmp")):
                    folder.chmod(folder.stat().st_mode | 0o011)
            for top in self._tree:
                top.mkdir(exist_ok=True)
                for path in (top, *top.rglob("*")):
                    os.chown(path, 65534, -1)
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)


# --- the folder itself -----------------------------------------------------------------------------------------------


def test_links_are_followed_to_files_inside_the_folder_only(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write("a.md", document("alpha"))
    indexed.write("sub/b.md", document("beta"))
    (tmp_path / "secret.md").write_text(document("secret"))
    links = {
        "inside.md": indexed.folder / "sub" / "b.md",
        "outside.md": tmp_path / "secret.md",
        "loop.md": indexed.folder / "loop.md",
        "up": indexed.folder,
        "sub/round": indexed.folder / "sub",
        "dangling.md": tmp_path / "nothing.md",
    }
    for name, target in links.items():
        (indexed.folder / name).symlink_to(target)
    report = indexed.sync()
    assert {change["key"] for change in report.changes} == {"a.md", "inside.md", "sub/b.md"}
    assert report.complete


def test_a_pipe_is_not_a_document(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    os.mkfifo(indexed.folder / "pipe.md")
    assert indexed.sync().scanned == 1


def test_file_names_that_are_not_utf8_are_documents_of_their_own(indexed: IndexedFolder, tmp_path: Path) -> None:
    folder = os.fsencode(indexed.folder)
    names = [b"caf\xe9.md", b"caf\\xe9.md", "café.md".encode(), b"line\nbreak.md", b"quo'te\".md"]
    for number, name in enumerate(names):
        with open(folder + b"/" + name, "w") as file:  # noqa: PTH123
            file.write(document(f"name{number}"))
    report = indexed.sync()
    assert (report.added, report.complete) == (5, True)
    assert len({row["key"] for row in indexed.contents().values()}) == 5
    assert indexed.sync().documents_read == 0
    with open(folder + b"/" + names[0], "w") as file:  # noqa: PTH123
        file.write(document("edited"))
    assert indexed.sync().updated == 1
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_file_that_vanishes_between_listing_and_reading_is_no_failure(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    indexed.write("01.md", document("edited"))
    (source,) = indexed.app().sources(indexed.folder, known=False)
    listing = list(source.list())
    (indexed.folder / "01.md").unlink()
    with pytest.raises(NotFoundError, match="gone since it was listed"):
        source.read(next(one for one in listing if one.key == "01.md"), 1000)


def test_a_document_renamed_while_a_sync_runs_is_never_lost(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(3)
    indexed.write("z.md", document("zeta"))
    indexed.sync()
    indexed.write("00.md", document("edited"))
    indexed.write("z.md", document("zeta again"))
    wait_until_stamps_are_trusted()
    embed = indexed.embedder.embed

    def rename_meanwhile(texts: list[str]) -> object:
        if (indexed.folder / "z.md").exists():
            (indexed.folder / "z.md").rename(indexed.folder / "zz.md")
        return embed(texts)

    indexed.embedder.embed = rename_meanwhile  # type: ignore[method-assign, assignment]
    report = indexed.app(sync={"batch_documents": 1}).sync(indexed.folder)
    assert report.failed == report.deleted == 0
    indexed.sync()
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_missing_folder_is_an_error_and_deletes_nothing(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.sync(_source(indexed))
    before = indexed.contents()
    gone = indexed.folder.rename(indexed.folder.parent / "unmounted")
    for asked in ({}, {"rebuild": True}, {"confirm_deletes": True}):
        with pytest.raises(NotFoundError, match="found no folder at"):
            indexed.sync(_source(indexed), **asked)
    gone.rename(indexed.folder)
    assert indexed.contents() == before


def test_a_missing_folder_beside_others_is_a_problem_that_stops_none_of_them(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    other = IndexedFolder(indexed.home, indexed.folder.parent / "other")
    other.write("x.md", document("x"))
    both = {"sources": _source(indexed)["sources"] + _source(other, "other")["sources"]}
    indexed.sync(both)
    shutil.rmtree(indexed.folder)
    other.write("y.md", document("y"))
    report = indexed.sync(both)
    assert (report.added, report.deleted, report.complete) == (1, 0, False)
    assert "found no folder" in report.problems[0]


def test_an_empty_folder_is_an_index_without_documents(indexed: IndexedFolder) -> None:
    report = indexed.sync()
    assert (report.scanned, report.chunks_total, report.complete) == (0, 0, True)
    assert indexed.found("anything") == []
    indexed.write("empty.md", "")
    report = indexed.sync()
    assert (report.added, report.chunks_total, report.complete) == (1, 0, True)
    assert indexed.found("anything") == []


# --- the guard against mass deletes ----------------------------------------------------------------------------------


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


# --- generations, schemas, leases ------------------------------------------------------------------------------------


def test_another_fingerprint_is_refused_with_both_named_and_rebuild_starts_afresh(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    before, built = indexed.contents(), indexed.app().generation
    other = {"index": {"chunk_tokens": 50}}
    asked = indexed.app(**other).generation
    for attempt in (lambda: indexed.app(**other).sync(indexed.folder), lambda: indexed.app(**other).search("alpha")):
        with pytest.raises(MismatchError) as refused:
            attempt()
        assert str(built) in str(refused.value)
        assert str(asked) in str(refused.value)
        assert "--rebuild" in str(refused.value)
    assert indexed.contents() == before

    indexed.settings = other
    report = indexed.sync(rebuild=True)
    assert (report.added, report.deleted) == (2, 0)
    assert not indexed.app().store.has(built.table)
    indexed.settings = {}
    assert indexed.sync(rebuild=True).chunks_embedded == 0
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
        indexed.app().search("alpha")
    with pytest.raises(MismatchError, match="newer"):
        indexed.sync()


def test_a_home_that_is_a_file_is_a_usage_error(indexed: IndexedFolder) -> None:
    indexed.home.write_text("not a folder")
    with pytest.raises(UsageError, match="cannot keep state in"):
        indexed.sync()


def test_a_table_whose_creation_was_killed_is_made_anew(indexed: IndexedFolder) -> None:
    for table in ("generations", indexed.app().generation.table):
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
    assert not indexed.app().index.search_text("alpha", indexed.embedder.embed(["alpha"])[0], 5)
    assert indexed.sync().commits == 0
    assert indexed.app().index.search_text("alpha", indexed.embedder.embed(["alpha"])[0], 5)


def test_maintenance_removes_tombstones_and_keeps_fragments_few(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"batch_documents": 1}}
    indexed.write_numbered(20)
    indexed.sync()
    for number in range(10):
        (indexed.folder / f"{number:02}.md").unlink()
    indexed.sync()
    table = indexed.app().store.table(indexed.app().index.generation.table)
    assert table.count_rows("NOT live") == 0
    assert table.stats()["fragment_stats"]["num_small_fragments"] < 16  # type: ignore[index]


# --- lag -------------------------------------------------------------------------------------------------------------


def test_lag_is_unknown_at_first_and_measured_from_the_change_or_the_last_scan_after(indexed: IndexedFolder) -> None:
    unknown = {"p50": None, "p95": None, "max": None}
    indexed.write_numbered(2)
    indexed.sync()
    assert indexed.app().index.counts()["lag_s"] == unknown
    indexed.write("00.md", document("edited"))
    indexed.sync()
    lag = indexed.app().index.counts()["lag_s"]
    assert 0 < lag["p50"] <= lag["max"] < 30
    old = indexed.write("01.md", document("edited long ago"))
    year_ago = (datetime.now() - timedelta(days=365)).timestamp()  # noqa: DTZ005
    os.utime(old, (year_ago, year_ago))
    indexed.sync()
    assert indexed.app().index.counts()["lag_s"]["max"] < 30, "what changed unseen counts from the last scan"
    indexed.sync(rebuild=True)
    assert indexed.app().index.counts()["lag_s"] == unknown


def test_a_change_dated_in_the_future_has_no_negative_lag(indexed: IndexedFolder) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    file = indexed.write("00.md", document("edited"))
    os.utime(file, (4e9, 4e9))
    indexed.sync()
    assert indexed.app().index.counts()["lag_s"]["max"] == 0


def _source(indexed: IndexedFolder, name: str = "handbook", *, max_mb: float = 64, **fields: object) -> dict[str, list]:  # type: ignore[type-arg]
    """Settings with the folder as a configured source."""
    return {
        "sources": [{"name": name, "uri": str(indexed.folder), **fields}],
        "sync": {"max_document_mb": max_mb},  # type: ignore[dict-item]
    }


def test_the_constant_embedder_tells_texts_apart() -> None:
    embedder = ConstantEmbedder()
    assert len({tuple(row) for row in embedder.embed([f"text {n}" for n in range(1000)]).tolist()}) == 1000


def test_many_idle_syncs_leave_few_files(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    reports = indexed.home / "store" / "reports.lance"
    for _ in range(55):
        indexed.app().sync(indexed.folder)
    assert len(list((reports / "_versions").iterdir())) > store.MANY_VERSIONS
    for file in reports.rglob("*"):
        os.utime(file, (1e9, 1e9))
    monkeypatch.setattr(store, "KEPT_VERSIONS", timedelta(milliseconds=1))
    assert indexed.sync().complete
    assert len(list((reports / "_versions").iterdir())) < 5
    assert len(list((reports / "data").iterdir())) < 5
