"""Documents that cannot be read and change their names: the last good revision goes where the bytes go."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragloop.corpus.index import inventory
from ragloop.corpus.index.searching.search import Search
from tests.support.indexed_folder import IndexedFolder, document

BAD = b"\x00\x01\x02\xff" * 100
TAKES_ALL = {"include": ["*"]}


def _source(indexed: IndexedFolder, max_mb: float = 64) -> dict[str, Any]:
    return {
        "sources": [{"name": "handbook", "uri": str(indexed.folder), **TAKES_ALL}],
        "sync": {"max_document_mb": max_mb},
    }


def _broken(indexed: IndexedFolder, key: str = "b.md", topic: str = "beta", bad: bytes = BAD) -> None:
    """A document that was good in one sync and cannot be read in the next."""
    indexed.write(key, document(topic))
    indexed.sync(_source(indexed))
    indexed.write(key, bad)
    assert indexed.sync(_source(indexed)).quarantined >= 1


def _rename(indexed: IndexedFolder, key: str, other: str) -> None:
    (indexed.folder / other).parent.mkdir(exist_ok=True)
    (indexed.folder / key).rename(indexed.folder / other)


def _copy_and_remove(indexed: IndexedFolder, key: str, other: str) -> None:
    shutil.copyfile(indexed.folder / key, indexed.folder / other)
    (indexed.folder / key).unlink()


def _copy_then_remove(indexed: IndexedFolder, key: str, other: str) -> None:
    """With a sync between the two, as a bucket's objects are renamed."""
    shutil.copyfile(indexed.folder / key, indexed.folder / other)
    indexed.sync(_source(indexed))
    (indexed.folder / key).unlink()


def _row(indexed: IndexedFolder, key: str) -> dict[str, Any] | None:
    return next((row for row in inventory.quarantine(indexed.app().index) if row["key"] == key), None)


def _place(indexed: IndexedFolder, topic: str) -> set[tuple[str, str]]:
    """Key and file name in the URI of what speaks of a topic."""
    rows = [row for row in indexed.contents().values() if row["kind"] == "chunk" and f"of {topic}" in row["text"]]
    return {(row["key"], row["uri"].rpartition("/")[2]) for row in rows}


@pytest.mark.parametrize("move", [_rename, _copy_and_remove, _copy_then_remove])
def test_a_quarantined_document_that_is_renamed_keeps_its_last_good_revision(
    indexed: IndexedFolder, move: Callable[..., None]
) -> None:
    _broken(indexed)
    good = _row(indexed, "b.md")
    move(indexed, "b.md", "c.md")
    report = indexed.sync(_source(indexed))
    assert (report.quarantined, report.chunks_embedded, report.deleted) == (1, 0, int(move is _copy_then_remove))
    assert _place(indexed, "beta") == {("c.md", "c.md")}
    assert any("of beta" in text for text in indexed.found("beta"))
    assert _row(indexed, "b.md") is None
    assert (moved := _row(indexed, "c.md"))
    assert good
    assert moved["revision"] == good["revision"]
    assert moved["reason"]
    assert _passages_are_located(indexed)
    again = indexed.sync(_source(indexed))
    assert (again.documents_read, again.commits, again.quarantined) == (0, 0, 1)


def _passages_are_located(indexed: IndexedFolder) -> bool:
    chunks = [one for one, row in indexed.contents().items() if row["kind"] == "chunk"]
    passages = Search(indexed.app().index).passages(chunks)
    return bool(chunks) and set(passages) == set(chunks) and all(one["revision"] for one in passages.values())


def test_it_is_as_if_it_had_always_had_that_name_when_it_is_mended(indexed: IndexedFolder, tmp_path: Path) -> None:
    _broken(indexed)
    _rename(indexed, "b.md", "inner.md")
    indexed.sync(_source(indexed))
    indexed.write("inner.md", document("beta"))
    report = indexed.sync(_source(indexed))
    assert (report.chunks_embedded, report.quarantined) == (0, 0)
    assert indexed.app(**_source(indexed)).corpus.diagnose().healthy
    fresh = IndexedFolder(tmp_path / "other", indexed.folder)
    fresh.sync(_source(indexed))
    assert indexed.contents() == fresh.contents()


