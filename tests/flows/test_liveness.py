"""What stands still is said: a scheduler without plans, a pool without a worker, runs that wait, a silent trigger."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ragloop.config import load_settings
from ragloop.orchestrator.liveness import prefect_report, problems
from ragloop.orchestrator.local_stack import LocalStack
from tests.support.waiting import until

pytestmark = pytest.mark.realmodel


def told(stack: LocalStack, words: str) -> bool:
    return any(words in one for one in problems(stack.api, stack.names))


def test_a_server_that_works_has_no_problem_and_is_found_by_its_home(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    until(lambda: not problems(stack.api, stack.names), f"{problems(stack.api, stack.names)}")
    began = time.monotonic()
    report = prefect_report(load_settings(home=stack.home))
    assert time.monotonic() - began < 5
    assert report
    assert (report["url"], report["questions"], report["problems"]) == (stack.api_url, [], [])


@pytest.mark.long
def test_a_schedule_without_runs_is_reported_until_one_comes(stack: LocalStack) -> None:
    deployment = stack.deployment_id("evaluate-champion")
    schedule = stack.api.call("GET", f"/deployments/{deployment}")["schedules"][0]
    age = datetime.now(UTC) - datetime.fromisoformat(schedule["created"])
    time.sleep(max(0.0, 91 - age.total_seconds()))
    words = "no run of evaluate-champion is planned"

    def unplanned() -> bool:
        """The scheduler of this server works: it makes them anew within seconds."""
        planned = {
            "deployments": {"id": {"any_": [deployment]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        }
        for run in stack.api.call("POST", "/flow_runs/filter", planned):
            stack.api.call("DELETE", f"/flow_runs/{run['id']}")
        return told(stack, words)

    until(unplanned, "the problem was never told")
    until(lambda: not told(stack, words), "the problem stayed")


@pytest.fixture
def without_worker(stack: LocalStack) -> Iterator[str]:
    """The id of a deployment of ragloop in a pool that nobody serves."""
    stack.api.call("POST", "/work_pools/", {"name": "idle", "type": "process"})
    flow = stack.api.call("POST", "/flows/", {"name": "alone"})["id"]
    body = {"name": "session", "flow_id": flow, "tags": list(stack.names.tags), "work_pool_name": "idle"}
    made = stack.api.call("POST", "/deployments/", body)["id"]
    yield made
    stack.api.call("DELETE", f"/deployments/{made}")
    stack.api.call("DELETE", "/work_pools/idle")


def test_a_pool_without_worker_and_a_run_that_nobody_takes_are_reported(stack: LocalStack, without_worker: str) -> None:
    assert told(stack, "no worker serves the pool idle")
    assert not told(stack, "runs of alone are due but waiting")
    due = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    scheduled = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}}
    run = stack.api.call("POST", f"/deployments/{without_worker}/create_flow_run", scheduled)["id"]
    assert told(stack, "runs of alone are due but waiting")
    stack.api.call("DELETE", f"/flow_runs/{run}")


def rung(stack: LocalStack, folder: Path, home: Path) -> None:
    resource = {"prefect.resource.id": "ragloop.source.session.handbook", "prefect.resource.name": "handbook"}
    stack.api.emit("ragloop.source.changed", resource, {"home": str(home), "folder": str(folder), "config": None})


@pytest.mark.long
def test_a_trigger_that_is_off_and_one_that_did_not_fire_are_reported(
    stack: LocalStack, folder: Path, tmp_path: Path
) -> None:
    (trigger,) = [
        one
        for one in stack.api.call("POST", "/automations/filter", {})
        if one["name"] == "ragloop session: a source has changed"
    ]

    def switch(on: bool) -> None:
        stack.api.call("PATCH", f"/automations/{trigger['id']}", {"enabled": on})

    silent = "'ragloop session: a source has changed' did not fire"
    switch(False)
    assert told(stack, "the trigger of index-changes is disabled")
    time.sleep(5)  # the server takes up a changed automation a moment after it has confirmed the change
    rung(stack, folder, tmp_path / uuid.uuid4().hex)
    time.sleep(5)
    switch(True)
    until(lambda: told(stack, silent), "the silence was never told")

    def rung_and_heard() -> bool:
        rung(stack, folder, tmp_path / "home")
        time.sleep(3)
        resource = {"id": [f"prefect.automation.{trigger['id']}"]}
        wanted = {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "resource": resource}}
        events: list[Any] = stack.api.call("POST", "/events/filter", wanted)["events"]
        return bool(events)

    until(rung_and_heard, "the trigger never fired")
    until(lambda: not told(stack, silent), "the silence stayed")
