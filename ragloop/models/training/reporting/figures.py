"""What is reported of a training, and to whom. Pure.

Nothing else is written, whatever a library would add by itself: no row, no prompt, no path, no name of this machine's
folders, no variables of its environment.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from ragloop.models.training.process import TrainingSpec

FIGURES = ("loss", "learning_rate", "tokens_per_s", "memory_mb", "gpu_memory_mb", "held_out_loss")
"""Of a step; the last, after a pass. Memory is the most that the first process has had, on a GPU since its start."""
HYPERPARAMETERS = (
    "recipe", "objective", "seed", "epochs", "learning_rate", "rank", "alpha", "target", "frozen_share", "batch_size",
    "warmup_steps", "checkpoint_steps", "max_length", "threads", "processes", "method", "quantization",
    "held_out_share", "patience",
)  # fmt: skip
"""Of a training: the fields of its spec but for base model, chat format and places, and how many processes train."""

Parameter = str | float | int


@dataclass(frozen=True)
class Step:
    """The figures of a step, by the names in FIGURES; `at` is when it ended, in seconds since 1970."""

    number: int
    at: float
    figures: Mapping[str, float]


def is_new(step: Step, known: int) -> bool:
    """Return whether a run that has the steps up to `known` lacks a step: a training may have been killed between the
    last step of a pass and the loss of the held-out rows there."""
    return step.number > known or (step.number == known and not {"loss"} & step.figures.keys())


@dataclass(frozen=True)
class Run:
    """A training as others see it: its name, which is the adapter's id, and its hyperparameters.

    `resumed_at` is the step of the checkpoint that it goes on from, 0 for a new one.
    """

    name: str
    parameters: Mapping[str, Parameter]
    resumed_at: int


class Reports(Protocol):
    """An open run somewhere."""

    def write(self, steps: list[Step]) -> None:
        """Add the figures of the steps that the run lacks."""

    def close(self) -> None:
        """Write what waits, and end the run."""


def parameters(spec: TrainingSpec, processes: int) -> dict[str, Parameter]:
    """Return the hyperparameters of a training; those that it leaves to a library are left out."""
    values = {**asdict(spec), "processes": processes}
    return {name: values[name] for name in HYPERPARAMETERS if values[name] is not None}
