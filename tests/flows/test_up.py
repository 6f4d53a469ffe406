"""`ragloop up` as a person meets it."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragloop.config import load_settings
from ragloop.errors import UsageError
from ragloop.orchestrator.access import basic
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.prefect_api import PrefectApi, named_api
from ragloop.orchestrator.processes import running_with


@contextlib.contextmanager
def up(home: Path, port: int, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    main = "from ragloop.cli.main import main; main()"
    command = [sys.executable, "-c", main, "--home", str(home), "up", "--port", str(port)]
    with subprocess.Popen(
        command,
        cwd=home.parent,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def lines_until(process: "subprocess.Popen[str]", *wanted: str) -> list[str]:
    """What the process says until each of `wanted` stood in a line; it is killed where that takes two minutes."""
    assert process.stdout is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    lines, missing = list[str](), list(wanted)
    for line in process.stdout:
        lines.append(line.rstrip())
        missing = [one for one in missing if one not in line]
        if not missing:
            break
    watchdog.cancel()
    assert not missing, (missing, lines)
    return lines


def started_in(home: Path) -> list[int]:
    return running_with("PREFECT_HOME", str(home / "prefect"))


def comes(condition: Callable[[], bool], within_s: float = 30) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def interrupted(process: "subprocess.Popen[str]") -> str:
    """What it still says after ctrl-C; it must end well."""
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "all processes have ended" in said
    assert len(said.splitlines()) <= 5, said
    return said


@pytest.mark.long
def test_a_run_that_ctrl_c_ended_blocks_nothing_after_the_next_start(stack: LocalStack, tmp_path: Path) -> None:
    """The second life of a home: its database holds a run that was under way when the first one ended."""
    home = tmp_path / "home"
    (tmp_path / "handbook").mkdir()
    (tmp_path / "ragloop.toml").write_text('[[sources]]\nname = "handbook"\nuri = "handbook"\n')
    left_running, of_others = run_under_way(stack), run_of_another_flow(stack)
    copy_database(stack.home / "prefect", home / "prefect")
    stack.api.call("POST", f"/flow_runs/{left_running}/set_state", {"state": {"type": "CRASHED"}, "force": True})
    stack.api.call("DELETE", f"/flow_runs/{of_others}")
    with up(home, 0, **OF_OPERATOR) as process:
        said = lines_until(process, "Prefect API")
        api = named_api(home)
        assert (said[-1].split()[-1], said[-2].strip()) == (
            api.url,
            f"log in to the UI with the line in {home}/prefect/auth-string",
        )
        assert api.authorization == basic(SECRET)
        assert allowed_origin(api, "https://ops.example") == "https://ops.example"
        assert allowed_origin(api, api.url.removesuffix("/api")) is None
        assert api.call("GET", f"/flow_runs/{left_running}")["state_type"] == "CRASHED"
        assert api.call("GET", f"/flow_runs/{of_others}")["state_type"] == "RUNNING"
        api.call("POST", f"/deployments/{stack.deployment_id(DEPLOYMENT)}/create_flow_run", {})
        # The worker, the watcher and the service, in any order.
        lines_until(process, "submitted to infrastructure", "rang for", "service │ ask page")
        (trigger,) = [
            one
            for one in api.call("POST", "/automations/filter", {})
            if one["name"] == "ragloop session: a source has changed"
        ]
        api.call("PATCH", f"/automations/{trigger['id']}", {"enabled": False})
        lines_until(process, "problem: the trigger of index-changes is disabled")
        # Server, worker, watcher, service and a flow run, which is in a session of its own: all of them end.
        api.call("POST", f"/deployments/{stack.deployment_id(DEPLOYMENT)}/create_flow_run", {})
        lines_until(process, "submitted to infrastructure")
        assert comes(lambda: len(started_in(home)) >= 5)
        interrupted(process)
        assert started_in(home) == []


SECRET = "ops:correct-horse-battery-staple"
OF_OPERATOR = {
    "PREFECT_SERVER_API_AUTH_STRING": SECRET,
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "https://ops.example",
    "PREFECT_API_AUTH_STRING": "of:another-server",
}
"""Protections that an operator has chosen, and what leads to another server."""


def allowed_origin(api: PrefectApi, origin: str) -> str | None:
    """The origin whose pages may read what the server answers to this one."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    request = urllib.request.Request(f"{api.url}/flows/", None, asked, method="OPTIONS")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.headers["Access-Control-Allow-Origin"]
    except urllib.error.HTTPError as error:
        with error:
            return error.headers["Access-Control-Allow-Origin"]


DEPLOYMENT = "check-drift"


def run_under_way(stack: LocalStack) -> str:
    """A run that holds the only slot of its deployment, and that no worker will ever end."""
    later = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2999-01-01T00:00:00Z"}}}
    run = str(stack.api.call("POST", f"/deployments/{stack.deployment_id(DEPLOYMENT)}/create_flow_run", later)["id"])
    for state in ("PENDING", "RUNNING"):
        answer = stack.api.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})
        assert answer["status"] == "ACCEPT", answer
    return run


def run_of_another_flow(stack: LocalStack) -> str:
    """A run that someone who uses this server too has started by hand; its process may outlive the server."""
    flow = stack.api.call("POST", "/flows/", {"name": "of-another-team"})["id"]
    return str(stack.api.call("POST", "/flow_runs/", {"flow_id": flow, "state": {"type": "RUNNING"}})["id"])


def copy_database(source: Path, target: Path) -> None:
    """A server that finds its tables made starts in half the time."""
    target.mkdir(parents=True)
    with (
        contextlib.closing(sqlite3.connect(source / "prefect.db")) as found,
        contextlib.closing(sqlite3.connect(target / "prefect.db")) as made,
    ):
        found.backup(made)


def test_ctrl_c_during_the_start_leaves_no_process_behind(tmp_path: Path) -> None:
    with up(tmp_path / "home", 0) as process:
        lines_until(process, "starting a Prefect server")
        interrupted(process)
        assert started_in(tmp_path / "home") == []


def test_a_port_that_is_taken_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with up(tmp_path / "home", taken.getsockname()[1]) as process:
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "answers on port" in said
    assert "--port" in said
    assert len(said.splitlines()) == 1


def test_the_death_of_the_server_ends_the_rest_and_is_reported(tmp_path: Path) -> None:
    with up(tmp_path / "home", 0) as process:
        lines_until(process, "starting a Prefect server")
        while not (servers := started_in(tmp_path / "home")):
            pass
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 3
        assert "server was killed by SIGKILL" in said
        assert started_in(tmp_path / "home") == []


def test_a_home_serves_one_server_at_a_time(stack: LocalStack) -> None:
    with pytest.raises(UsageError, match="another `ragloop up`"), LocalStack(load_settings(home=stack.home)):
        pass
    assert stack.api.call("GET", "/health") is True