def test_a_document_too_large_to_be_read_keeps_its_last_good_revision_under_a_new_name(indexed: IndexedFolder) -> None:
    indexed.write("b.md", document("beta"))
    indexed.sync(_source(indexed, 0.1))
    indexed.write("b.md", document("beta") * 400)
    assert indexed.sync(_source(indexed, 0.1)).quarantined == 1
    _rename(indexed, "b.md", "c.md")
    indexed.sync(_source(indexed, 0.1))
    assert _place(indexed, "beta") == {("c.md", "c.md")}


def test_a_good_document_renamed_to_a_format_that_cannot_be_read_keeps_its_last_good_revision(
    indexed: IndexedFolder,
) -> None:
    indexed.write("b.md", document("beta"))
    indexed.sync(_source(indexed))
    _rename(indexed, "b.md", "b.xyz")
    report = indexed.sync(_source(indexed))
    assert (report.failed, report.deleted) == (1, 0)
    assert _place(indexed, "beta") == {("b.xyz", "b.xyz")}
    _rename(indexed, "b.xyz", "b2.md")
    report = indexed.sync(_source(indexed))
    assert (report.renamed, report.quarantined, report.chunks_embedded) == (1, 0, 0)
    assert _place(indexed, "beta") == {("b2.md", "b2.md")}


def test_a_quarantined_document_that_is_renamed_and_changed_is_a_document_that_is_gone(indexed: IndexedFolder) -> None:
    _broken(indexed)
    _rename(indexed, "b.md", "c.md")
    indexed.write("c.md", BAD + b"\x00\xffother")
    report = indexed.sync(_source(indexed))
    assert (report.deleted, report.quarantined) == (1, 1)
    assert _place(indexed, "beta") == set()


def test_of_several_with_the_same_bytes_each_keeps_its_own_last_good_revision(indexed: IndexedFolder) -> None:
    _broken(indexed, "b.md", "beta")
    _broken(indexed, "g.md", "gamma")
    _rename(indexed, "b.md", "z.md")
    _rename(indexed, "g.md", "a.md")
    indexed.sync(_source(indexed))
    assert (_place(indexed, "beta"), _place(indexed, "gamma")) == ({("z.md", "z.md")}, {("a.md", "a.md")})


def test_where_copies_do_not_tell_which_it_was_none_speaks_under_the_name_of_another(indexed: IndexedFolder) -> None:
    _broken(indexed, "b.md", "beta")
    _broken(indexed, "g.md", "gamma")
    _copy_and_remove(indexed, "b.md", "x.md")
    _copy_and_remove(indexed, "g.md", "y.md")
    report = indexed.sync(_source(indexed))
    assert (report.deleted, report.quarantined) == (2, 2)
    assert _place(indexed, "beta") | _place(indexed, "gamma") == set()


def test_copies_moved_to_another_folder_are_distinguished_by_their_names(indexed: IndexedFolder) -> None:
    _broken(indexed, "b.md", "beta")
    _broken(indexed, "g.md", "gamma")
    for key in ("b.md", "g.md"):
        indexed.write(f"archive/{key}", BAD)
        (indexed.folder / key).unlink()
    indexed.sync(_source(indexed))
    assert _place(indexed, "beta") == {("archive/b.md", "b.md")}
    assert _place(indexed, "gamma") == {("archive/g.md", "g.md")}


def test_a_copy_of_a_quarantined_document_takes_nothing_while_that_is_there(indexed: IndexedFolder) -> None:
    _broken(indexed)
    indexed.write("c.md", BAD)
    indexed.sync(_source(indexed))
    assert _place(indexed, "beta") == {("b.md", "b.md")}
    row = _row(indexed, "c.md")
    assert row
    assert row["revision"] is None


def test_a_delete_that_is_withheld_leaves_the_last_good_revision_where_it_is(indexed: IndexedFolder) -> None:
    _broken(indexed)
    indexed.write("c.md", BAD)
    indexed.sync(_source(indexed))
    (indexed.folder / "b.md").unlink()
    settings = _source(indexed)
    settings["sync"] |= {"guard_documents": 0, "guard_share": 0}
    assert indexed.sync(settings).withheld_deletes == 1
    assert _place(indexed, "beta") == {("b.md", "b.md")}
    assert indexed.sync(settings, confirm_deletes=True).deleted == 1
    assert _place(indexed, "beta") == {("c.md", "c.md")}
