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
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, Sampler
from transformers import TrainerCallback
from trl import SFTTrainer

from ragloop.models.training.checkpoints import COMPLETE
from ragloop.models.training.frozen_layers import FrozenLayers, run_once, runs_in_every_pass
from ragloop.models.training.group import Group, own_peak_mb
from ragloop.models.training.reporting.figures import Step
from ragloop.models.training.reporting.sending import Sender


class AnswersOnlyTrainer(SFTTrainer):
    """SFTTrainer that applies the language-model head to answer positions only and reads rows of like length together.

    SFTTrainer's own loss scores every position outside CUDA, with entropy and accuracy: with a vocabulary of 49,152 and
    short answers that is half of its time.
    """

    frozen: FrozenLayers | None = None
    group = Group()

    def run_frozen_layers_once(self, first: int) -> list[str]:
        """Look up the output of the layers below `first`, which have no adapter; returns why where that cannot be."""
        model: Any = self.model
        rows: Any = self.train_dataset
        base = model.get_base_model()
        if why := runs_in_every_pass(base, first, rows["input_ids"]):
            return [why]
        self.frozen = run_once(base, first, list(rows["input_ids"]), self._autocast(model.device.type))
        return []

    def _autocast(self, device: str) -> Any:
        return torch.autocast(device, dtype=torch.bfloat16) if self.args.bf16 else nullcontext()

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        base = model.get_base_model()
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
        if self.group.size == 1:
            return cross_entropy(logits.float(), labels[answers])
        return cross_entropy(logits.float(), labels[answers], reduction="sum") / self.group.total(answers.sum())

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
            if "loss" in entry:
                figures = {name: entry[name] for name in ("loss", "learning_rate")}
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

    def _send(self, step: Step) -> None:
        for sender in self.senders:
            sender.send(step)

    def say_troubles(self) -> None:
        for said in filter(None, [sender.trouble() for sender in self.senders]):
            self.notes.append(said)
            print(json.dumps({"warning": said}), file=self.progress, flush=True)


def memory_mb() -> dict[str, float]:
    """Return the most memory that this process has had, and on a GPU, where it has one."""
    most = {"memory_mb": own_peak_mb()}
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
        if logs and "loss" in logs:
            line = {
                "step": state.global_step,
                "steps": state.max_steps,
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
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
