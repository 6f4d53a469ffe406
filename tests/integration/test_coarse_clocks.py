"""Folders on file systems whose clock is coarse, or is another machine's: what a stamp cannot tell is read."""

import os
import time
from collections.abc import Callable

import pytest

from ragloop.corpus.sources import local
from ragloop.corpus.sync.report import SyncReport
from tests.support.indexed_folder import IndexedFolder, document

SECOND = 1_000_000_000
Clock = Callable[..., None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets how coarse the clock of the file system is, and how far it is ahead of this machine's."""
    real = os.stat_result.st_ctime_ns.__get__
    tick, ahead = 1, 0

    def stamp_of(found: os.stat_result) -> str:
        mtime, ctime = ((at + ahead) // tick * tick for at in (found.st_mtime_ns, real(found)))
        return f"{found.st_size}:{mtime}:{ctime}:{found.st_ino}"

    def setting(tick_s: float = 0, ahead_s: float = 0) -> None:
        nonlocal tick, ahead
        tick, ahead = max(1, int(tick_s * SECOND)), int(ahead_s * SECOND)

    monkeypatch.setattr(local, "stamp_of", stamp_of)
    return setting


def _at_the_start_of_a_tick(tick_s: float) -> None:
    time.sleep(tick_s - time.time() % tick_s)


def _synced(indexed: IndexedFolder) -> SyncReport:
    return indexed.app().corpus.sync(indexed.folder)


def _edited(indexed: IndexedFolder, number: int) -> None:
    indexed.write("a.md", document(f"edit{number}"))


def _shows(indexed: IndexedFolder, number: int) -> bool:
    return all(f"edit{number}" in text for text in indexed.found(f"edit{number}"))


@pytest.mark.long
@pytest.mark.parametrize(("tick_s", "ahead_s"), [(1, 0), (2, 0), (1, -5_000), (1, 5_000)])
def test_every_edit_within_one_tick_of_the_clock_is_found(
    indexed: IndexedFolder, clock: Clock, tick_s: float, ahead_s: float
) -> None:
    clock(tick_s, ahead_s)
    _edited(indexed, 0)
    _synced(indexed)
    _at_the_start_of_a_tick(tick_s)
    for number in range(1, 7):
        _edited(indexed, number)
        assert _synced(indexed).updated == 1
        assert _shows(indexed, number)
        time.sleep(0.03)


@pytest.mark.parametrize("ahead_s", [0, -40, 2_000_000_000])
def test_a_file_that_settled_is_read_once_more_and_then_no_more(
    indexed: IndexedFolder, clock: Clock, ahead_s: float
) -> None:
    clock(1, ahead_s)
    _edited(indexed, 0)
    size = (indexed.folder / "a.md").stat().st_size
    assert _synced(indexed).bytes_read == size
    time.sleep(2.1)
    again = _synced(indexed)
    assert (again.bytes_read, again.unchanged, again.updated, again.chunks_embedded) == (size, 1, 0, 0)
    for _ in range(3):
        settled = _synced(indexed)
        assert (settled.documents_read, settled.bytes_read, settled.commits) == (0, 0, 0)


def test_a_file_that_is_read_again_within_its_tick_is_committed_once(indexed: IndexedFolder, clock: Clock) -> None:
    clock(2)
    _edited(indexed, 0)
    _at_the_start_of_a_tick(2)
    assert _synced(indexed).commits == 1
    again = _synced(indexed)
    assert (again.documents_read, again.unchanged, again.commits) == (1, 1, 0)


def test_a_file_that_has_been_as_it_is_for_days_is_read_once(indexed: IndexedFolder, clock: Clock) -> None:
    _edited(indexed, 0)
    clock(1, ahead_s=-3 * 86_400)
    assert _synced(indexed).documents_read == 1
    assert _synced(indexed).documents_read == 0


def test_an_edit_that_keeps_its_stamp_is_found_though_the_sync_that_read_it_was_killed(
    indexed: IndexedFolder, clock: Clock
) -> None:
    clock(2)
    _at_the_start_of_a_tick(2)
    _edited(indexed, 0)
    _synced(indexed)
    _edited(indexed, 1)
    embed = indexed.embedder.embed

    def dies(texts: list[str]) -> object:
        raise KeyboardInterrupt

    indexed.embedder.embed = dies
    with pytest.raises(KeyboardInterrupt):
        _synced(indexed)
    indexed.embedder.embed = embed
    _edited(indexed, 2)
    assert _synced(indexed).updated == 1
    assert _shows(indexed, 2)


def test_whole_seconds_that_were_set_do_not_hide_an_edit(indexed: IndexedFolder) -> None:
    file, at = indexed.folder / "a.md", int(time.time()) - 10
    for number in range(6):
        _edited(indexed, number)
        os.utime(file, (at, at))
        assert _synced(indexed).added + _synced(indexed).updated <= 1
        assert _shows(indexed, number)


def test_a_file_that_becomes_readable_within_one_tick_is_read(indexed: IndexedFolder, clock: Clock) -> None:
    clock(2)
    _at_the_start_of_a_tick(2)
    indexed.write("a.md", b"\x00" * 300)
    assert _synced(indexed).failed == 1
    indexed.write("a.md", b"text " * 60)
    assert _synced(indexed).quarantined == 0
