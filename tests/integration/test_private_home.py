"""A home is its owner's alone: nobody else reads it or locks its files, and no lock is waited for without end."""

import fcntl
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragloop.errors import StoreBusyError
from ragloop.journal import Journal
from ragloop.models.cache import MANIFEST, built_once
from ragloop.store import Store
from ragloop.store.places.folder import FolderPlace
from tests.support.indexed_folder import IndexedFolder
from tests.support.unreadable import as_nobody

ENTRY = {"feedback_id": "f", "interaction_id": "i", "kind": "up"}
LOCKING = """
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_SH)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is not there yet, in a folder that everybody may enter, under the usual umask."""
    before = os.umask(0o022)
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        yield Path(top) / "home"
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def locked_by_another(file: Path, *, stopped: bool = False) -> Iterator[int]:
    """Another process holds a lock on the file, which it opened to read; yields its number."""
    with subprocess.Popen([sys.executable, "-c", LOCKING, str(file)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        if stopped:
            holder.send_signal(signal.SIGSTOP)
        yield holder.pid
        holder.kill()


def named(pid: int) -> str:
    return rf"process {pid} on {socket.gethostname()} \(.*\) since \d{{4}}-"


def test_a_home_that_is_made_is_its_owners_alone(home: Path) -> None:
    indexed = IndexedFolder(home, home.parent / "documents")
    indexed.write_numbered(1)
    indexed.sync()
    indexed.app().journal.append("feedback", [ENTRY])
    assert rights(home) == 0o700
    files = [home / "journal" / "current.jsonl", *(home / "leases").iterdir()]
    assert {rights(one) for one in files} == {0o600}


def test_a_home_of_before_is_closed_which_is_said(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    Store.open(home)
    home.chmod(0o755)
    with caplog.at_level(logging.WARNING):
        Store.open(home)
    assert rights(home) == 0o700
    assert "could be read by other users" in caplog.text
    caplog.clear()
    Store.open(home, create=False)
    assert not caplog.records


def test_a_folder_that_holds_other_things_keeps_its_rights_and_what_is_ragloops_is_closed(home: Path) -> None:
    home.mkdir(mode=0o755)
    (home / "notes.txt").write_text("of somebody else")
    Journal(Store.open(home)).append("feedback", [ENTRY])
    (home / "store").chmod(0o755)
    Store.open(home)
    assert rights(home) == 0o755
    assert {one.name: rights(one) for one in home.iterdir() if one.is_dir()} == {
        "store": 0o700,
        "journal": 0o700,
        "leases": 0o700,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")
def test_another_user_can_open_nothing_to_lock_it(home: Path) -> None:
    with Store.open(home).lease("index"):
        Journal(Store.open(home)).append("feedback", [ENTRY])
    home.chmod(0o755)  # as that of a shared folder
    for file in ("leases/index", "journal/current.jsonl", "store"):
        with as_nobody(), pytest.raises(PermissionError):
            os.open(home / file, os.O_RDONLY)


@pytest.mark.parametrize("stopped", [False, True])
def test_who_keeps_the_log_locked_is_named_instead_of_waited_for_without_end(home: Path, stopped: bool) -> None:
    journal = Journal(Store.open(home), wait_s=0.2)
    journal.append("feedback", [ENTRY])
    with locked_by_another(home / "journal" / "current.jsonl", stopped=stopped) as pid:
        for work in (lambda: journal.append("feedback", [ENTRY]), journal.fold):
            with pytest.raises(StoreBusyError, match=named(pid)):
                work()
    journal.append("feedback", [ENTRY])
    assert journal.fold() == 1


def test_who_locks_a_lease_without_writing_its_name_is_named(home: Path) -> None:
    with Store.open(home).lease("index"):
        pass
    (home / "leases" / "index").write_text("")
    with (
        locked_by_another(home / "leases" / "index") as pid,
        pytest.raises(StoreBusyError, match=named(pid)),
        FolderPlace(home).leases.hold("index", wait_s=0),
    ):
        pass


def test_who_keeps_the_cache_of_models_locked_is_named(home: Path) -> None:
    home.mkdir()
    (home / ".lock").touch()
    with locked_by_another(home / ".lock", stopped=True) as pid, pytest.raises(StoreBusyError, match=named(pid)):
        built_once(home / "model", lambda made: None, wait_s=0.2)
    assert not (home / "model").exists()
    built_once(home / "model", lambda made: (made / MANIFEST).touch() or None)


def test_a_lock_that_is_free_in_time_is_taken(home: Path) -> None:
    journal = Journal(Store.open(home), wait_s=10)
    journal.append("feedback", [ENTRY])
    with (home / "journal" / "current.jsonl").open() as other, ThreadPoolExecutor(1) as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        appended = pool.submit(journal.append, "feedback", [{**ENTRY, "feedback_id": "g"}])
        time.sleep(0.2)
        assert not appended.done()
        fcntl.flock(other, fcntl.LOCK_UN)
        appended.result()
    assert journal.fold() == 2
