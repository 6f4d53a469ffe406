"""The layers below the lowest adapter, run once per row instead of once per row and pass.

Without dropout they give the same output in every pass, because nothing in them is trained. Only the training process
imports this module.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch  # noqa: TID253 - only the training process imports this module
from torch.nn.utils.rnn import pad_sequence  # noqa: TID253

READS_EMBEDDINGS_AS_HIDDEN_STATES = {"gemma3_text", "llama", "mistral", "phi3", "qwen2", "qwen3", "smollm3"}
"""Model types whose decoder passes `inputs_embeds` unchanged to its first layer, and a mask that depends on positions
only, so that the lower layers can be left out and their output given in."""

BATCH_ROWS = 16
MEMORY_LIMIT_BYTES = 512 * 2**20


class FrozenLayers:
    """Hidden states that enter layer `first`, by the token ids of a row."""

    def __init__(self, hidden: dict[tuple[int, ...], torch.Tensor]) -> None:
        self._hidden = hidden

    def states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Shape (batch, length, width), zero where the mask is zero; rows are padded on the right."""
        lengths = attention_mask.sum(dim=1).tolist()
        rows = [self._hidden[tuple(ids[:n])] for ids, n in zip(input_ids.tolist(), lengths, strict=True)]
        return pad_sequence(rows, batch_first=True).to(input_ids.device)


def runs_in_every_pass(model: Any, first: int, rows: Sequence[Sequence[int]]) -> str:
    """Return why layers 0 to `first` - 1 cannot be run once, or an empty string."""
    size = sum(map(len, rows)) * model.config.hidden_size * model.dtype.itemsize if first else 0
    if first and model.config.model_type not in READS_EMBEDDINGS_AS_HIDDEN_STATES:
        return f"the {first} frozen layers run in every pass: {model.config.model_type} is not known to allow less"
    if size > MEMORY_LIMIT_BYTES:
        return f"the {first} frozen layers run in every pass: keeping their output would take {size:,} bytes"
    return ""


def run_once(model: Any, first: int, rows: Sequence[Sequence[int]], autocast: Any) -> FrozenLayers | None:
    """Run layers 0 to `first` - 1 of a causal language model on `rows`, then take them out of the model.

    None, with the model as it was, where there are none or `runs_in_every_pass` says why not.
    """
    if not first or runs_in_every_pass(model, first, rows):
        return None
    decoder = model.base_model
    handle = decoder.layers[first].register_forward_pre_hook(_stop, with_kwargs=True)
    with torch.no_grad(), autocast:
        hidden = {tuple(row): states for batch in _of_equal_length(rows) for row, states in _run(decoder, batch)}
    handle.remove()
    for index in range(first):
        decoder.layers[index] = _PassThrough()  # keeps the indices, and so the names in the adapter, of those above
    return FrozenLayers(hidden)


class _Reached(BaseException):
    """Ends a forward pass at the first layer that is trained; not an error, so no handler of errors sees it."""

    def __init__(self, hidden: torch.Tensor) -> None:
        self.hidden = hidden


def _stop(_: Any, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> None:
    raise _Reached(args[0] if args else kwargs["hidden_states"])


def _of_equal_length(rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Yield the batches without padding."""
    for _, equal in groupby(sorted(rows, key=len), key=len):
        together = list(equal)
        for first in range(0, len(together), BATCH_ROWS):
            yield together[first : first + BATCH_ROWS]


def _run(decoder: Any, rows: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], torch.Tensor]]:
    try:
        decoder(input_ids=torch.tensor(rows, device=decoder.device), use_cache=False)
    except _Reached as reached:
        return zip(rows, (states.clone() for states in reached.hidden), strict=True)
    raise AssertionError("the decoder did not reach its first trained layer")


class _PassThrough(torch.nn.Module):
    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return hidden_states
