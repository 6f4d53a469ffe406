"""Leases of a store in a folder, which the kernel holds: what a second process says while the first takes one."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from ragloop.errors import StoreBusyError
from ragloop.store import folder, holder


def test_a_holder_that_has_not_yet_written_its_name_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "leases").mkdir()

    def refused() -> str:
        with (
            pytest.raises(StoreBusyError) as found,
            folder.FolderPlace(tmp_path).lease("index", wait_s=0),
        ):
            pass
        return str(found.value)

    with (tmp_path / "leases" / "index").open("a+") as held, ThreadPoolExecutor(1) as other:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = other.submit(refused)
        sleep(0.05)
        held.write(holder.holder())
        held.flush()
        assert "is being written by process " in said.result()


def test_a_holder_that_never_writes_its_name_is_named_by_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "NAMING_S", 0.05)
    (tmp_path / "leases").mkdir()
    with (tmp_path / "leases" / "index").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(StoreBusyError, match=rf"is being written by process {os.getpid()} on "),
            folder.FolderPlace(tmp_path).lease("index", wait_s=0),
        ):
            pass
