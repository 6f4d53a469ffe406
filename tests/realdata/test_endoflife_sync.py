"""A year of a real documentation repository: three revisions, synced one after the other and built from scratch."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from tests.support.indexed_folder import IndexedFolder

pytestmark = pytest.mark.realdata

REVISIONS = ("r1_2025-01-06", "r2_2025-07-07", "r3_2026-01-05")
SETTINGS = {"sync": {"guard_share": 0.5}}


def _pages(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = [one for one in tar.getmembers() if one.isfile() and one.name.endswith(".md")]
        return {one.name: tar.extractfile(one).read() for one in files}


def _bring(folder: Path, pages: dict[str, bytes]) -> None:
    """Make the folder hold these pages, touching only files that differ."""
    for file in [one for one in folder.rglob("*") if one.is_file()]:
        if str(file.relative_to(folder)) not in pages:
            file.unlink()
    for name, data in pages.items():
        file = folder / name
        if not file.exists() or file.read_bytes() != data:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _renames(old: dict[str, bytes], new: dict[str, bytes]) -> int:
    """Pages that are gone whose bytes stand under a new name."""
    gone = [hashlib.sha256(data).digest() for name, data in old.items() if name not in new]
    come = [hashlib.sha256(data).digest() for name, data in new.items() if name not in old]
    return sum(min(gone.count(one), come.count(one)) for one in set(gone))


def test_three_revisions_synced_in_turn_equal_builds_from_scratch(
    indexed: IndexedFolder, realdata: Path, tmp_path: Path
) -> None:
    indexed.settings = SETTINGS
    old: dict[str, bytes] = {}
    for number, revision in enumerate(REVISIONS):
        new = _pages(realdata / "endoflife-date" / f"{revision}.tar.xz")
        assert 300 < len(new) < 500
        _bring(indexed.folder, new)
        report = indexed.sync(confirm_deletes=True)
        renames = _renames(old, new)
        edited = sum(name in old and old[name] != data for name, data in new.items())
        assert report.scanned == len(new)
        assert (report.renamed, report.updated) == (renames, edited)
        assert report.added == len(new.keys() - old.keys()) - renames
        assert report.deleted == len(old.keys() - new.keys()) - renames
        assert report.failed == report.quarantined == 0
        assert report.chunks_total > 3 * len(new)
        assert report.chunks_embedded == len(indexed.embedder.embedded)
        if number:
            assert report.chunks_reused > 100, (
                "half a year edits nearly every page, and still leaves paragraphs as they were"
            )
            assert indexed.contents() == indexed.from_scratch(tmp_path / revision)
        old = new


def test_pages_that_are_all_moved_embed_nothing(indexed: IndexedFolder, realdata: Path) -> None:
    pages = _pages(realdata / "endoflife-date" / f"{REVISIONS[2]}.tar.xz")
    _bring(indexed.folder, pages)
    first = indexed.sync()
    _bring(indexed.folder, {f"moved/{name}": data for name, data in pages.items()})
    report = indexed.sync()
    assert (report.renamed, report.added, report.deleted, report.withheld_deletes) == (len(pages), 0, 0, 0)
    assert report.chunks_embedded == 0
    assert report.chunks_total == first.chunks_total
