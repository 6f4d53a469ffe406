"""Deployments do what they say: runs are planned, one that nobody asked for completes, and one works at a time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index import inventory
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.store import Store
from tests.flows.conftest import serving
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel
SYNC, CHANGES = "sync-index", "index-changes"

TIMES = {
    "check-drift": {(5, 30)},
    "evaluate-champion": {(3, 0)},
    "maintain-store": {(3, 30)},
    "plan-migration": {(6, 30)},
    "sync-index": {(hour, 0) for hour in range(24)},
}
"""Hours and minutes in UTC at which docs/operations/start.md says that a deployment starts."""


def configured(folder: Path, place: Path) -> Path:
    """A configuration whose source is the folder."""
    config = place / "ragloop.toml"
    config.write_text(f'[[sources]]\nname = "{folder.name}"\nuri = "{folder}"\n')
    return config


def planned(stack: LocalStack, deployment: str) -> list[dict[str, Any]]:
    """Runs that the scheduler, and no person, has made for the time to come."""
    due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"after_": datetime.now(UTC).isoformat()}}
    ours = {"flows": {"name": {"any_": [deployment]}}, "deployments": {"name": {"any_": [stack.names.name]}}}
    wanted = {**ours, "flow_runs": due}
    return [run for run in stack.api.call("POST", "/flow_runs/filter", wanted) if run["auto_scheduled"]]


@pytest.mark.parametrize("deployment", TIMES)
def test_the_server_plans_runs_of_every_schedule_for_its_times(stack: LocalStack, deployment: str) -> None:
    runs = until(lambda: planned(stack, deployment), f"a planned run of {deployment}")
    due = [datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC) for run in runs]
    assert len(due) >= 3
    assert {(one.hour, one.minute) for one in due} <= TIMES[deployment]
    assert deployment != "evaluate-champion" or {one.strftime("%A") for one in due} == {"Sunday"}


def test_a_scheduled_run_is_completed_by_the_worker(stack: LocalStack, folder: Path, tmp_path: Path) -> None:
    deployment = stack.deployment_id(SYNC)
    often = {"active": True, "schedule": {"interval": 10}, "slug": "often"}
    ended = {"name": {"like_": f"sync {folder.name}"}, "state": {"type": {"any_": ["COMPLETED"]}}}
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": ended}
    with serving(stack, SYNC, tmp_path / "home", configured(folder, tmp_path)):
        (made,) = stack.api.call("POST", f"/deployments/{deployment}/schedules", [often])
        try:
            runs = until(lambda: stack.api.call("POST", "/flow_runs/filter", wanted), "the end of a scheduled run")
        finally:
            stack.api.call("DELETE", f"/deployments/{deployment}/schedules/{made['id']}")
    assert runs[-1]["auto_scheduled"]
    assert len(inventory.keys(App(Settings(home=tmp_path / "home")).index)) == 25


@pytest.mark.long
def test_of_a_deployment_one_run_works_at_a_time_and_tells_that_it_lives(
    stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    """The second is cancelled; the first, which waits for the lease of the index, sends a heartbeat in 30 seconds."""
    home = tmp_path / "home"
    given = {"parameters": {"folder": str(folder)}}
    started = f"/deployments/{stack.deployment_id(CHANGES)}/create_flow_run"
    with serving(stack, CHANGES, home, configured(folder, tmp_path)):
        # A run that an earlier test's ring started would have this one cancelled.
        until(lambda: all(run.ended for run in stack.flow_runs(CHANGES)), "the end of other runs")
        with Store.open(home, create=True).lease("index"):
            first = stack.api.call("POST", started, given)["id"]
            until(lambda: stack.api.call("GET", f"/flow_runs/{first}")["state_type"] == "RUNNING", "the start of a run")
            second = stack.api.call("POST", started, given)["id"]
            assert stack.wait(second, 120).state_type == "CANCELLED"
            until(lambda: heartbeats(stack, first) >= 2, "a second heartbeat")
            assert stack.api.call("GET", f"/flow_runs/{first}")["state_type"] == "RUNNING"
        assert stack.wait(first, 240).state_type == "COMPLETED"


def heartbeats(stack: LocalStack, run_id: str) -> int:
    event = {"name": ["prefect.flow-run.heartbeat"]}
    wanted = {"filter": {"event": event, "any_resource": [{"id": [f"prefect.flow-run.{run_id}"]}]}}
    return int(stack.api.call("POST", "/events/filter", wanted)["total"])
