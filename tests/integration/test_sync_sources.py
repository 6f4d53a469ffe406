"""Syncs of sources and folders as they come: several of them, moved, unreadable in part, or not there."""

import os
import shutil
from pathlib import Path

import pytest

from ragloop.corpus.index import inventory
from ragloop.errors import NotFoundError, UsageError
from tests.support.indexed_folder import IndexedFolder, document, wait_until_stamps_are_trusted


def _source(indexed: IndexedFolder, name: str = "handbook", *, max_mb: float = 64, **fields: object) -> dict[str, list]:  # type: ignore[type-arg]
    """Settings with the folder as a configured source."""
    return {
        "sources": [{"name": name, "uri": str(indexed.folder), **fields}],
        "sync": {"max_document_mb": max_mb},
    }


# --- configured sources -----------------------------------------------------------------------------------------------


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
    assert {change.key for change in report.changes} == {"kept.md"}


def test_a_sync_of_a_folder_leaves_other_sources_as_they_are(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    other = IndexedFolder(indexed.home, tmp_path / "other")
    other.write("x.md", document("x"))
    other.sync()
    assert {row["source"] for row in indexed.contents().values()} == {str(indexed.folder), str(other.folder)}
    indexed.write("00.md", document("changed"))
    wait_until_stamps_are_trusted()
    assert indexed.app().corpus.sync().updated == 1, "a sync without a folder reads every folder that was synced before"


# --- what cannot be read ----------------------------------------------------------------------------------------------


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
    (row,) = inventory.quarantine(indexed.app().index)
    assert (row["key"], row["attempts"]) == ("b.md", 1)
    assert row["reason"]

    untouched = indexed.sync(settings)
    assert (untouched.documents_read, untouched.failed, untouched.quarantined, untouched.commits) == (0, 0, 1, 0)
    assert not untouched.complete
    retried = indexed.sync(settings, retry_quarantined=True)
    assert (retried.failed, retried.quarantined) == (1, 1)
    assert inventory.quarantine(indexed.app().index)[0]["attempts"] == 2
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
    assert "found .xyz" in inventory.quarantine(indexed.app().index)[0]["reason"]


def test_one_poison_document_does_not_stop_the_other_ten(indexed: IndexedFolder) -> None:
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
    assert "Permission denied" in inventory.quarantine(indexed.app().index)[0]["reason"]
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


# --- the folder itself ------------------------------------------------------------------------------------------------


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
    assert {change.key for change in report.changes} == {"a.md", "inside.md", "sub/b.md"}
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
    (source,) = indexed.app().corpus.sources(indexed.folder).by_name.values()
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

    indexed.embedder.embed = rename_meanwhile
    report = indexed.app(sync={"batch_documents": 1}).corpus.sync(indexed.folder)
    assert report.failed == report.deleted == 0
    indexed.sync()
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_a_folder_whose_path_is_not_utf8_is_refused_in_one_line(indexed: IndexedFolder) -> None:
    folder = Path(os.fsdecode(os.fsencode(indexed.folder) + b"/\xff"))
    folder.mkdir()
    with pytest.raises(UsageError, match="expected a path in UTF-8"):
        indexed.app().corpus.sync(folder)


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


def test_a_missing_folder_is_a_problem_that_does_not_stop_the_others(indexed: IndexedFolder) -> None:
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


def test_deletes_are_let_through_by_name_and_not_by_number(indexed: IndexedFolder) -> None:
    for source in ("one", "two"):
        indexed.write_numbered(40, prefix=f"{source}/")
    settings = {"sources": [{"name": name, "uri": str(indexed.folder / name)} for name in ("one", "two")]}
    indexed.sync(settings)
    for number in range(30):
        (indexed.folder / "one" / f"{number:02}.md").unlink()
    for number in range(15):
        (indexed.folder / "two" / f"{number:02}.md").unlink()
    asked = indexed.sync(settings)
    assert (asked.withheld_deletes, asked.deleted) == (45, 0)
    approved = frozenset((one.source, one.key) for one in asked.withheld)
    for source in ("one", "two"):
        (indexed.folder / source / "39.md").unlink()
    (indexed.folder / "one" / "00.md").write_text("it is back")
    report = indexed.sync(settings, approved=approved)
    assert (report.deleted, report.withheld_deletes, report.updated) == (44, 2, 1)
    assert len(indexed.contents()) > 0
    assert {row["key"] for row in indexed.contents().values() if row["source"] == "two"} >= {"39.md"}


def test_a_source_in_which_patterns_match_nothing_does_not_keep_another_index_from_its_end(
    indexed: IndexedFolder,
) -> None:
    indexed.write("a.md", document("alpha"))
    rest = {"name": "rest", "uri": str(indexed.folder)}
    none = {"name": "none", "uri": str(indexed.folder), "include": ["*.adoc"]}
    settings = {"sources": [none, rest]}
    assert not indexed.sync(settings).complete
    rebuilt = indexed.sync(settings, rebuild=True)
    assert (rebuilt.state, rebuilt.added, len(rebuilt.problems)) == ("active", 1, 1)


def test_what_was_not_read_of_a_document_stays_known_while_it_does_not_change(indexed: IndexedFolder) -> None:
    text = "Größe, Höhe und Tiefe über alle Maße; möglichst früh geprüft.\n"
    indexed.write("a.txt", text.encode() + b"\xe4\n")
    for documents_read in (1, 0):
        report = indexed.sync()
        (told,) = report.read_in_part
        assert (report.documents_read, told.key, len(told.left_out)) == (documents_read, "a.txt", 1)
    (indexed.folder / "a.txt").rename(indexed.folder / "b.txt")
    assert [one.key for one in indexed.sync().read_in_part] == ["b.txt"]
    indexed.write("b.txt", b"\x00" * 500)
    report = indexed.sync()
    assert (report.read_in_part, [one.key for one in report.quarantine]) == ((), ["b.txt"])
    (only,) = indexed.app().documents()
    assert (only.quality, len(only.left_out), only.chunks, only.encoding) == ("quarantined", 2, 1, "utf-8")
    indexed.write("b.txt", text)
    assert indexed.sync().read_in_part == ()
    (only,) = indexed.app().documents()
    assert (only.quality, only.left_out, only.format) == ("read", (), "txt")


def test_a_file_without_a_suffix_that_a_pattern_includes_is_read_as_text(indexed: IndexedFolder) -> None:
    indexed.write("README", "How to begin: read this.\n")
    assert indexed.sync(_source(indexed, include=["README"])).complete
    (only,) = indexed.app().documents()
    assert (only.key, only.quality, only.format, only.chunks) == ("README", "read", "txt", 1)
