"""Child processes end with all that they started, whoever dies first."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragloop.errors import UnavailableError
from ragloop.orchestrator.processes import Processes, uninterrupted

# Starts a grandchild in a session of its own, as Prefect does with flow runs, and tells its id.
PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
    "print(child.pid, flush=True);"
)
FOR_EVER = "time.sleep(600)"
IGNORING = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); "


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self").exists() else True


def start(processes: Processes, code: str) -> list[str]:
    """What the child has said once it has said something."""
    child = processes.start("child", [sys.executable, "-c", code], os.environ, Path.cwd())
    eventually(lambda: child.lines)
    return list(child.lines)


def test_a_grandchild_in_another_session_ends_too() -> None:
    processes = Processes()
    grandchild = int(start(processes, PARENT + FOR_EVER)[0])
    processes.stop()
    assert processes.left() == []
    eventually(lambda: not alive(grandchild))


def test_a_grandchild_whose_parent_has_died_ends_too() -> None:
    processes = Processes()
    grandchild = int(start(processes, PARENT)[0])
    with pytest.raises(UnavailableError, match="child ended with exit code 0"):
        eventually(processes.check)
    processes.stop()
    eventually(lambda: not alive(grandchild))


def test_a_child_that_ignores_the_signal_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragloop.orchestrator.processes._GRACE_S", 0.2)
    processes = Processes()
    start(processes, IGNORING + FOR_EVER)
    processes.stop()
    assert processes.left() == []


def test_the_death_of_a_child_is_reported_with_its_last_lines() -> None:
    processes = Processes()
    start(processes, "import sys; print('the disk is full'); sys.exit(7)")
    with pytest.raises(UnavailableError, match=r"child ended with exit code 7; its last words: the disk is full"):
        eventually(processes.check)
    processes.stop()


def test_every_line_is_logged_after_the_name_of_its_child(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ragloop")
    processes = Processes()
    child = processes.start(
        "loud", [sys.executable, "-c", "print('one'); print(); print('two')"], os.environ, Path.cwd()
    )
    processes.wait(child, 20)
    assert caplog.messages == ["loud │ one", "loud │ two"]
    processes.stop()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises; a shell that starts a job in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_a_child_starts_waits_until_it_is_known() -> None:
    processes = Processes()

    def interrupted() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            start(processes, "print('up', flush=True); import time; " + FOR_EVER)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(processes.left()) == 1
    processes.stop()
    assert processes.left() == []
