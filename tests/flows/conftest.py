"""A real Prefect server, worker and deployments for the whole session, and small homes to run flows on."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    temporary_settings,
)

from ragloop.config import load_settings
from ragloop.orchestrator.local_stack import LocalStack

if TYPE_CHECKING:
    from tests.support.s3_server import S3Server


NAME = "RAGLOOP_PREFECT__NAME"


_running = ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the server with the last test of this folder: an idle one takes CPU from those that follow.

    A fixture of the scope `package` would last as long as the session, since the folder is no package.
    """
    if nextitem is None or nextitem.path.parent != Path(__file__).parent:
        _running.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, s3_server: "S3Server") -> Iterator[LocalStack]:
    """Started once, since it takes most of a minute. Its worker finds the S3 and SQS of the session."""
    from tests.support.s3_server import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": s3_server.endpoint, NAME: "session"}.items():
            patch.setenv(name, value)
        stack = LocalStack(load_settings(home=tmp_path_factory.mktemp("stack")))
    _running.enter_context(stack)
    patch = _running.enter_context(pytest.MonkeyPatch.context())
    # Flows that are called here work on other homes: on the server they are all the one of the session.
    patch.setenv(NAME, "session")
    # Of processes that tests start, as an operator exports it.
    patch.setenv("PREFECT_API_AUTH_STRING", stack.client_environment["PREFECT_API_AUTH_STRING"])
    # Other tests keep the cores of a small machine busy for longer than an operator would wait.
    stack.api = replace(stack.api, patience_s=120)
    # What the flows of this process still have to tell must be told while the server listens.
    _running.callback(EventsWorker.drain_all, timeout=10)
    _running.callback(APILogWorker.drain_all, timeout=10)
    try:
        yield stack
    finally:
        _running.close()  # of a session that was interrupted


@dataclass
class FlowsInProcess:
    """Flows that are called here report to the server of the session."""

    stack: LocalStack

    def run_of(self, state: State[Any]) -> dict[str, Any]:
        """The flow run that ended in this state, as the server keeps it."""
        return dict(self.stack.api.call("GET", f"/flow_runs/{state.state_details.flow_run_id}"))

    def artifacts(self, state: State[Any]) -> dict[str, Any]:
        """Data of the artifacts of the run that ended in this state, by their kinds."""
        return self.artifacts_of(str(state.state_details.flow_run_id))

    def artifacts_of(self, run_id: str) -> dict[str, Any]:
        """Data of the artifacts of a run by their kinds; their keys are those of the home of the session."""
        wanted = {"flow_runs": {"id": {"any_": [run_id]}}}
        found = {one["key"]: one["data"] for one in self.stack.api.call("POST", "/artifacts/filter", wanted)}
        own = self.stack.names.artifact("")
        assert all(key.endswith(own) for key in found if key), found
        return {key.removesuffix(own): data for key, data in found.items() if key}

    def logs(self, state: State[Any]) -> str:
        APILogWorker.drain_all(timeout=10)  # the lines of a run follow it in a thread
        wanted = {"logs": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
        return "\n".join(one["message"] for one in self.stack.api.call("POST", "/logs/filter", wanted))


@contextmanager
def serving(stack: LocalStack, deployment: str, home: Path, config: Path | None) -> Iterator[None]:
    """Have the worker of the session serve another home by this deployment, as `parameters` in prefect.yaml would."""
    place = f"/deployments/{stack.deployment_id(deployment)}"
    before = stack.api.call("GET", place)["parameters"]
    own = {"home": str(home), "config": str(config) if config else None}
    stack.api.call("PATCH", place, {"parameters": {**before, **own}})
    try:
        yield
    finally:
        stack.api.call("PATCH", place, {"parameters": before})


def settings_of(stack: LocalStack) -> dict[Any, Any]:
    """Settings of Prefect in this process that lead to the server of the session."""
    auth = stack.client_environment["PREFECT_API_AUTH_STRING"]
    return {PREFECT_API_URL: stack.api_url, PREFECT_API_AUTH_STRING: auth}


@pytest.fixture
def flows(stack: LocalStack, tmp_path: Path) -> Iterator[FlowsInProcess]:
    # As deployments have it: the session's server takes a run that is silent for 90 seconds for dead.
    of_process = {PREFECT_HOME: tmp_path / "prefect", PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}
    with temporary_settings({**settings_of(stack), **of_process}):
        yield FlowsInProcess(stack)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty-five short documents, enough for the guard to notice that most of them are gone."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    for number in range(25):
        (folder / f"chapter-{number:02}.md").write_text(
            f"# Chapter {number}\n\nThe heron of pond {number} eats frogs.\n"
        )
    return folder


def answer_when_asked(flows: FlowsInProcess, given: dict[str, object], before: Callable[[], object]) -> Thread:
    """Answer the next run that pauses, as its form does."""

    def answer(question: str) -> None:
        before()
        taken = flows.stack.api.call("POST", f"/flow_runs/{question}/resume", {"run_input": given})
        assert taken["status"] == "ACCEPT", taken

    return when_asked(flows, answer)


def when_asked(flows: FlowsInProcess, act: Callable[[str], None]) -> Thread:
    """Do something with the next run that pauses. Others of the server may be paused for other reasons."""

    def paused() -> set[str]:
        wanted = {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
        return {run["id"] for run in flows.stack.api.call("POST", "/flow_runs/filter", wanted)}

    earlier = paused()

    def wait() -> None:
        for _ in range(600):
            if asking := paused() - earlier:
                act(asking.pop())
                return
            time.sleep(0.2)

    thread = Thread(target=wait)
    thread.start()
    return thread
