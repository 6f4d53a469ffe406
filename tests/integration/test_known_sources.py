"""Sources that ragloop knows of: by path, by configuration, and those that are gone."""

import os
import shutil
import time
from pathlib import Path

import pytest

from ragloop.corpus.index.generations import generation
from ragloop.corpus.sync.applying.source_sync import SourceSync
from ragloop.errors import ConfigError, NotFoundError, UsageError
from tests.support.indexed_folder import IndexedFolder


def test_a_missing_folder_known_by_path_is_dropped_when_a_person_names_and_confirms_it(
    indexed: IndexedFolder, tmp_path: Path
):
    indexed.write("a.md", "# A\n\nalpha")
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("# B\n\nbeta")
    indexed.sync()
    indexed.app().corpus.sync(other)
    shutil.rmtree(other)
    assert len(indexed.app().corpus.sync().problems) == 1
    with pytest.raises(NotFoundError, match="nothing was changed"):
        indexed.app().corpus.sync(other)
    assert indexed.app().status()["documents"] == 2

    assert indexed.app().corpus.sync(other, confirm_deletes=True).deleted == 1
    assert indexed.app().corpus.sync().complete
    assert indexed.app().corpus.sync(rebuild=True).added == 1


def test_a_rebuild_that_was_killed_does_not_empty_the_index_when_a_folder_that_is_gone_is_deleted(
    indexed: IndexedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.write("a.md", "# A\n\nalpha")
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("# B\n\nbeta")
    indexed.sync()
    indexed.app().corpus.sync(other)

    def dies(self: SourceSync) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SourceSync, "run", dies)
        with pytest.raises(KeyboardInterrupt):
            indexed.app().corpus.sync(rebuild=True)
    shutil.rmtree(other)
    assert indexed.app().corpus.sync(other, confirm_deletes=True).deleted == 1
    assert {row["key"] for row in indexed.contents().values()} == {"a.md"}
    assert indexed.app().corpus.sync().complete
    assert {row["key"] for row in indexed.contents().values()} == {"a.md"}


def test_a_configured_folder_that_is_named_by_its_path_stays_one_source(indexed: IndexedFolder):
    indexed.write("a.md", "# A\n\nalpha")
    settings = {"sources": [{"name": "docs", "uri": str(indexed.folder)}]}
    indexed.app(**settings).corpus.sync()
    report = indexed.app(**settings).corpus.sync(indexed.folder)
    assert (report.scanned, report.added) == (1, 0)
    assert indexed.app().status()["documents"] == 1


def test_two_sources_may_share_one_folder_and_part_it_by_patterns(indexed: IndexedFolder):
    indexed.write("open/a.md", "# A\n\nalpha")
    indexed.write("inner/b.md", "# B\n\nbeta")
    of_folder = {"uri": str(indexed.folder)}
    settings = {
        "sources": [
            {"name": "open", "include": ["open/**"], **of_folder},
            {"name": "inner", "include": ["inner/**"], "labels": ["inner"], **of_folder},
        ]
    }
    assert indexed.sync(settings).added == 2
    rows = indexed.contents().values()
    assert {(row["source"], row["key"]) for row in rows} == {("open", "open/a.md"), ("inner", "inner/b.md")}
    report = indexed.app(**settings).corpus.sync(indexed.folder)
    assert (report.scanned, report.added) == (2, 0)


def test_a_folder_that_is_configured_after_it_was_synced_by_path_is_not_found_twice(
    indexed: IndexedFolder, tmp_path: Path
):
    indexed.write_numbered(12)
    indexed.sync()
    settings = {"sources": [{"name": "docs", "uri": str(indexed.folder)}]}
    report = indexed.sync(settings)
    assert (report.added, report.withheld_deletes, report.chunks_embedded) == (12, 12, 0)
    assert indexed.sync(settings, confirm_deletes=True).deleted == 12
    other = IndexedFolder(tmp_path / "other", indexed.folder)
    other.sync(settings)
    assert indexed.contents() == other.contents()
    assert indexed.sync(settings).complete


def test_when_the_last_source_is_configured_no_more_its_documents_stay_until_a_person_confirms(
    indexed: IndexedFolder,
):
    indexed.write_numbered(2)
    indexed.sync({"sources": [{"name": "docs", "uri": str(indexed.folder)}]})
    with pytest.raises(UsageError, match="found no source, though the index knows docs"):
        indexed.app().corpus.sync()
    with pytest.raises(UsageError, match="found no source"):
        indexed.app().corpus.sync(rebuild=True)
    assert indexed.app().status()["documents"] == 2

    assert indexed.app().corpus.sync(confirm_deletes=True).deleted == 2
    with pytest.raises(UsageError, match="found no source; name a folder"):
        indexed.app().corpus.sync(confirm_deletes=True)


def test_documents_of_a_source_that_is_gone_can_go_whatever_parser_made_them(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
):
    indexed.write_numbered(2)
    indexed.sync({"sources": [{"name": "docs", "uri": str(indexed.folder)}]})
    monkeypatch.setattr(generation, "PARSER", 99)
    assert indexed.app().corpus.sync(confirm_deletes=True).deleted == 2
    assert [one.state for one in indexed.app().generations.all()] == ["active"]


def test_the_home_inside_a_source_is_never_indexed(indexed: IndexedFolder):
    indexed.home = indexed.folder / "state"
    indexed.write("a.md", "# A\n\nalpha")
    indexed.sync()
    indexed.write("state/artifacts/notes.md", "# mine\n\nnot a document")
    assert indexed.sync().scanned == 1


def test_a_rebuild_that_was_killed_leaves_no_lag_to_the_next_sync(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
):
    file = indexed.write("a.md", "# A\n\nalpha")
    hours_ago = time.time() - 72_000
    os.utime(file, (hours_ago, hours_ago))
    indexed.sync()

    def dies(self: SourceSync) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SourceSync, "run", dies)
        with pytest.raises(KeyboardInterrupt):
            indexed.sync(rebuild=True)
    indexed.sync()
    assert indexed.app().status()["lag_s"]["max"] is None


def test_chunks_longer_than_the_embedder_reads_are_refused(indexed: IndexedFolder):
    indexed.write("a.md", "# A\n\nalpha")
    indexed.settings = {"index": {"chunk_tokens": 2000}}
    with pytest.raises(ConfigError, match=r"chunk_tokens is 2000, .* at most 256"):
        indexed.sync()
    assert not (indexed.home / "store" / "index").exists()


def test_only_quarantined_documents_of_the_synced_sources_make_a_sync_incomplete(
    indexed: IndexedFolder, tmp_path: Path
):
    indexed.write("bad.md", b"\x00\x01\x02binary\x00")
    assert not indexed.sync().complete
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("# B\n\nbeta")
    assert indexed.app().corpus.sync(other).complete
