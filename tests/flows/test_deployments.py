"""prefect.yaml on a real server: what is deployed, how often, and what the form of a run says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ragloop
from ragloop.config import load_settings
from ragloop.errors import NotFoundError
from ragloop.orchestrator.automations import wanted
from ragloop.orchestrator.deployments import deploy
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.project import project_root

NAMES = [
    "check-drift",
    "erase-documents",
    "evaluate-champion",
    "index-changes",
    "maintain-store",
    "plan-migration",
    "promote-adapter",
    "retrain-adapter",
    "roll-back",
    "sync-index",
]
ENVIRONMENT = {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "RAGLOOP_PREFECT__NAME": "session"}}
SCHEDULED = {"check-drift", "evaluate-champion", "maintain-store", "plan-migration", "sync-index"}

CHANGING = ("updated", "schedules", "last_polled", "status", "version_id", "version_info")


def deployments(stack: LocalStack) -> list[dict[str, Any]]:
    """Those of this home, with the names of their flows, by which they are sorted."""
    ours = {"deployments": {"tags": {"all_": ["ragloop-session"]}}}
    flows = {one["id"]: one["name"] for one in stack.api.call("POST", "/flows/filter", ours)}
    found = [{**one, "flow": flows[one["flow_id"]]} for one in stack.api.call("POST", "/deployments/filter", ours)]
    return sorted(found, key=lambda one: one["flow"])


def automations(stack: LocalStack) -> list[str]:
    """By name: Prefect replaces those of a deployment each time, under another id."""
    return sorted(one["name"] for one in stack.api.call("POST", "/automations/filter", {}))


def test_every_deployment_is_there_with_its_schedule_and_its_limit(stack: LocalStack) -> None:
    found = deployments(stack)
    assert [one["flow"] for one in found] == NAMES
    assert {one["name"] for one in found} == {"session"}
    assert {tuple(one["tags"]) for one in found} == {("ragloop", "ragloop-session")}
    assert [one["parameters"] for one in found] == [{"home": str(stack.home), "config": ""}] * len(NAMES)
    assert {one["flow"] for one in found if one["schedules"]} == SCHEDULED
    assert {one["global_concurrency_limit"]["limit"] for one in found} == {1}
    assert {one["concurrency_options"]["collision_strategy"] for one in found} == {"CANCEL_NEW"}


def test_training_has_a_queue_of_its_own(stack: LocalStack) -> None:
    """That the worker serves it as well, the retraining of test_learning_flows.py shows."""
    queues = {one["flow"]: one["work_queue_name"] for one in deployments(stack)}
    assert queues.pop("retrain-adapter") == "training"
    assert set(queues.values()) == {"default"}
    assert {one["work_pool_name"] for one in deployments(stack)} == {"ragloop-session"}


def test_runs_start_in_the_folder_of_the_clone(stack: LocalStack) -> None:
    steps = {str(one["pull_steps"]) for one in deployments(stack)}
    assert steps == {str([{"prefect.deployments.steps.set_working_directory": {"directory": str(project_root())}}])}


def described(stack: LocalStack) -> list[dict[str, Any]]:
    """Every deployment, without the ids that Prefect gives schedules each time, and without the runs under way."""
    return [
        {name: value for name, value in one.items() if name not in CHANGING}
        | {"schedules": [schedule["schedule"] for schedule in one["schedules"]]}
        | {"global_concurrency_limit": one["global_concurrency_limit"]["limit"]}
        for one in deployments(stack)
    ]


def test_every_parameter_says_what_it_means_and_none_is_required(stack: LocalStack) -> None:
    for one in deployments(stack):
        schema = one["parameter_openapi_schema"]
        assert not schema.get("required"), one["name"]
        undescribed = [name for name, about in schema["properties"].items() if not about.get("description")]
        assert undescribed == [], one["name"]
        assert one["description"].strip(), one["name"]


@pytest.mark.long
def test_training_moves_to_a_pool_of_kubernetes_and_deploying_again_leaves_all_as_it_was(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/operations/deploying.md has it; Prefect needs no package of Kubernetes for it."""
    monkeypatch.setenv("PREFECT_API_URL", stack.api_url)
    first, before = described(stack), automations(stack)
    assert {"id", "pull_steps", "work_queue_name", "parameters", "concurrency_options"} <= set(first[0])
    config = tmp_path / "ragloop.toml"
    config.write_text('[prefect]\ntraining_pool = "gpu"\n')
    elsewhere = load_settings(config, stack.home)
    with pytest.raises(NotFoundError, match="found no work pool gpu"):
        deploy(elsewhere, None)
    template = project_root() / "infra" / "kubernetes" / "base-job-template.json"
    prefect(stack, "work-pool", "create", "gpu", "--type", "kubernetes", "--base-job-template", str(template))
    asked = stack.api.call("GET", "/work_pools/gpu")["base_job_template"]["variables"]["properties"]
    assert asked["gpus"]["default"] == 1
    assert deploy(elsewhere, None).training_pool == "gpu"
    assert {one["flow"]: one["work_pool_name"] for one in deployments(stack)} == dict.fromkeys(
        NAMES, "ragloop-session"
    ) | {"retrain-adapter": "gpu"}
    done = deploy(load_settings(home=stack.home), None)
    assert done.deployments == tuple(f"{flow}/session" for flow in NAMES)
    assert done.worker == "prefect worker start --pool ragloop-session --type process"
    assert (described(stack), automations(stack)) == (first, before)


def prefect(stack: LocalStack, *arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    subprocess.run(command, cwd=project_root(), env=stack.client_environment, check=True, timeout=120)


def test_a_run_without_heartbeat_is_found_and_no_other(stack: LocalStack) -> None:
    """Prefect's own default is one every three minutes: runs of longer than 90 seconds would be taken for dead."""
    assert "ragloop session: a run without heartbeat has crashed" in automations(stack)
    (dead,) = [
        one
        for one in wanted(project_root(), stack.names)
        if one["name"] == "ragloop session: a run without heartbeat has crashed"
    ]
    assert dead["trigger"]["within"] == 3 * int(ENVIRONMENT["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert [one["name"] for one in deployments(stack) if one["job_variables"] != ENVIRONMENT] == []


def test_the_state_of_prefect_lies_under_the_home(stack: LocalStack) -> None:
    assert (stack.home / "prefect" / "prefect.db").is_file()


def test_an_installation_without_the_flows_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ragloop, "__file__", str(tmp_path / "ragloop" / "__init__.py"))
    with pytest.raises(NotFoundError, match=r"no prefect\.yaml in .*install ragloop again"):
        project_root()
