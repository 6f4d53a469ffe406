"""Two homes on one server, each with a worker of its own: a run is of its home, and what one does leaves the other."""

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import Settings, load_settings
from ragloop.corpus.index import inventory
from ragloop.errors import UsageError
from ragloop.orchestrator.automations import apply, wanted
from ragloop.orchestrator.deployments import deploy
from ragloop.orchestrator.liveness import problems
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.project import project_root
from tasks.run_retention import remove_runs
from tests.flows.conftest import FlowsInProcess

pytestmark = [pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(900)]
RAGLOOP = Path(sys.executable).with_name("ragloop")


@dataclass
class Home:
    """A home on the server of the session."""

    stack: LocalStack
    place: Path
    names: Names

    @property
    def config(self) -> Path:
        return self.place / "ragloop.toml"

    @property
    def settings(self) -> Settings:
        return load_settings(self.config, self.place / "home")

    @property
    def environment(self) -> dict[str, str]:
        """That of a machine which has the home, and knows the server."""
        given = self.stack.client_environment
        ours = {name: value for name, value in given.items() if not name.startswith("RAGLOOP_") or "CACHE" in name}
        return {**ours, "PREFECT_HOME": str(self.place / "prefect")}

    def deployment(self, flow: str) -> dict[str, Any]:
        return dict(self.stack.api.call("GET", f"/deployments/name/{self.names.deployment(flow)}"))

    def runs(self, flow: str) -> list[dict[str, Any]]:
        of = {"deployments": {"id": {"any_": [self.deployment(flow)["id"]]}}, "sort": "START_TIME_DESC"}
        runs = self.stack.api.call("POST", "/flow_runs/filter", of)
        return [run for run in runs if run["state_type"] != "SCHEDULED"]

    def trigger(self) -> dict[str, Any]:
        """The automation that starts index-changes."""
        place = f"/automations/related-to/prefect.deployment.{self.deployment('index-changes')['id']}"
        (found,) = self.stack.api.call("GET", place)
        return dict(found)

    def documents(self) -> list[str]:
        return sorted(inventory.keys(App(self.settings).index).values())


def furnished(stack: LocalStack, name: str, place: Path) -> Home:
    """A home of this name, whose only document is of this name too."""
    (place / "documents").mkdir()
    (place / "documents" / f"{name}.md").write_text(f"# {name}\n\nThe heron of {name} eats frogs.\n")
    home = Home(stack, place, Names(name))
    text = f'[prefect]\nname = "{name}"\n[[sources]]\nname = "documents"\nuri = "documents"\n'
    home.config.write_text(text)
    return home


