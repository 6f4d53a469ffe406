"""The layout of a base model, read from the model without its weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ragloop.models.chat import cannot_be_loaded
from ragloop.models.training.memory.estimate import Layout, Matrix


def without_weights(place: Path | str) -> Any:
    """Return the model in a folder or of a hub without its weights. Raises NotFoundError as load_model does."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(str(place)))
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(place, error) from error


def layout_of(model: Any, first: int, target: str) -> Layout:
    """Return the layout of a causal language model whose layers from `first` up get adapters.

    `target` is all-linear, or the names of matrices between commas, as in a spec.
    """
    config = model.config
    linear = dict(_linear(model))
    weights = sum(one.weight.numel() for one in linear.values())
    width = int(model.get_input_embeddings().weight.shape[-1])
    heads = _number(config, "num_attention_heads", 1)
    head = _number(config, "head_dim", width // heads)
    named = None if target == "all-linear" else target.split(",")
    matrices = [_matrix(name, one) for name, one in linear.items() if named is None or name.rsplit(".", 1)[-1] in named]
    queries, keys = heads * head, _number(config, "num_key_value_heads", heads) * head
    return Layout(
        linear=weights,
        other=sum(one.numel() for one in model.parameters()) - weights,
        adapted=matrices,
        layers=config.num_hidden_layers,
        first=0,
        width=width,
        inner=_number(config, "intermediate_size", 4 * width),
        queries=queries,
        keys=keys,
        normed=sum(_normed(model, {"q": queries, "k": keys}, head, width)) // config.num_hidden_layers,
        vocabulary=int(model.get_output_embeddings().weight.shape[0]),
    ).trained_from(first)


def _number(config: Any, name: str, otherwise: int) -> int:
    """Return a number of a configuration; another one where it has none, a list, or another for each layer."""
    try:
        found = getattr(config, name, None)
    except RuntimeError:  # what transformers raises of numbers that differ between layers
        found = None
    return found if isinstance(found, int) and found > 0 else max(1, otherwise)


def _linear(model: Any) -> Iterator[tuple[str, Any]]:
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head:
            yield name, module


def _matrix(name: str, module: Any) -> Matrix:
    from transformers.pytorch_utils import Conv1D

    shape: Sequence[int] = module.weight.shape
    inputs, outputs = shape if isinstance(module, Conv1D) else reversed(shape)
    return Matrix(_layer(name), inputs, outputs)


def _layer(name: str) -> int:
    """Return the index of the layer that a module lies in; 0 for one that lies in none."""
    return next((int(part) for part in name.split(".") if part.isdigit()), 0)


def _normed(model: Any, heads: dict[str, int], head: int, width: int) -> Iterator[int]:
    """Yield how many numbers of a token each norm of a layer reads; those of queries and keys read every head, and one
    without weights is taken to read the whole width."""
    for name, module in model.named_modules():
        is_norm = "Norm" in type(module).__name__ and not list(module.children())
        if is_norm and any(part.isdigit() for part in name.split(".")):
            weight = getattr(module, "weight", None)
            size = width if weight is None else weight.numel()
            yield heads.get(name.rsplit(".", 1)[-1][0], size) if size == head else size
