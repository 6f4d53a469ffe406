"""The flows of the demonstration, run on a Prefect server of its own."""

import logging
import threading
import time

from ragloop.demo.flows import FlowEnd
from ragloop.errors import UnavailableError
from ragloop.orchestrator.local_stack import FlowRun, LocalStack
from ragloop.wording import DONE_IN_PART

log = logging.getLogger(__name__)
_PATIENCE_S = 120.0
"""How long to wait for a run that an event starts to appear."""
_GIVES_WAY = 5
"""How often a run may give way to a scheduled one."""
_BETWEEN_TRIES_S = 3.0
_LONGEST_LINE = 100
_BETWEEN_LINES_S = 8.0
"""Seconds between two lines about a training."""


class PrefectFlows:
    """The deployments of prefect.yaml on a server of their own, which comes up in a thread beside the story."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._started: float | None = None
        self._took = 0.0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._bring_up, name="bring up Prefect", daemon=True)

    def start(self) -> None:
        """Begin to bring the server up, without waiting for it."""
        if self._started is None:
            self._started = time.perf_counter()
            self._thread.start()

    def _bring_up(self) -> None:
        started = time.perf_counter()
        try:
            self._stack.__enter__()
        except BaseException as error:  # noqa: BLE001 - raised again where the story waits for it
            self._failure = error
        self._took = time.perf_counter() - started

    def wait_until_up(self) -> float:
        """Wait until the server and its worker are up; returns the seconds that their start took."""
        self.start()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return round(self._took, 1)

    def stop(self) -> None:
        """End whatever has been started, also where it is still coming up."""
        if self._started is not None:
            # First the processes: their death is what ends a thread that waits for them.
            self._stack.processes.stop()
            self._thread.join()
            if self._failure is None:
                self._stack.__exit__(None, None, None)

    def run(self, deployment: str) -> FlowEnd:
        """Run a deployment and wait for its end; one that gives way to a scheduled run is started again after it.

        Raises UnavailableError where it does not complete.
        """
        run = self._stack.run_deployment(deployment)
        for _ in range(_GIVES_WAY):
            if run.state_type != "CANCELLED":
                break
            log.info("%s gave way to a scheduled run of the same deployment; once more", run.name)
            time.sleep(_BETWEEN_TRIES_S)
            run = self._stack.run_deployment(deployment)
        return _end(run)

    def follow(self, deployment: str) -> FlowEnd:
        """Wait for the run of a deployment that an event starts, and for its end.

        Raises UnavailableError where none comes, or where it does not complete.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not (runs := self._stack.flow_runs(deployment)):
            if time.monotonic() > deadline:
                raise UnavailableError(f"no run of {deployment} came within {_PATIENCE_S:g} s of its event; see the UI")
            time.sleep(0.5)
        return _end(self._watch(deployment, runs[0]))

    def _watch(self, deployment: str, run: FlowRun) -> FlowRun:
        """Log what the run's bar and the newest line of its log say, until it ends."""
        said: tuple[str, ...] = ()
        while not run.ended:
            now = (self._bar(run) or run.state_name, self._line(run))
            for new in [one for one in now if one and one not in said]:
                log.info("%s: %s", run.name, new)
            said = now
            time.sleep(_BETWEEN_LINES_S if "step" in now[0] else 0.5)
            run = next((one for one in self._stack.flow_runs(deployment) if one.run_id == run.run_id), run)
        return run

    def _bar(self, run: FlowRun) -> str:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run.run_id]}, "type": {"any_": ["progress"]}}}
        bars = self._stack.api.call("POST", "/artifacts/filter", wanted)
        return str(bars[0]["description"]) if bars else ""

    def _line(self, run: FlowRun) -> str:
        """Return the newest line of the run's log: an evaluation has no bar, and takes minutes."""
        wanted = {"logs": {"flow_run_id": {"any_": [run.run_id]}}, "sort": "TIMESTAMP_DESC", "limit": 1}
        lines = self._stack.api.call("POST", "/logs/filter", wanted)
        return str(lines[0]["message"]).partition("\n")[0][:_LONGEST_LINE] if lines else ""


def _end(run: FlowRun) -> FlowEnd:
    """Return how a run ended. Raises UnavailableError unless it did what it had to, in whole or (a sync) in part."""
    if run.state_type != "COMPLETED" and not run.message.startswith(DONE_IN_PART):
        raise UnavailableError(f"flow run {run.name} is {run.state_name}: {run.message or 'no message'}; see {run.url}")
    return FlowEnd(run.state_name, run.message, run.url)
