"""The flows of the demonstration: runs that do not complete, and interrupts."""

import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from ragloop.errors import UnavailableError
from ragloop.orchestrator import demo_flows
from ragloop.orchestrator.demo_flows import PrefectFlows
from ragloop.orchestrator.local_stack import FlowRun, LocalStack
from ragloop.orchestrator.processes import running_with


@dataclass
class ScriptedStack:
    """Ends every run in the next of the given states, the last one for ever."""

    states: list[tuple[str, str]]
    runs: int = 0

    def run_deployment(self, deployment: str) -> FlowRun:
        state, message = self.states[min(self.runs, len(self.states) - 1)]
        self.runs += 1
        return FlowRun(f"run-{self.runs}", deployment, state, state.title(), message, "http://ui/run")

    def flow_runs(self, deployment: str) -> list[FlowRun]:
        return [self.run_deployment(deployment)]

    def flows(self) -> PrefectFlows:
        return PrefectFlows(cast("LocalStack", self))


@pytest.mark.parametrize("how", ["run", "follow"])
@pytest.mark.parametrize("state", ["FAILED", "CRASHED"])
def test_a_run_that_fails_ends_the_demonstration_with_its_message_and_its_page(how: str, state: str) -> None:
    flows = ScriptedStack([(state, "the disk is full")]).flows()
    with pytest.raises(UnavailableError, match=rf"is {state.title()}: the disk is full; see http://ui/run"):
        getattr(flows, how)("sync-index")


def test_a_sync_that_left_a_document_out_does_not_end_the_demonstration() -> None:
    end = ScriptedStack([("FAILED", "done in part: 9 added. 1 is quarantined")]).flows().run("sync-index")
    assert end.message == "done in part: 9 added. 1 is quarantined"


def test_a_run_gives_way_to_a_scheduled_one_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_flows, "_BETWEEN_TRIES_S", 0)
    once = ScriptedStack([("CANCELLED", ""), ("COMPLETED", "ok")])
    assert once.flows().run("check-drift").message == "ok"
    always = ScriptedStack([("CANCELLED", "another run is under way")])
    with pytest.raises(UnavailableError, match="another run is under way"):
        always.flows().run("check-drift")
    assert 1 < always.runs < 10


INTERRUPTED = """
import sys, time
from pathlib import Path
from ragloop.cli.commands.demo import _flows
with _flows(Path(sys.argv[1]), wanted=True) as flows:
    flows.start()
    while not flows._stack.processes.left():
        time.sleep(0.01)
    print("started", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupts_while_the_server_comes_up_leave_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        while (line := process.stderr.readline()) and "stopping the Prefect server" not in line:
            pass
        assert line
        process.send_signal(number)
        process.communicate(timeout=40)
        watchdog.cancel()
    assert running_with("PREFECT_HOME", str(tmp_path / "prefect")) == []
