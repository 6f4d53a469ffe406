"""`ragloop up` as a person meets it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ragloop.cli.processes import running_with


def up(home: Path, port: int) -> "subprocess.Popen[str]":
    main = "from ragloop.cli import main; main()"
    command = [sys.executable, "-c", main, "--home", str(home), "up", "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def lines_until(process: "subprocess.Popen[str]", wanted: str) -> list[str]:
    """What the process says up to a line that holds `wanted`; it is killed where that takes two minutes."""
    assert process.stdout is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if wanted in line:
            break
    watchdog.cancel()
    assert any(wanted in line for line in lines), lines
    return lines


@pytest.mark.parametrize("moment", ["starting a Prefect server", "ctrl-C here ends all"])
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path, moment: str) -> None:
    process = up(tmp_path / "home", 0)
    lines = lines_until(process, moment)
    started = running_with("PREFECT_HOME", str(tmp_path / "home" / "prefect"))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "all processes have ended" in said
    assert len(started) >= 2 or moment.startswith("starting")
    assert running_with("PREFECT_HOME", str(tmp_path / "home" / "prefect")) == []
    assert not any("Traceback" in line for line in [*lines, said])


def test_a_port_that_is_taken_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = up(tmp_path / "home", taken.getsockname()[1])
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "answers on port" in said
    assert "--port" in said
    assert len(said.splitlines()) == 1


def test_the_death_of_the_server_ends_the_rest_and_is_told(tmp_path: Path) -> None:
    process = up(tmp_path / "home", 0)
    lines_until(process, "starting a Prefect server")
    prefect_home = str(tmp_path / "home" / "prefect")
    while not (servers := running_with("PREFECT_HOME", prefect_home)):
        pass
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "server was killed by SIGKILL" in said
    assert running_with("PREFECT_HOME", prefect_home) == []
