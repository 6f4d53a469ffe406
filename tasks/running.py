"""What every task needs: the application that it works on, and when a failure is worth another try."""

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import FailedRun
from prefect.logging.handlers import APILogHandler
from prefect.tasks import RetryConditionCallable, Task
from pydantic import BeforeValidator

from ragloop.errors import RagloopError
from ragloop.printable import is_printable, printable
from ragloop.telemetry import show
from tasks.allowed import accepted

if TYPE_CHECKING:
    from ragloop.app import App

GivenPath = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
"""A path of a form, which may be empty: as a path, an empty string would be the folder that the worker runs in."""


def open_app(home: Path | None, config: Path | None) -> "App":
    """Open the application of one home; what takes long to prepare stands in the log of the run.

    Raises ConfigError, and UsageError where the run may not name this home or configuration.
    """
    # Imported when a task runs: it loads the store, which `prefect deploy` does not need to read a flow.
    from ragloop.app import App
    from ragloop.config import load_settings

    place = accepted(home, config)
    return App(load_settings(place.config, place.home))


def run_began() -> datetime | None:
    """Return when this flow run began, by the clock of this machine: every try of a task gets the same."""
    run = FlowRunContext.get()
    return run.start_time if run else None


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failure is one that a later try may not meet: the error says so itself."""
    error = state.data
    return isinstance(error, RagloopError) and error.transient


class Retries(TypedDict):
    """Options of a task."""

    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: RetryConditionCallable
    cache_policy: CachePolicy


TRANSIENT_ONLY: Retries = {
    "retries": 4,
    # About eleven minutes in all: the writer that holds the lease is most often another sync.
    "retry_delay_seconds": [10.0, 40.0, 160.0, 450.0],
    "retry_condition_fn": is_transient,
    # Every run asks the store; what the store already holds, the core finds itself.
    "cache_policy": NO_CACHE,
}


class ForOperators(logging.Filter):
    """Log errors of ragloop's own tree as their message, since where in the code they arose helps no operator. A run
    that ends as Failed by its own decision has said so in its last state: no traceback of Prefect follows it.

    Names of documents in a message reach the terminal of a worker: what that would act on is replaced.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, FailedRun):
            return False
        if isinstance(error, RagloopError):
            record.msg, record.args = "%s: %s", (type(error).__name__, error)
            record.exc_info, record.exc_text = None, None
        if not is_printable(message := record.getMessage()):
            record.msg, record.args = printable(message), ()
        return True


class ToRun(APILogHandler):
    """Sends lines of the core to the log of the run that they belong to; outside of a run there is none."""

    def emit(self, record: logging.LogRecord) -> None:
        if FlowRunContext.get() or TaskRunContext.get():
            super().emit(record)


_to_run = ToRun()
_to_run.addFilter(ForOperators())
show(_to_run)
for _name in ("prefect.flow_runs", "prefect.task_runs"):
    _logger = logging.getLogger(_name)
    if not any(isinstance(one, ForOperators) for one in _logger.filters):
        _logger.addFilter(ForOperators())
