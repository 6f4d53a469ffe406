"""What of TRL's SFTTrainer is replaced: the loss, the order of rows, and what happens at a step and a checkpoint.

Imports torch and trl at once, so only the training process imports it.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, Sampler
from transformers import TrainerCallback
from trl import SFTTrainer

from ragloop.durable import whole_file
from ragloop.models.training.checkpoints import COMPLETE
from ragloop.models.training.frozen_layers import FrozenLayers, run_once, runs_in_every_pass
from ragloop.models.training.group import Group
from ragloop.models.training.memory.available import peak_mb
from ragloop.models.training.reporting.figures import Step
from ragloop.models.training.reporting.sending import Sender
from ragloop.models.training.tokens import Tokens


class AnswersOnlyTrainer(SFTTrainer):
    """SFTTrainer that applies the language-model head to answer positions only and reads rows of like length together.

    SFTTrainer's own loss scores every position outside CUDA, with entropy and accuracy: with a vocabulary of 49,152 and
    short answers that is half of its time.
    """

    frozen: FrozenLayers | None = None
    group = Group()
    held_out: Sequence[Tokens] = ()

    def run_frozen_layers_once(self, first: int) -> list[str]:
        """Look up the output of the layers below `first`, which have no adapter; returns why where that cannot be."""
        model: Any = self.model
        dataset: Any = self.train_dataset
        rows = [*dataset["input_ids"], *(one["input_ids"] for one in self.held_out)]
        base = model.get_base_model()
        if why := runs_in_every_pass(base, first, rows):
            return [why]
        self.frozen = run_once(base, first, rows, self._autocast(model.device.type))
        return []

    def _autocast(self, device: str) -> Any:
        return torch.autocast(device, dtype=torch.bfloat16) if self.args.bf16 else nullcontext()

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        logits, answers = self._at_answers(model.get_base_model(), inputs)
        if self.group.size == 1:
            return cross_entropy(logits, answers)
        return cross_entropy(logits, answers, reduction="sum") / self.group.total(answers.new_tensor(len(answers)))

    def held_out_loss(self) -> float:
        """Return the mean loss over the answer tokens of the rows that are held out."""
        model: Any = self.model
        collate: Any = self.data_collator
        rows = sorted(self.held_out, key=lambda one: len(one["input_ids"]))
        total, tokens = 0.0, 0
        model.eval()
        with torch.no_grad():
            for first in range(0, len(rows), self.args.train_batch_size):
                batch = collate(rows[first : first + self.args.train_batch_size])
                inputs = {name: one.to(model.device) for name, one in batch.items()}
                logits, answers = self._at_answers(model.get_base_model(), inputs)
                total += float(cross_entropy(logits, answers, reduction="sum"))
                tokens += len(answers)
        model.train()
        return total / tokens

    def _at_answers(self, base: Any, inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits at the places of a batch whose next token is one of an answer, and these tokens."""
        labels = inputs["labels"][:, 1:]
        answers = labels != -100
        entering: dict[str, Any] = {"input_ids": inputs["input_ids"]}
        if self.frozen is not None:
            entering = {"inputs_embeds": self.frozen.states(inputs["input_ids"], inputs["attention_mask"])}
        # The model's own forward, since some scale or cap what the head gives (Cohere, Granite, Gemma).
        head = base.get_output_embeddings()
        narrowed = head.register_forward_pre_hook(lambda _, args: (args[0][:, :-1][answers],))
        with self._autocast(labels.device.type):
            logits = base(**entering, attention_mask=inputs["attention_mask"], use_cache=False).logits
        narrowed.remove()
        return logits.float(), labels[answers]

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Leave with each weight the gradient of the whole batch, and return the loss of it."""
        model: Any = self.model
        step: Any = super().training_step
        return self.group.summed(step(*args, **kwargs), trained(model))

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of this process: in a group, its share of each."""
        if self.group.size == 1:
            return super().get_train_dataloader()
        rows: Any = self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"][:-1]]
        order = RowsOfLikeLength(lengths, self.args.train_batch_size, self.args.seed)
        shares = SharesOfBatches(order, self.group, no_row=len(lengths))
        loader: Any = DataLoader(
            rows, batch_sampler=shares, collate_fn=self.data_collator, pin_memory=self.args.dataloader_pin_memory
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset: Any = self.train_dataset if train_dataset is None else train_dataset
        return RowsOfLikeLength([len(ids) for ids in dataset["input_ids"]], self.args.train_batch_size, self.args.seed)


def trained(model: Any) -> list[Any]:
    """Return the weights that are trained."""
    return [one for one in model.parameters() if one.requires_grad]


def with_no_row(rows: list[dict[str, list[int]]]) -> list[dict[str, list[int]]]:
    """Add a row that the loss does not look at, for a process that the rows of a batch do not suffice for."""
    return [*rows, {"input_ids": rows[0]["input_ids"], "labels": [-100] * len(rows[0]["input_ids"])}]


class RowsOfLikeLength(Sampler[int]):
    """All rows once, in batches of like length; the order depends on seed and epoch alone, so that a resumed epoch
    continues where it was left."""

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        mixed = torch.randperm(len(self.lengths), generator=generator).tolist()
        by_length = sorted(mixed, key=lambda row: self.lengths[row])
        full = len(by_length) // self.batch_size * self.batch_size
        batches = [by_length[i : i + self.batch_size] for i in range(0, full, self.batch_size)]
        for batch in torch.randperm(len(batches), generator=generator).tolist():
            yield from batches[batch]
        yield from by_length[full:]  # a batch that is not full must come last


class SharesOfBatches(BatchSampler):
    """The share of each batch that falls to one process of a group; `no_row` where none does.

    Rows of a batch that are of like length fall to different processes.
    """

    def __init__(self, order: RowsOfLikeLength, group: Group, no_row: int) -> None:
        super().__init__(order, order.batch_size, drop_last=False)
        self.group, self.no_row = group, no_row

    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            yield batch[self.group.rank :: self.group.size] or [self.no_row]


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
    most = {"memory_mb": peak_mb()}
    if torch.cuda.is_available():
        most["gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return most


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
