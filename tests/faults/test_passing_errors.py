"""A disk that refuses, a mount that stalls: what cannot be used now is not damaged, and nothing of it is dropped."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ragloop.corpus.index import inventory
from ragloop.corpus.index import search_indexes as maintenance
from ragloop.corpus.index.vectors import table_of
from ragloop.errors import UnavailableError
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder, wait_until_stamps_are_trusted
from tests.support.unreadable import denied, given_to_nobody, home_of_nobody, looped

VECTORS = table_of(ConstantEmbedder.fingerprint)
WAYS = {"denied": denied, "looped": looped}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexedFolder]:
    """Sixty-one documents, with the indexes that many rows get, in folders that another user may write in."""
    monkeypatch.setattr(maintenance, "MANY_ROWS", 1)
    monkeypatch.setattr(maintenance, "MANY_VECTORS", 1)
    with home_of_nobody() as top:
        indexed = IndexedFolder(top / "home", top / "documents")
        indexed.write_numbered(61)
        indexed.sync()
        (indexed.folder / "00.md").unlink()
        indexed.write_numbered(1)
        given_to_nobody(top)
        yield indexed


def table(indexed: IndexedFolder) -> str:
    return next((indexed.home / "store").glob("index_*")).stem


def files(indexed: IndexedFolder, name: str, part: str) -> list[Path]:
    top = indexed.home / "store" / f"{name}.lance" / part
    return [Path(folder, file) for folder, _, found in os.walk(top) for file in found]


def stored(indexed: IndexedFolder) -> int:
    return indexed.app().store.count(VECTORS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["data", "_versions"])
def test_stored_vectors_that_cannot_be_opened_now_outlive_an_edit(kept: IndexedFolder, part: str, way: str) -> None:
    before = stored(kept)
    kept.write("new.md", "# New\n\nomega")
    with WAYS[way](files(kept, VECTORS, part)), pytest.raises(UnavailableError, match="cannot be used now"):
        kept.sync()
    assert stored(kept) == before
    assert kept.sync().added == 1
    assert len(kept.embedder.embedded) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_repair_while_a_file_cannot_be_read_and_a_source_misses_most_changes_nothing(
    kept: IndexedFolder, way: str
) -> None:
    (hidden, *_) = files(kept, table(kept), "data")
    before, name = kept.contents(), table(kept)
    for number in range(6, 61):
        (kept.folder / f"{number:02}.md").unlink()
    wait_until_stamps_are_trusted()
    with WAYS[way]([hidden]), pytest.raises(UnavailableError, match="cannot be used now"):
        kept.app().corpus.diagnose(repair=True)
    assert table(kept) == name
    assert kept.contents() == before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["data", "_versions", "_indices"])
def test_whatever_is_done_while_an_index_cannot_be_read_drops_nothing(kept: IndexedFolder, part: str, way: str) -> None:
    before, hidden = kept.contents(), files(kept, table(kept), part)
    kept.write("new.md", "# New\n\nomega")
    does: dict[str, Callable[[], object]] = {
        "sync": kept.sync,
        "diagnose": kept.app().corpus.diagnose,
        "repair": lambda: kept.app().corpus.diagnose(repair=True),
        "search": lambda: kept.found("Paragraph 1 of 1"),
        "maintain": kept.app().corpus.maintain,
        "rebuild": lambda: kept.sync(rebuild=True),
    }
    with WAYS[way](hidden):
        for name, work in does.items():
            # Compaction passes over an index that it cannot open, and leaves it as it is.
            refused = suppress(UnavailableError) if name == "maintain" else pytest.raises(UnavailableError)
            with refused:
                work()
    assert all(file.exists() for file in hidden)
    assert not (kept.home / "aside").exists()
    after = kept.contents()
    assert {one: row for one, row in after.items() if one in before} == before
    kept.sync()
    wait_until_stamps_are_trusted()
    assert kept.app().corpus.diagnose().healthy


def test_an_index_that_is_damaged_is_not_replaced_by_the_little_that_a_source_still_has(kept: IndexedFolder) -> None:
    name = table(kept)
    for file in files(kept, name, "data"):
        file.write_bytes(file.read_bytes()[:20])
    for number in range(6, 61):
        (kept.folder / f"{number:02}.md").unlink()
    wait_until_stamps_are_trusted()
    repaired = kept.app().corpus.diagnose(repair=True)
    assert not repaired.healthy
    assert any("lacks 55 documents" in note for note in repaired.notes), repaired.notes
    assert kept.app().index.generation.table == name
    assert files(kept, name, "data")
    report = kept.sync(confirm_deletes=True)
    assert report.state == "active"
    assert inventory.counts(kept.app().index)["documents"] == 6
    assert list((kept.home / "aside").glob(f"{name}*/data/*")), "what was damaged is set aside"


def test_an_index_whose_row_is_gone_is_set_aside_and_reported_as_a_loss(kept: IndexedFolder) -> None:
    name = table(kept)
    kept.app().store.table("generations").delete("true")
    for number in range(6, 61):
        (kept.folder / f"{number:02}.md").unlink()
    wait_until_stamps_are_trusted()
    repaired = kept.app().corpus.diagnose(repair=True)
    assert not repaired.healthy
    assert list((kept.home / "aside").glob(f"{name}*/data/*"))
    assert not kept.app().corpus.diagnose().healthy
    kept.sync(confirm_deletes=True)
    wait_until_stamps_are_trusted()
    assert kept.app().corpus.diagnose().healthy


def test_vectors_that_are_damaged_are_set_aside(kept: IndexedFolder) -> None:
    for file in files(kept, VECTORS, "data"):
        file.write_bytes(file.read_bytes()[:20])
    kept.write("new.md", "# New\n\nomega")
    assert kept.sync().added == 1
    assert list((kept.home / "aside").glob(f"{VECTORS}*/data/*"))


def test_what_was_set_aside_goes_after_its_time(kept: IndexedFolder) -> None:
    shutil.copytree(kept.home / "store" / f"{VECTORS}.lance", kept.home / "store" / "vectors_other.lance")
    store = kept.app().store
    with store.lease("index"):
        store.tables.set_aside("vectors_other")
    kept.app().corpus.maintain()
    assert list((kept.home / "aside").iterdir())
    kept.app(index={"vector_retention_days": 0, "keep_days": 0}).corpus.maintain()
    assert not list((kept.home / "aside").iterdir())
