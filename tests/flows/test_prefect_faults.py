"""Runs whose process is killed, and a Prefect server that is away: what is applied, and what an operator sees after."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.sync import sync_index
from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index import inventory
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.store import Store
from tests.flows.conftest import FlowsInProcess
from tests.support.relay import Relay
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel
SYNC = """
import sys
import time
from pathlib import Path
from prefect import tags
from flows.sync import sync_index
from tasks.reporting import Progress

folder, home = Path(sys.argv[1]), Path(sys.argv[2])
show = Progress.show

def wait_and_show(self, *given):
    Progress.show = show
    (folder.parent / "told").touch()
    while not (folder.parent / "cut").exists():
        time.sleep(0.05)
    show(self, *given)

Progress.show = wait_and_show
with tags("ragloop", "ragloop-session"):  # as runs of the deployments have it
    sync_index(folder=folder, home=home)
"""
FOREIGN = """
import sys
import time
from pathlib import Path
from prefect import flow, tags

@flow(name="of-another-team", flow_run_name="of another team")
def foreign():
    while not Path(sys.argv[1]).exists():
        time.sleep(0.2)

with tags("ragloop", "ragloop-of-another-home"):
    foreign()
"""
"""It sends heartbeats as Prefect does by default: one every three minutes. Not even the tag of ragloop gives it up."""


@contextmanager
def syncing(folder: Path, home: Path, api_url: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The flow in a process of its own, as a worker starts it. Before it tells how far it is, it waits for the file
    `cut` beside the folder; what it says is in `said`."""
    given = {"PREFECT_API_URL": api_url, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", **environment}
    command = [sys.executable, "-c", SYNC, str(folder), str(home)]
    with (folder.parent / "said").open("wb") as said:
        running = subprocess.Popen(command, env={**os.environ, **given}, stdout=said, stderr=said)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def newest_run(stack: LocalStack, folder: Path) -> dict[str, Any]:
    wanted = {"flow_runs": {"name": {"like_": f"sync {folder.name}"}}, "sort": "START_TIME_DESC"}
    runs: list[dict[str, Any]] = stack.api.call("POST", "/flow_runs/filter", wanted)
    return runs[0] if runs else {}


@pytest.fixture(scope="module")
def foreign(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The id of a run that ragloop has nothing to do with, and the file that lets it end."""
    end = tmp_path_factory.mktemp("foreign") / "end"
    environment = {**os.environ, "PREFECT_API_URL": stack.api_url}
    running = subprocess.Popen([sys.executable, "-c", FOREIGN, str(end)], env=environment)
    named = {"flow_runs": {"name": {"any_": ["of another team"]}, "state": {"type": {"any_": ["RUNNING"]}}}}
    until(lambda: bool(stack.api.call("POST", "/flow_runs/filter", named)))
    (run,) = stack.api.call("POST", "/flow_runs/filter", named)
    until(lambda: heartbeats(stack, run["id"]) > 0)
    yield run["id"], end
    end.touch()
    running.wait(timeout=60)


@pytest.fixture(scope="module", autouse=True)
def killed(stack: LocalStack, foreign: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A run that was killed with the worker that ran it, so that nobody is left to tell of its end; and its place."""
    place = tmp_path_factory.mktemp("killed")
    folder = place / "killed"
    folder.mkdir()
    (folder / "heron.md").write_text("# Heron\n\nThe heron eats frogs.\n")
    store = Store.open(place / "home", create=True)
    with store.lease("index"), syncing(folder, place / "home", stack.api_url) as running:
        until(lambda: newest_run(stack, folder).get("state_type") == "RUNNING")
        run_id = str(newest_run(stack, folder)["id"])
        until(lambda: heartbeats(stack, run_id) > 0)
        running.send_signal(signal.SIGKILL)
        running.wait()
    return run_id, place


def heartbeats(stack: LocalStack, run_id: str) -> int:
    event = {"name": ["prefect.flow-run.heartbeat"]}
    wanted = {"filter": {"event": event, "any_resource": [{"id": [f"prefect.flow-run.{run_id}"]}]}}
    return int(stack.api.call("POST", "/events/filter", wanted)["total"])


def api_of(relay: Relay) -> str:
    return f"http://127.0.0.1:{relay.port}/api"


@pytest.fixture
def relay(stack: LocalStack) -> Iterator[Relay]:
    """A way to the server that can be cut off."""
    relay = Relay(int(stack.api_url.removesuffix("/api").rpartition(":")[2]))
    yield relay
    relay.cut()


def cut_in_the_middle(folder: Path, relay: Relay) -> None:
    """Cut the server off when the sync first tells how far it is, and let it go on."""
    try:
        until((folder.parent / "told").exists)
    except AssertionError:
        pytest.fail((folder.parent / "said").read_text(errors="replace"))
    relay.cut()
    (folder.parent / "cut").touch()


@pytest.mark.long
def test_a_server_that_is_away_for_some_seconds_of_a_sync_hears_of_its_end(
    relay: Relay, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    with syncing(folder, tmp_path / "home", api_of(relay)) as running:
        cut_in_the_middle(folder, relay)
        time.sleep(3)
        relay.mend()
        running.wait(timeout=150)
    run = newest_run(stack, folder)
    assert (run["state_type"], run["state"]["message"]) == ("COMPLETED", "25 added; 25 chunks")


@pytest.mark.long
def test_a_sync_is_applied_though_the_server_stays_away(
    relay: Relay, stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with syncing(folder, home, api_of(relay), PREFECT_CLIENT_MAX_RETRIES="2") as running:
        cut_in_the_middle(folder, relay)
        assert running.wait(timeout=150) != 0
    app = App(Settings(home=home))
    assert len(inventory.keys(app.index)) == 25
    assert app.corpus.sync(folder).commits == 0


@pytest.mark.long
def test_a_run_whose_process_and_worker_are_gone_is_marked_crashed_and_the_next_one_completes_it(
    killed: tuple[str, Path], stack: LocalStack, flows: FlowsInProcess
) -> None:
    run_id, place = killed

    def run() -> Any:
        return stack.api.call("GET", f"/flow_runs/{run_id}")

    until(lambda: run()["state_type"] != "RUNNING", timeout_s=240)
    assert run()["state_type"] == "CRASHED"
    assert "No heartbeat" in run()["state"]["message"]
    state = sync_index(folder=place / "killed", home=place / "home", return_state=True)
    assert flows.run_of(state)["state_type"] == "COMPLETED"
    assert state.message == "1 added; 1 chunk"


@pytest.mark.long
def test_a_run_of_another_team_that_is_silent_for_longer_goes_on(
    killed: tuple[str, Path], foreign: tuple[str, Path], stack: LocalStack
) -> None:
    """Its last heartbeat is older than that of the run which is told to have crashed."""
    run_id, end = foreign
    until(lambda: stack.api.call("GET", f"/flow_runs/{killed[0]}")["state_type"] == "CRASHED", timeout_s=240)
    time.sleep(10)
    end.touch()
    until(lambda: stack.api.call("GET", f"/flow_runs/{run_id}")["end_time"])
    states = stack.api.call("GET", f"/flow_run_states/?flow_run_id={run_id}")
    assert [one["type"] for one in states] == ["PENDING", "RUNNING", "COMPLETED"]
