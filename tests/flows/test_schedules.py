"""Schedules come true: the server plans runs, and the worker completes one that nobody asked for."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli.local_stack import LocalStack
from ragloop.config import Settings

pytestmark = pytest.mark.realmodel

SCHEDULED = {"check-drift", "evaluate-champion", "maintain-store", "sync-index"}


def until(found: Callable[[], Any], what: str, timeout_s: float = 150) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (seen := found()):
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.5)
    return seen


def planned(stack: LocalStack, deployment: str) -> list[dict[str, Any]]:
    """Runs that the scheduler, and no person, has made for the time to come."""
    due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"after_": datetime.now(UTC).isoformat()}}
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "flow_runs": due}
    return [run for run in stack.api.call("POST", "/flow_runs/filter", wanted) if run["auto_scheduled"]]


@pytest.mark.parametrize("deployment", sorted(SCHEDULED))
def test_the_server_plans_runs_of_every_schedule(stack: LocalStack, deployment: str) -> None:
    assert len(until(lambda: planned(stack, deployment), f"a planned run of {deployment}")) >= 3


def test_a_run_that_nobody_asked_for_is_completed_by_the_worker(
    stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    deployment = stack.deployment_id("sync-index/sync-index")
    given = {"folder": str(folder), "home": str(tmp_path / "home")}
    often = {"active": True, "schedule": {"interval": 10}, "parameters": given, "slug": "often"}
    (made,) = stack.api.call("POST", f"/deployments/{deployment}/schedules", [often])
    ended = {"name": {"like_": f"sync {folder.name}"}, "state": {"type": {"any_": ["COMPLETED"]}}}
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": ended}
    try:
        runs = until(lambda: stack.api.call("POST", "/flow_runs/filter", wanted), "the end of a scheduled run")
    finally:
        stack.api.call("DELETE", f"/deployments/{deployment}/schedules/{made['id']}")
    assert runs[-1]["auto_scheduled"]
    assert len(App(Settings(home=tmp_path / "home")).index.keys()) == 25
