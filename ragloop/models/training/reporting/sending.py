"""Send the figures of a training to wherever its settings say, from threads that it never waits for.

A place that cannot be reached, refuses or fails is said once and left alone from then on; the training goes on.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue

from ragloop.errors import ConfigError, NotFoundError, RagloopError, missing_package
from ragloop.models.training.reporting.figures import Reports, Run, Step

log = logging.getLogger(__name__)

TENSORBOARD, MLFLOW, WANDB = "tensorboard", "mlflow", "wandb"
_PACKAGES = {TENSORBOARD: "tensorboardX", MLFLOW: "mlflow", WANDB: "wandb"}
"""By place. No extra brings wandb: seven other packages come with it, and nothing else needs them."""
MLFLOW_ADDRESS = "MLFLOW_TRACKING_URI"
_THREAD = "reports to "
_WAIT_S = 60
"""How long a training that has ended waits for what is still on its way, over all places together."""


def must_be_able_to_report(places: Sequence[str]) -> None:
    """Raise NotFoundError where the package of a place is not installed, ConfigError where its address is not set."""
    for place in places:
        package = _PACKAGES[place]
        if find_spec(package) is None:
            raise missing_package(package) or NotFoundError(
                f"training.report_to names {place}, and found no package {package}; run `pip install {package}`"
            )
    if MLFLOW in places and not os.environ.get(MLFLOW_ADDRESS):
        raise ConfigError(f"training.report_to names mlflow: set {MLFLOW_ADDRESS} to the address of its server")


class Sender:
    """One place that steps are sent to; `trouble` says, once, why nothing more is."""

    def __init__(self, place: str, opened: Callable[[], Reports]) -> None:
        self.place, self._opened = place, opened
        self._trouble = ""
        self._steps = SimpleQueue[Step | None]()
        self._thread = threading.Thread(target=self._run, name=f"{_THREAD}{place}", daemon=True)
        self._thread.start()

    def send(self, step: Step) -> None:
        """Have a step sent; returns at once."""
        if self.is_open():
            self._steps.put(step)

    def is_open(self) -> bool:
        """Return whether steps are still sent."""
        return self._thread.is_alive()

    def trouble(self) -> str:
        """Return what went wrong, the first time that it is asked for."""
        said, self._trouble = self._trouble, ""
        return said

    def close(self, until: float) -> None:
        """Have the run ended, and wait for it until then, by time.monotonic()."""
        self._steps.put(None)
        self._thread.join(max(0.0, until - time.monotonic()))
        if self.is_open():
            self._trouble = f"{self.place} took too long, and may lack the last figures of this training"

    def _run(self) -> None:
        try:
            reports = self._opened()
            while steps := self._waiting():
                reports.write(steps)
            reports.close()
        except RagloopError as error:
            self._trouble = f"nothing more of this training is reported to {self.place}: {error}"
        except Exception as error:  # noqa: BLE001 - a library may raise anything, and the training must go on
            # Its message may hold an address with a password.
            self._trouble = f"nothing more of this training is reported to {self.place}: {type(error).__name__}"

    def _waiting(self) -> list[Step]:
        """Wait for a step, and take those behind it too; an empty list when the training has ended."""
        steps = [self._steps.get()]
        while steps[-1] is not None and not self._steps.empty():
            steps.append(self._steps.get())
        if steps[-1] is None:
            self._steps.put(None)
        return [one for one in steps if one is not None]


def senders(places: Sequence[str], run: Run, folder: Path, project: str) -> list[Sender]:
    """Begin to send the steps of a run; `folder` is that of the adapter, `project` what servers call its experiment."""

    def to_files() -> Reports:
        from ragloop.models.training.reporting.event_files import EventFiles

        return EventFiles(run, folder / TENSORBOARD)

    def to_mlflow() -> Reports:
        from ragloop.models.training.reporting.mlflow_runs import MlflowRun

        return MlflowRun(run, os.environ[MLFLOW_ADDRESS], project)

    def to_wandb() -> Reports:
        from ragloop.models.training.reporting.wandb_runs import WandbRun

        return WandbRun(run, folder, project)

    known = {TENSORBOARD: to_files, MLFLOW: to_mlflow, WANDB: to_wandb}
    return [Sender(one, known[one]) for one in places]


def end_without_waiting() -> None:
    """End this process at once where a place still takes its time: libraries wait for it when Python ends."""
    if any(one.name.startswith(_THREAD) for one in threading.enumerate()):
        os._exit(0)


def close_all(open_senders: Sequence[Sender]) -> None:
    """End the runs, and wait a while for what is on its way."""
    until = time.monotonic() + _WAIT_S
    for one in open_senders:
        one.close(until)
