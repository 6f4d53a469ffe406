"""Files of the store that were cut off or removed: a rebuild brings the index back, and vectors are made anew."""

import shutil
from pathlib import Path

import pytest

from tests.support.indexed_folder import IndexedFolder


def _cut(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:20])


def _damage(home: Path, what: str) -> None:
    index = next((home / "store").glob("index_*"))
    vectors = next((home / "store").glob("vectors_*"))
    match what:
        case "manifest":
            _cut(index / "_versions")
        case "data":
            shutil.rmtree(index / "data")
        case "indexes":
            shutil.rmtree(index / "_indices")
        case "vectors":
            _cut(vectors / "data")


@pytest.mark.parametrize("what", ["manifest", "data", "indexes", "vectors"])
def test_a_rebuild_mends_a_store_that_cannot_be_read(indexed: IndexedFolder, tmp_path: Path, what: str):
    indexed.write_numbered(5)
    indexed.sync()
    _damage(indexed.home, what)
    report = indexed.sync(rebuild=True)
    assert report.complete
    assert report.added == 5
    assert report.chunks_embedded == (report.chunks_total if what == "vectors" else 0)
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


def test_vectors_that_cannot_be_read_do_not_stop_a_sync(indexed: IndexedFolder):
    indexed.write_numbered(3)
    indexed.sync()
    _damage(indexed.home, "vectors")
    indexed.write("new.md", "# New\n\nomega")
    assert indexed.sync().added == 1
