"""Schedules come true: the server plans runs, and the worker completes one that nobody asked for."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ragloop.cli.local_stack import LocalStack

SCHEDULED = {"check-drift", "evaluate-champion", "maintain-store", "sync-index"}


def until(found: Callable[[], Any], what: str, timeout_s: float = 150) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (seen := found()):
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.5)
    return seen


def planned(stack: LocalStack, deployment: str) -> list[dict[str, Any]]:
    """Runs that the scheduler, and no person, has made for the time to come."""
    wanted = {
        "deployments": {"name": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"after_": "now"}},
    }
    wanted["flow_runs"]["expected_start_time"] = {"after_": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    return [run for run in stack.api.call("POST", "/flow_runs/filter", wanted) if run["auto_scheduled"]]


@pytest.mark.parametrize("deployment", sorted(SCHEDULED))
def test_the_server_plans_runs_of_every_schedule(stack: LocalStack, deployment: str) -> None:
    assert len(until(lambda: planned(stack, deployment), f"a planned run of {deployment}")) >= 3


@pytest.fixture
def every_few_seconds(stack: LocalStack) -> Iterator[str]:
    """The id of maintain-store while it is due every five seconds."""
    deployment = stack.deployment_id("maintain-store/maintain-store")
    often = [{"active": True, "schedule": {"interval": 5}}]
    (made,) = stack.api.call("POST", f"/deployments/{deployment}/schedules", often)
    yield deployment
    stack.api.call("DELETE", f"/deployments/{deployment}/schedules/{made['id']}")


def test_a_run_that_nobody_asked_for_is_completed_by_the_worker(stack: LocalStack, every_few_seconds: str) -> None:
    wanted = {
        "deployments": {"id": {"any_": [every_few_seconds]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    runs = until(lambda: stack.api.call("POST", "/flow_runs/filter", wanted), "the end of a scheduled run")
    assert any(run["auto_scheduled"] for run in runs)
