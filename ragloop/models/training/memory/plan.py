"""The plan of a training, made by its process before the weights of the base model are loaded."""

from collections.abc import Mapping, Sequence
from typing import Any

from ragloop.models.generation.local import best_dtype
from ragloop.models.training.group import Group
from ragloop.models.training.memory.available import available_bytes, give_back_at_once
from ragloop.models.training.memory.batches import lengths_of
from ragloop.models.training.memory.decision import Demand, Place, Plan, decide
from ragloop.models.training.memory.estimate import NF4_BYTES, Way
from ragloop.models.training.memory.layout import layout_of
from ragloop.models.training.process import Execution, Method, Objective, Quantization, TrainingSpec


def plan_of(
    spec: TrainingSpec,
    execution: Execution,
    model: Any,
    first: int,
    rows: Sequence[Mapping[str, Sequence[int]]],
    group: Group,
) -> Plan:
    """Plan a training that puts adapters into the layers of a model from `first` up; its weights are not loaded.

    All processes of a group make the same plan. Raises UsageError where the training does not fit.
    """
    device = _device()
    dtype = best_dtype(device)
    compares = spec.objective == Objective.PREFERENCES
    way = Way(
        rank=spec.rank,
        precision=dtype.itemsize,
        weight=NF4_BYTES if spec.quantization == Quantization.NF4 else dtype.itemsize,
        kept=0 if compares else _kept(model.to(dtype), [row["input_ids"] for row in rows]),
        on_gpu=device != "cpu",
        processes=group.size,
        compares=compares,
        lengths_apart=spec.method == Method.DORA,
    )
    demand = Demand(
        layout_of(model, first, spec.target),
        way,
        lengths_of(rows, compares=compares),
        spec.batch_size,
        execution.gradient_checkpointing,
        able=model.supports_gradient_checkpointing,
    )
    sharing = 1 if way.on_gpu else group.on_this_machine
    group.agreed(None)  # so each process that shares the memory has imported as much as this one
    free = group.agreed(available_bytes(device, sharing) if group.first else 0)
    return decide(demand, Place(device, str(dtype).removeprefix("torch."), free, sharing))


def compute_again(model: Any) -> None:
    """Have the layers of a model compute their activations again for the backward pass, and hold no memory meanwhile.

    Without re-entering autograd, so that no gradient has to come from below the first layer that is trained.
    """
    give_back_at_once()
    model.activation_checkpointing_enable({"use_reentrant": False})


def _device() -> str:
    import torch

    return f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"


def _kept(model: Any, rows: Sequence[Sequence[int]]) -> int:
    """Return the bytes of what frozen layers would give, which is kept once for each different row."""
    from ragloop.models.training.frozen_layers import runs_in_every_pass

    if runs_in_every_pass(model, 1, rows):
        return 0
    return sum(map(len, {tuple(row) for row in rows})) * int(model.config.hidden_size) * int(model.dtype.itemsize)
