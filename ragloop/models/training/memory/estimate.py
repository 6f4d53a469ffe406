"""How much memory a training takes at its peak, by part. Pure arithmetic.

What a layer keeps for its backward pass is counted tensor by tensor, as in Korthikanti et al. (arXiv:2205.05198), but
without the attention matrix, which PyTorch's fused attention does not keep, and with what LoRA keeps: the input of
every matrix with an adapter. tests/integration/test_kept_activations.py compares it with what autograd keeps,
benchmarks/training_memory.py the whole with measured peaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

LIBRARIES_MB = 650
"""What the process takes with libraries, threads and their work space: 520 once torch, transformers, PEFT and TRL are
imported, 130 more when a first step has run (benchmarks/training_memory.py)."""
GPU_LIBRARIES_MB = 300
"""On a GPU, kernels that are loaded and work space of the libraries, beside the context; not measured here."""
NF4_BYTES = 0.56
"""Of a weight in four bits, with its share of the scales."""
FLOAT32 = 4
_TILE = 4096, 32768
"""Positions and vocabulary that TRL's loss for preferences looks at together (trl.kernels.chunked_logprob)."""
_STEPS_OF_TILE = 8
"""Tensors in float32 of that size which it has at once without a GPU."""
_HEAP = 1.5
"""On a CPU, what the allocator holds for each byte that is kept for the backward pass: the gaps that what came and went
between leaves in the heap. Measured; there are none where memory goes back at once (available.give_back_at_once)."""
_PER_ADAPTER_WEIGHT = 4 * FLOAT32
"""Bytes of a weight of the adapter: itself, its gradient, and Adam's two moments."""
_BACKWARD_COPIES = 4
"""Tensors as wide as the widest of a layer that its backward pass, and its forward pass alone, have at once."""


@dataclass(frozen=True)
class Matrix:
    """A linear layer that an adapter is put beside: in which layer of the model, and how wide its two sides are."""

    layer: int
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Layout:
    """The sizes of a base model and of what is trained in it.

    `linear` counts the weights of its linear layers without the head, `other` all others. `adapted` are the matrices
    that get an adapter, from layer `first` up. `queries` and `keys` are the numbers that attention has of a token in
    all heads, `inner` those between the matrices of the MLP, `normed` those that the norms of one layer read.
    """

    linear: int
    other: int
    adapted: Sequence[Matrix]
    layers: int
    first: int
    width: int
    inner: int
    queries: int
    keys: int
    normed: int
    vocabulary: int

    @property
    def trained(self) -> int:
        """The number of layers that have an adapter."""
        return self.layers - self.first

    def trained_from(self, first: int) -> "Layout":
        """Return the layout where the layers below `first`, too, get no adapter."""
        return replace(self, first=first, adapted=[one for one in self.adapted if one.layer >= first])


@dataclass(frozen=True)
class Batch:
    """The rows that one process reads in a step: how many, the tokens of the longest, and those that the loss looks at.
    `padded` where they differ in length."""

    rows: int
    longest: int
    answers: int
    padded: bool

    @property
    def tokens(self) -> int:
        """The tokens of all rows, padding included."""
        return self.rows * self.longest


@dataclass(frozen=True)
class Way:
    """How a training is carried out, as far as its memory goes.

    `precision` is the bytes of a number in the passes, `weight` those of a weight of the base model's linear layers.
    `kept` are the bytes of what frozen layers give, where there are any and they run once. `on_gpu` and
    `processes` say where it runs and how many train together; `compares` that two answers of each row are compared.
    `checkpoints` is gradient checkpointing, `lengths_apart` DoRA, which keeps what each matrix gives, twice.
    """

    rank: int
    precision: int
    weight: float
    kept: int = 0
    on_gpu: bool = False
    processes: int = 1
    compares: bool = False
    checkpoints: bool = False
    lengths_apart: bool = False


@dataclass(frozen=True)
class Estimate:
    """Bytes that one process takes at its peak, by part."""

    weights: int
    adapter: int
    kept: int
    activations: int
    logits: int
    libraries: int

    @property
    def total(self) -> int:
        """All parts together."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, int]:
        """Return the bytes by the name of their part."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def estimate(layout: Layout, way: Way, batches: Sequence[Batch]) -> Estimate:
    """Estimate the peak of a training that reads these batches, by its most expensive one."""
    worst = max(batches, key=lambda one: _in_layers(layout, way, one) + _logits(layout, way, one))
    return Estimate(
        weights=round(layout.linear * way.weight) + layout.other * way.precision,
        adapter=_adapter(layout, way),
        kept=way.kept if layout.first else 0,
        activations=_in_layers(layout, way, worst),
        logits=_logits(layout, way, worst),
        libraries=(GPU_LIBRARIES_MB if way.on_gpu else LIBRARIES_MB) * 2**20,
    )


def activations(layout: Layout, way: Way, batch: Batch) -> int:
    """Return the bytes that the trained layers keep of a batch for their backward passes."""
    whole = batch.tokens * _kept_of_a_token(layout, way, batch)
    if not way.checkpoints:
        return whole
    inputs = layout.trained * batch.tokens * layout.width * way.precision
    return inputs + whole // layout.trained


def _kept_of_a_token(layout: Layout, way: Way, batch: Batch) -> int:
    adapters = sum(one.inputs for one in layout.adapted) * way.precision
    if way.precision == FLOAT32:
        # Nothing is cast, so that matrices with the same input keep one of it.
        shared = layout.trained * (2 * layout.width + layout.queries + layout.inner)
        adapters = min(adapters, shared * FLOAT32)
    adapters += len(layout.adapted) * way.rank * way.precision
    if way.lengths_apart:
        adapters += 2 * sum(one.outputs for one in layout.adapted) * way.precision
    norms = layout.normed * FLOAT32
    keys = layout.queries if batch.padded else layout.keys  # a mask has keys and values repeated for every query
    attention = (2 * layout.queries + 2 * keys + batch.longest * batch.padded) * way.precision
    return adapters + layout.trained * (norms + attention + 3 * layout.inner * way.precision)


def _in_layers(layout: Layout, way: Way, batch: Batch) -> int:
    """Return the bytes that the layers hold at most: what they keep, and what one of them has only while it runs."""
    held = 1 if way.on_gpu or way.checkpoints else _HEAP
    passing = _BACKWARD_COPIES * batch.tokens * max(layout.inner, layout.width) * way.precision
    return round(held * activations(layout, way, batch)) + passing


def _logits(layout: Layout, way: Way, batch: Batch) -> int:
    if way.compares:
        # A GPU works in place, and on answers alone; without one every position is looked at.
        positions = batch.answers if way.on_gpu else batch.tokens
        each = 2 * way.precision if way.on_gpu else way.precision + _STEPS_OF_TILE * FLOAT32 + 1
        return min(positions, _TILE[0]) * min(layout.vocabulary, _TILE[1]) * each
    # Themselves and their gradient, the logarithms of the softmax and the gradient of those.
    return batch.answers * layout.vocabulary * (2 * way.precision + 2 * FLOAT32)


def _adapter(layout: Layout, way: Way) -> int:
    weights = way.rank * sum(one.inputs + one.outputs for one in layout.adapted)
    cast = way.precision if way.precision < FLOAT32 else 0
    summed = 2 * FLOAT32 if way.processes > 1 else 0
    return weights * (_PER_ADAPTER_WEIGHT + cast + summed)
