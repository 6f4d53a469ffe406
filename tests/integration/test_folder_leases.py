"""Leases of a store in a folder, which the kernel holds: what a second process says while the first takes one."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

import pytest

from ragloop.errors import StoreBusyError
from ragloop.store import Store, utc_now
from ragloop.store.places import folder_leases
from ragloop.store.places.folder import FolderPlace
from ragloop.store.places.holder import holder


def test_a_holder_that_has_not_yet_written_its_name_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "leases").mkdir()

    def refused() -> str:
        with (
            pytest.raises(StoreBusyError) as found,
            FolderPlace(tmp_path).leases.hold("index", wait_s=0),
        ):
            pass
        return str(found.value)

    with (tmp_path / "leases" / "index").open("a+") as held, ThreadPoolExecutor(1) as other:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = other.submit(refused)
        sleep(0.05)
        held.write(holder(utc_now()))
        held.flush()
        assert "is being written by process " in said.result()


def test_a_holder_that_never_writes_its_name_is_named_by_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_leases, "NAMING_S", 0.05)
    (tmp_path / "leases").mkdir()
    with (tmp_path / "leases" / "index").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(StoreBusyError, match=rf"is being written by process {os.getpid()} on "),
            FolderPlace(tmp_path).leases.hold("index", wait_s=0),
        ):
            pass


def test_a_lease_is_held_since_the_time_of_the_stores_clock(tmp_path: Path) -> None:
    store = Store.open(tmp_path, now=lambda: datetime(2031, 5, 6, tzinfo=UTC))
    with (
        store.lease("index"),
        pytest.raises(StoreBusyError, match=r"since 2031-05-06T00:00:00\+00:00"),
        Store.open(tmp_path).lease("index"),
    ):
        pass
