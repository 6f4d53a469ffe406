"""Figures in Weights & Biases, by its own library: a run for each training, whose id is that of its adapter."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragloop.errors import UnavailableError
from ragloop.models.training.reporting.figures import Run, Step


class WandbRun:
    """A run in the project `project`; the library keeps its files in a folder `wandb` of `folder`.

    WANDB_MODE, WANDB_API_KEY and its other variables say where it goes. What the library would tell by itself of the
    machine, its programs and its output stays here.
    """

    def __init__(self, run: Run, folder: Path, project: str) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        with _errors():
            self._run = self._begun(run, folder, project)

    def _begun(self, run: Run, folder: Path, project: str) -> Any:
        import wandb

        return wandb.init(
            project=project,
            id=run.name,
            name=run.name,
            resume="allow",
            dir=str(folder),
            config=dict(run.parameters),
            settings=wandb.Settings(
                console="off",
                disable_git=True,
                save_code=False,
                silent=True,
                host="",
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def write(self, steps: list[Step]) -> None:
        """Log the steps that the run lacks."""
        for step in (one for one in steps if one.number >= self._run.starting_step):
            with _errors():
                self._run.log(dict(step.figures), step=step.number)

    def close(self) -> None:
        """End the run."""
        with _errors():
            self._run.finish()


@contextmanager
def _errors() -> Iterator[None]:
    """Raise UnavailableError with the first line of what the library says."""
    from wandb import Error

    try:
        yield
    except Error as error:
        raise UnavailableError((str(error).splitlines() or [type(error).__name__])[0]) from error
