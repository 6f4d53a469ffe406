"""From an upload to the index through Prefect: `ragloop watch` rings, the trigger starts index-changes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect.events.worker import EventsWorker

from flows.changes import index_changes
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.orchestrator.local_stack import LocalStack
from tests.flows.conftest import FlowsInProcess, serving
from tests.support.notified_queue import NotifiedQueue
from tests.support.relay import Relay
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

pytestmark = pytest.mark.realmodel
CHANGES = "index-changes"


@pytest.fixture
def bucket(bucket: "Bucket", monkeypatch: pytest.MonkeyPatch) -> "Bucket":
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.server.endpoint)
    return bucket


@pytest.fixture
def queue(bucket: "Bucket") -> NotifiedQueue:
    return NotifiedQueue(bucket)


@pytest.fixture
def config(bucket: "Bucket", queue: NotifiedQueue, tmp_path: Path) -> Path:
    """Of a home whose source is the bucket, synced once."""
    config = tmp_path / "ragloop.toml"
    source = {"name": "handbook", "uri": bucket.uri("docs"), "queue": queue.url}
    config.write_text("[[sources]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in source.items()))
    bucket.write("docs/heron.md", "# Heron\n\nThe heron eats frogs.\n")
    opened(config, tmp_path).corpus.sync()
    return config


def opened(config: Path, place: Path) -> App:
    return App(load_settings(config, place / "home"))


@pytest.fixture
def served(stack: LocalStack, config: Path, tmp_path: Path) -> Iterator[None]:
    with serving(stack, CHANGES, tmp_path / "home", config):
        yield


@contextmanager
def watching(config: Path, place: Path, api_url: str, *options: str) -> Iterator[Path]:
    """A watcher; what it says is in the file."""
    command = [
        Path(sys.executable).with_name("ragloop"),
        "--home",
        str(place / "home"),
        "--config",
        str(config),
        "watch",
    ]
    said = place / "said"
    with said.open("w") as out:
        environment = {**os.environ, "PREFECT_API_URL": api_url}
        watcher = subprocess.Popen([*command, *options], env=environment, stderr=out)
    try:
        yield said
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait(timeout=60)
    assert said.read_text().endswith("stopped watching\n"), said.read_text()
    assert watcher.returncode == 0


@pytest.fixture
def away(stack: LocalStack) -> Iterator[Relay]:
    """A way to the server that is cut off."""
    relay = Relay(int(stack.api_url.removesuffix("/api").rpartition(":")[2]))
    relay.cut()
    yield relay
    relay.cut()


def through(relay: Relay) -> str:
    return f"http://127.0.0.1:{relay.port}/api"


@pytest.mark.usefixtures("served")
def test_an_upload_rings_and_the_run_that_this_starts_indexes_it(
    bucket: "Bucket", queue: NotifiedQueue, config: Path, stack: LocalStack, tmp_path: Path
) -> None:
    before = len(stack.flow_runs(CHANGES))
    with watching(config, tmp_path, stack.api_url, "--every", "0.5"):
        bucket.write("docs/crane.md", "# Crane\n\nThe crane dances at dawn.\n")
        until(lambda: len(inventory.keys(opened(config, tmp_path).index)) == 2)
        until(lambda: queue.queue().backlog().waiting == queue.queue().backlog().held == 0)
        until(lambda: any(run.state_type == "COMPLETED" for run in stack.flow_runs(CHANGES)))
    runs = stack.flow_runs(CHANGES)
    assert len(runs) > before
    assert any("1 added" in run.name for run in runs)
    rung, *_ = events_about(stack, "ragloop.source.session.handbook")
    assert [one["prefect.resource.role"] for one in rung["related"]] == ["place", "deployment"]


@pytest.mark.usefixtures("served")
def test_nothing_is_rung_while_a_run_is_under_way_that_would_have_the_next_one_cancelled(
    bucket: "Bucket", config: Path, stack: LocalStack, tmp_path: Path
) -> None:
    before = {run.run_id for run in stack.flow_runs(CHANGES)}
    body = {"state": {"type": "RUNNING", "name": "Running"}}
    place = f"/deployments/{stack.deployment_id(CHANGES)}/create_flow_run"
    under_way = stack.api.call("POST", place, body)["id"]
    try:
        with watching(config, tmp_path, stack.api_url, "--every", "0.2") as said:
            bucket.write("docs/crane.md", "# Crane\n\nThe crane dances at dawn.\n")
            time.sleep(3)
            assert "rang for" not in said.read_text()
            end_run(stack, under_way)
            until(lambda: len(inventory.keys(opened(config, tmp_path).index)) == 2)
    finally:
        end_run(stack, under_way)
    ended = [run for run in stack.flow_runs(CHANGES) if run.run_id not in before]
    assert [run.name for run in ended if run.state_type == "CANCELLED"] == []


def end_run(stack: LocalStack, run: str) -> None:
    state = {"type": "COMPLETED", "name": "Completed"}
    stack.api.call("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": True})


@pytest.mark.usefixtures("served")
def test_runs_that_were_cancelled_since_another_was_under_way_are_gone_when_that_ends(stack: LocalStack) -> None:
    place = f"/deployments/{stack.deployment_id(CHANGES)}/create_flow_run"

    def cancelled(why: str) -> str:
        state = {"type": "CANCELLED", "name": "Cancelled", "message": why}
        return str(stack.api.call("POST", place, {"state": state})["id"])

    double, by_a_person = cancelled("Deployment concurrency limit reached."), cancelled("by Ada")
    # A trigger that fires late for the test before can have a run under way, which cancels this one, too.
    until(lambda: stack.run_deployment(CHANGES).state_type == "COMPLETED")
    until(lambda: not stack.api.answers(f"/flow_runs/{double}"))
    assert stack.api.answers(f"/flow_runs/{by_a_person}")


def test_a_warm_watcher_indexes_an_upload_and_notes_it_as_a_flow_run(
    bucket: "Bucket", queue: NotifiedQueue, config: Path, stack: LocalStack, tmp_path: Path
) -> None:
    wanted = {"flow_runs": {"name": {"like_": "watch handbook"}}}

    def noted(change: str) -> list[dict[str, Any]]:
        return [one for one in stack.api.call("POST", "/flow_runs/filter", wanted) if change in one["name"]]

    config.write_text(config.read_text() + "[freshness]\nobjective_minutes = 0.00001\n")
    with watching(config, tmp_path, stack.api_url, "--index"):
        bucket.write("docs/crane.md", "# Crane\n\nThe crane dances at dawn.\n")
        until(lambda: len(inventory.keys(opened(config, tmp_path).index)) == 2)
        bucket.remove("docs/heron.md")
        until(lambda: list(inventory.keys(opened(config, tmp_path).index).values()) == ["crane.md"])
        until(lambda: bool(noted("1 deleted")))
    assert queue.queue().backlog().waiting == 0
    (run,) = noted("1 added")
    assert (run["state_type"], bool(run["start_time"] and run["end_time"])) == ("COMPLETED", True)
    assert len(stack.api.call("GET", f"/flow_run_states/?flow_run_id={run['id']}")) == 1, "it never was anything else"
    (told,) = events_about(stack, f"prefect.flow-run.{run['id']}")
    assert told["event"] == "prefect.flow-run.Completed"
    late, *_ = events_about(stack, "ragloop.home.session", flow_run_id=run["id"])
    assert late["event"] == "ragloop.freshness.late"
    assert late["payload"].items() >= {"documents": 1, "home": str(tmp_path / "home"), "config": str(config)}.items()


def events_about(stack: LocalStack, resource: str, **payload: str) -> list[dict[str, Any]]:
    """Wait for events about a resource whose payload holds these values: the server keeps them in batches."""
    wanted = {"filter": {"resource": {"id": [resource]}}, "limit": 50}
    return until(
        lambda: [
            one
            for one in stack.api.call("POST", "/events/filter", wanted)["events"]
            if payload.items() <= one["payload"].items()
        ],
        f"events about {resource}",
    )


def test_changes_that_cannot_be_applied_while_another_process_writes_are_no_failure(
    bucket: "Bucket",
    queue: NotifiedQueue,
    config: Path,
    flows: FlowsInProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragloop.corpus.changes.drain.DRAIN_WAIT_S", 0.1)
    with opened(config, tmp_path).store.lease("index"):
        state = index_changes(home=tmp_path / "home", config=config, return_state=True)
    run = flows.run_of(state)
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1)
    assert run["name"].endswith("another process writes")
    assert "The messages stay in the queue" in run["state"]["message"]
    assert queue.queue().backlog().waiting > 0


@pytest.mark.parametrize("options", [("--every", "0.5"), ("--index",)])
def test_a_folder_that_is_watched_is_indexed_when_a_file_changes(
    stack: LocalStack, tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder, config = tmp_path / "handbook", tmp_path / "ragloop.toml"
    folder.mkdir()
    config.write_text(f'[[sources]]\nname = "handbook"\nuri = "{folder}"\n')
    (folder / "heron.md").write_text("# Heron\n\nThe heron eats frogs.\n")
    opened(config, tmp_path).corpus.sync()
    with serving(stack, CHANGES, tmp_path / "home", config), watching(config, tmp_path, stack.api_url, *options):
        time.sleep(2)
        (folder / "crane.md").write_text("# Crane\n\nThe crane dances at dawn.\n")
        (folder / "heron.md").unlink()
        until(lambda: list(inventory.keys(opened(config, tmp_path).index).values()) == ["crane.md"])


def test_what_an_operator_sees_of_a_message_that_is_garbage(
    bucket: "Bucket", queue: NotifiedQueue, config: Path, flows: FlowsInProcess, tmp_path: Path
) -> None:
    queue.send("ring ring")
    bucket.write("docs/broken.pdf", "no PDF")
    bucket.write("docs/crane.md", "# Crane\n\nThe crane dances at dawn.\n")
    state = index_changes(home=tmp_path / "home", config=config, return_state=True)
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    assert run["state_type"] == "FAILED"
    assert run["name"].startswith("index changes · in part · 1 added")
    assert "dead-letter queue" in run["state"]["message"]
    assert "1 document cannot be read" in run["state"]["message"]
    assert "crane.md" in artifacts["sync-changes"]
    EventsWorker.drain_all(timeout=10)
    rung = events_about(flows.stack, flows.stack.names.home, home=str(tmp_path / "home"))
    assert [(one["event"], one["payload"]["messages"]) for one in rung] == [("ragloop.dead-letters.wait", 1)]


@pytest.mark.long
@pytest.mark.usefixtures("served")
def test_a_watcher_rings_when_a_server_that_was_away_answers_again(
    bucket: "Bucket", queue: NotifiedQueue, config: Path, away: Relay, tmp_path: Path
) -> None:
    bucket.write("docs/crane.md", "# Crane\n\nThe crane dances at dawn.\n")
    with watching(config, tmp_path, through(away), "--every", "0.5") as said:
        until(lambda: "watching goes on" in said.read_text())
        assert queue.queue().backlog().waiting > 0
        away.mend()
        until(lambda: len(inventory.keys(opened(config, tmp_path).index)) == 2)
        until(lambda: queue.queue().backlog().waiting == queue.queue().backlog().held == 0)
    assert said.read_text().count("watching goes on") == 1
    assert "it answers again\n" in said.read_text()


def test_a_warm_watcher_indexes_while_the_server_is_away(
    bucket: "Bucket", queue: NotifiedQueue, config: Path, away: Relay, tmp_path: Path
) -> None:
    def is_indexed(key: str) -> bool:
        return key in inventory.keys(opened(config, tmp_path).index).values()

    with watching(config, tmp_path, through(away), "--index") as said:
        for name in ("crane", "stork"):
            bucket.write(f"docs/{name}.md", f"# {name}\n\nThe {name} dances at dawn.\n")
            until(partial(is_indexed, f"{name}.md"))
        until(lambda: queue.queue().backlog().waiting == queue.queue().backlog().held == 0)
    assert "not reported as a flow run" in said.read_text()
