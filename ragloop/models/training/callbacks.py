"""What happens in a training besides its steps: progress, checkpoints, held-out rows, figures for other places.

Imports torch and transformers at once, so only the training process imports it.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ragloop.durable import whole_file
from ragloop.models.training.checkpoints import COMPLETE
from ragloop.models.training.group import Group
from ragloop.models.training.memory.available import peak_mb
from ragloop.models.training.reporting.figures import Step
from ragloop.models.training.reporting.sending import Sender
from ragloop.models.training.sft import AnswersOnlyTrainer, trained


class AlikeAtFirst(TrainerCallback):
    """Begins with the same weights in all processes of a group."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.group.alike(trained(model))


class Over(Exception):  # noqa: N818 - no error: it says that nothing is left to do
    """Ends a training before its first step."""


HELD_OUT = "held_out_loss"
"""Its name in the log of the trainer."""


class HeldOut(TrainerCallback):
    """Takes the loss on the held-out rows after each pass, ends the training where it gets no better, and keeps the
    weights of the best pass (Prechelt, Early Stopping - But When?, 1998).

    What it found stands beside the checkpoints, so that a training that was killed ends in the same weights.
    """

    def __init__(self, trainer: AnswersOnlyTrainer, folder: Path, digest: str, patience: int) -> None:
        self.trainer, self.folder, self.digest, self.patience = trainer, folder, digest, patience
        self.losses: list[float] = []

    @property
    def kept(self) -> int:
        """The pass with the least loss, from 1 on; the first of several."""
        return self.losses.index(min(self.losses)) + 1

    @property
    def is_over(self) -> bool:
        """Return whether as many passes as patience lasts were no better."""
        return len(self.losses) - self.kept >= self.patience if self.losses else False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read what was found before the checkpoint; a pass whose end nobody looked at is looked at now.

        Raises Over where the training was killed between its last pass and its end: a trainer would do another step.
        """
        passes = int(state.epoch or 0)
        self.losses = self.trainer.group.agreed(self._read())[:passes]
        if len(self.losses) < passes:
            self._look()
        if self.is_over:
            raise Over

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if int(state.epoch) > len(self.losses):
            self._look()
        if self.is_over:
            control.should_training_stop = True

    def keep_best(self, model: Any) -> None:
        """Give the model the weights of the best pass."""
        kept = load_file(self._weights(self.kept))
        with torch.no_grad():
            for name, one in _named(model).items():
                one.copy_(kept[name])

    def _look(self) -> None:
        group = self.trainer.group
        self.losses.append(group.agreed(self.trainer.held_out_loss()))
        if group.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.kept == len(self.losses):
                weights = {name: one.detach().cpu().contiguous() for name, one in _named(self.trainer.model).items()}
                with whole_file(self._weights(self.kept)) as made:
                    save_file(weights, made)
            with whole_file(self.folder / "losses.json") as made:
                made.write_text(json.dumps({"digest": self.digest, "losses": self.losses}), encoding="utf-8")
        self.trainer.log({HELD_OUT: self.losses[-1]})

    def _read(self) -> list[float]:
        try:
            found = json.loads((self.folder / "losses.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return list(found["losses"]) if found["digest"] == self.digest else []

    def _weights(self, passed: int) -> Path:
        return self.folder / f"pass-{passed}.safetensors"


def _named(model: Any) -> dict[str, Any]:
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


class ToPlaces(TrainerCallback):
    """Sends the figures of each step to the places that a training reports to, and says where that does not go on."""

    def __init__(self, progress: TextIO, open_senders: Sequence[Sender], tokens: int) -> None:
        self.progress, self.senders, self.tokens = progress, open_senders, tokens
        self.notes: list[str] = []
        self.began, self.first = time.monotonic(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin; where it goes on, repeat loss and learning rate up to there: not all may have been sent."""
        self.began, self.first = time.monotonic(), state.global_step
        for entry in state.log_history:
            figures = {name: entry[name] for name in ("loss", "learning_rate", HELD_OUT) if name in entry}
            self._send(Step(entry["step"], time.time(), figures))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            steps, seconds = state.global_step - self.first, time.monotonic() - self.began
            figures = {
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "tokens_per_s": self.tokens * args.num_train_epochs * steps / state.max_steps / seconds,
                **memory_mb(),
            }
            self._send(Step(state.global_step, time.time(), figures))
            self.say_troubles()
        elif logs and HELD_OUT in logs:
            self._send(Step(state.global_step, time.time(), {HELD_OUT: logs[HELD_OUT]}))

    def _send(self, step: Step) -> None:
        for sender in self.senders:
            sender.send(step)

    def say_troubles(self) -> None:
        for said in filter(None, [sender.trouble() for sender in self.senders]):
            self.notes.append(said)
            print(json.dumps({"warning": said}), file=self.progress, flush=True)


def memory_mb() -> dict[str, float]:
    """Return the most memory that this process has had, and on a GPU, where it has one."""
    on_gpu = gpu_peak_mb()
    return {"memory_mb": peak_mb(), **({} if on_gpu is None else {"gpu_memory_mb": on_gpu})}


def gpu_peak_mb() -> float | None:
    """Return the most memory that tensors have had on a GPU; None without one."""
    return round(torch.cuda.max_memory_allocated() / 2**20, 1) if torch.cuda.is_available() else None


class Reporter(TrainerCallback):
    """A line of progress per step, and a marker that is written after all other files of a checkpoint."""

    def __init__(self, progress: TextIO, group: Group, digest: str, before: dict[str, float], started: float) -> None:
        self.progress = progress
        self.group = group
        self.digest = digest
        self.before = before
        self.started = started
        self.loop = started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.loop = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        said = [one for one in state.log_history if "loss" in one]
        if said and logs and ("loss" in logs or HELD_OUT in logs):
            line = {
                "step": state.global_step,
                "steps": state.max_steps,
                "loss": said[-1]["loss"],
                "learning_rate": said[-1]["learning_rate"],
                **({HELD_OUT: logs[HELD_OUT]} if HELD_OUT in logs else {}),
            }
            print(json.dumps(line), file=self.progress, flush=True)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        marker = {
            "digest": self.digest,
            "seconds": now - self.started + self.before["seconds"],
            "training_seconds": now - self.loop + self.before["training_seconds"],
            "cpu_seconds": self.group.cpu_seconds() + self.before["cpu_seconds"],
            "processes": self.group.size,
        }
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        with (folder / COMPLETE).open("w", encoding="utf-8") as file:
            json.dump(marker, file)
            file.flush()
            os.fsync(file.fileno())
