"""What an older prefect.yaml left on a server, before and after this one is deployed."""

import time
from typing import Any

from ragloop.orchestrator.local_stack import LocalStack


def end_of(stack: LocalStack, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        state: dict[str, Any] = stack.api.call("GET", f"/flow_runs/{run}")["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return state
        time.sleep(0.5)
    raise AssertionError(f"the run {run} did not end")


def test_a_parameter_that_a_flow_no_longer_has_fails_its_run_and_deploying_removes_it(stack: LocalStack) -> None:
    place = f"/deployments/{stack.deployment_id('check-drift')}"
    before = stack.api.call("GET", place)
    older = {"parameters": {**before["parameters"], "of_an_older_release": 1}, "enforce_parameter_schema": False}
    stack.api.call("PATCH", place, older)
    run = stack.api.call("POST", f"{place}/create_flow_run", {})["id"]
    state = end_of(stack, run)
    assert state["type"] == "FAILED"
    assert "of_an_older_release" in state["message"]
    stack.deploy()
    after = stack.api.call("GET", place)
    assert (after["id"], after["parameters"]) == (before["id"], before["parameters"])


def test_a_deployment_that_the_file_no_longer_names_stays_with_its_schedule(stack: LocalStack) -> None:
    kept = stack.api.call("GET", f"/deployments/{stack.deployment_id('check-drift')}")
    fields = ("flow_id", "entrypoint", "path", "pull_steps", "work_pool_name", "work_queue_name", "tags")
    gone = {name: kept[name] for name in fields} | {
        "name": "of-an-older-release",
        "schedules": [{"active": True, "schedule": {"cron": "0 0 1 1 *", "timezone": "UTC"}}],
    }
    made = stack.api.call("POST", "/deployments/", gone)["id"]
    try:
        stack.deploy()
        found = stack.api.call("GET", f"/deployments/{made}")
        assert [one["active"] for one in found["schedules"]] == [True]
    finally:
        stack.api.call("DELETE", f"/deployments/{made}")