def deployed_by_command(home: Home) -> dict[str, Any]:
    """What `ragloop deploy` prints, run in a folder that has nothing to do with the home."""
    elsewhere = home.place / "elsewhere"
    elsewhere.mkdir()
    command = [RAGLOOP, "--home", home.place / "home", "--config", home.config, "deploy", "--json"]
    done = subprocess.run(command, cwd=elsewhere, env=home.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@contextmanager
def working(home: Home, command: str) -> Iterator[None]:
    """A worker of the home, by the command that deploying it names."""
    with (home.place / "worker.txt").open("w") as said:
        started = [sys.executable, "-m", *command.split()]
        worker = subprocess.Popen(started, cwd=home.place, env=home.environment, stdout=said, stderr=said)
    try:
        yield
    finally:
        worker.terminate()
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:  # Prefect's worker now and then waits for something after SIGTERM
            worker.kill()
            worker.wait()


@pytest.fixture(scope="module")
def server(stack: LocalStack) -> Iterator[None]:
    """Commands and calls of this process find the server of the session, and take names from the configuration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", stack.api_url)
        patch.delenv("RAGLOOP_PREFECT__NAME")
        yield


@pytest.fixture(scope="module")
def homes(
    stack: LocalStack, server: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, Home, dict[str, Any], dict[str, Any]]]:
    """Staging and production, each with a worker; and what staging had before and after production came."""
    staging, production = (furnished(stack, name, tmp_path_factory.mktemp(name)) for name in ("staging", "production"))
    try:
        with working(staging, deployed_by_command(staging)["worker"]):
            apply(stack.api, staging.names, wanted(project_root(), staging.names))
            before = everything(staging)
            done = deploy(production.settings, production.config)
            apply(stack.api, production.names, wanted(project_root(), production.names))
            after = everything(staging)
            with working(production, done.worker):
                yield staging, production, before, after
    finally:
        remove(staging)
        remove(production)


Homes = tuple[Home, Home, dict[str, Any], dict[str, Any]]


def remove(home: Home) -> None:
    """Take away what the home has on the server, so that later tests find it as it was."""
    api, ours = home.stack.api, {"deployments": {"tags": {"all_": [home.names.tag]}}}
    for one in api.call("POST", "/deployments/filter", ours):
        api.call("DELETE", f"/deployments/{one['id']}")
    for one in api.call("POST", "/automations/filter", {"limit": 200}):
        if one["name"].startswith(home.names.automations):
            api.call("DELETE", f"/automations/{one['id']}")
    api.call("DELETE", f"/work_pools/{home.names.pool}")


def everything(home: Home) -> dict[str, Any]:
    """What a home has on the server, without what changes by itself."""
    api, ours = home.stack.api, {"tags": {"all_": [home.names.tag]}}
    passing = ("updated", "last_polled", "status", "global_concurrency_limit")
    return {
        "deployments": [
            {name: value for name, value in one.items() if name not in passing}
            for one in sorted(
                api.call("POST", "/deployments/filter", {"deployments": ours}), key=lambda one: str(one["entrypoint"])
            )
        ],
        "automations": sorted(
            one["id"]
            for one in api.call("POST", "/automations/filter", {"limit": 200})
            if one["name"].startswith(home.names.automations)
        ),
        "runs": sorted(
            run["id"]
            for run in api.call("POST", "/flow_runs/filter", {"flow_runs": ours})
            if run["state_type"] != "SCHEDULED"
        ),
    }


def test_a_home_that_comes_to_a_server_leaves_the_one_that_is_there(homes: Homes) -> None:
    _, production, before, after = homes
    assert after == before
    assert [len(after[what]) for what in ("deployments", "automations")] == [10, 13]
    assert [len(everything(production)[what]) for what in ("deployments", "automations")] == [10, 13]


def ended(stack: LocalStack, run_id: str) -> dict[str, Any]:
    stack.wait(run_id, 600)
    return dict(stack.api.call("GET", f"/flow_runs/{run_id}"))


def test_each_home_is_run_by_its_own_worker(homes: Homes, stack: LocalStack) -> None:
    begun = [
        stack.api.call("POST", f"/deployments/{home.deployment('sync-index')['id']}/create_flow_run", {})["id"]
        for home in homes[:2]
    ]
    for home, run_id in zip(homes[:2], begun, strict=True):
        run = ended(stack, run_id)
        worked = (home.place / "worker.txt").read_text()
        assert run["state_type"] == "COMPLETED", (run["state"], worked)
        assert (run["work_pool_name"], set(run["tags"])) == (home.names.pool, set(home.names.tags))
        assert home.documents() == [f"{home.names.name}.md"]
        assert [one in worked for one in begun] == [one == run_id for one in begun]
        reports = stack.api.call("POST", "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        assert home.names.artifact("sync-report") in {one["key"] for one in reports}
        assert all(one["key"].endswith(home.names.artifact("")) for one in reports), reports


def test_a_ring_of_one_home_starts_a_run_of_that_home_alone(homes: Homes, stack: LocalStack) -> None:
    staging, production, *_ = homes
    (staging.place / "documents" / "new.md").write_text("# New\n\nThe crane is new.\n")
    payload = {"folder": str(staging.place / "documents")}
    resource = {"prefect.resource.id": f"{staging.names.sources}{uuid.uuid4()}"}
    stack.api.emit("ragloop.source.changed", resource, payload)
    deadline = time.monotonic() + 240
    while not staging.runs("index-changes"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    run = ended(stack, staging.runs("index-changes")[0]["id"])
    assert run["state_type"] == "COMPLETED", run["state"]
    assert "new.md" in staging.documents()
    assert production.runs("index-changes") == []
    of_trigger = {"id": [f"prefect.automation.{production.trigger()['id']}"]}
    fired = {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "resource": of_trigger}}
    assert stack.api.call("POST", "/events/filter", fired)["events"] == []


def test_applying_and_cleaning_up_of_one_home_leave_the_other(homes: Homes, flows: FlowsInProcess) -> None:
    staging, production, *_ = homes
    api, before = staging.stack.api, everything(production)
    assert before["runs"]
    first, *others = wanted(project_root(), staging.names)
    assert len(apply(api, staging.names, [first]).deleted) == len(others)
    assert remove_runs(staging.names, 0) > 0
    assert everything(production) == before
    assert everything(staging)["runs"] == []


@pytest.mark.usefixtures("server")
def test_a_name_that_others_have_is_refused(homes: Homes, stack: LocalStack, tmp_path: Path) -> None:
    staging, *_ = homes
    before = everything(staging)
    other = furnished(stack, "staging", tmp_path)
    serves = f"serves the home {staging.place / 'home'}, not {tmp_path / 'home'}; choose another name"
    with pytest.raises(UsageError, match=re.escape(serves)):
        deploy(other.settings, other.config)
    assert everything(staging) == before
    flow = stack.api.call("POST", "/flows/", {"name": "sync-index"})["id"]
    theirs = stack.api.call("POST", "/deployments/", {"name": "etl", "flow_id": flow, "tags": ["nightly"]})["id"]
    try:
        (tmp_path / "second").mkdir()
        etl = furnished(stack, "etl", tmp_path / "second")
        with pytest.raises(UsageError, match=r"found sync-index/etl on .*, which is not ragloop's"):
            deploy(etl.settings, etl.config, take_over=True)
        assert not stack.api.answers("/work_pools/ragloop-etl")
    finally:
        stack.api.call("DELETE", f"/deployments/{theirs}")


def test_what_stands_still_of_one_home_is_no_problem_of_another(homes: Homes, stack: LocalStack) -> None:
    staging, production, *_ = homes
    stack.api.call("PATCH", f"/automations/{production.trigger()['id']}", {"enabled": False})
    stack.api.call("PATCH", f"/deployments/{production.deployment('sync-index')['id']}", {"paused": True})
    found = problems(stack.api, production.names)
    assert "the schedule of sync-index is paused" in found
    assert [one for one in found if "trigger of index-changes is disabled" in one]
    assert problems(stack.api, staging.names) == []
