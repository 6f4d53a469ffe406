"""What of TRL's SFTTrainer is replaced: the loss, and the order of rows.

Imports torch and trl at once, so only the training process imports it.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, Sampler
from trl import SFTTrainer

from ragloop.models.training.frozen_layers import FrozenLayers, run_once, runs_in_every_pass
from ragloop.models.training.group import Group
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
