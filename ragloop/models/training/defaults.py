"""What a training takes where the settings leave the choice: by the base model, by what is learned, by the rows. Pure.

Each value comes with its reason and where that stands. They are beginnings: what fits a model best, its own gate tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from ragloop.wording import counted

Value = int | float

EXPONENTS: Mapping[str, float] = {"llama": 0.781, "mistral": 0.781, "smollm3": 0.781, "qwen2": 0.0775, "qwen3": 0.0775}
"""How fast the best learning rate falls with the width, by the type of model."""
_RANKS = (16, 32, 64, 128, 256)
_PER_RANK = 14
"""Numbers that a rank adds to a layer, in widths: both sides of seven matrices."""
_TOKENS_PER_WORD = 1.5
_LEAST_STEPS = 60
_MOST_EPOCHS = 15
_HELD_OUT_FROM = 500
"""A twentieth of fewer rows would say little of a pass."""
_BETTER_FROM, _BETTER_BY = 50, 100
_OF_ROWS = "OpenAI, fine-tuning guide"
"""Rows between which answers get better, and who says so."""
_OF_LORA = "Schulman et al., LoRA Without Regret, 2025"


@dataclass(frozen=True)
class Base:
    """A base model: its type, the width of its hidden states, its layers. `packaged`: the one that ragloop measures
    with, and has values for."""

    kind: str
    width: int
    layers: int
    packaged: bool = False


@dataclass(frozen=True)
class Learned:
    """What is learned: from so many rows, with so many words in their answers, with passages to read or without, and by
    comparing answers or not."""

    rows: int
    answer_words: int
    reads: bool
    compares: bool = False


@dataclass(frozen=True)
class Choice:
    """A value, and why it is that."""

    value: Value
    reason: str


def choices(base: Base, learned: Learned) -> Mapping[str, Choice]:
    """Choose learning rate, epochs, rank, frozen share, batch size and longest row."""
    if base.packaged and not learned.reads:
        return _MEASURED_FACTS
    frozen = _frozen(base)
    return {
        "learning_rate": _learning_rate(base, learned),
        "epochs": _epochs(learned),
        "rank": _rank(base, learned, float(frozen.value)),
        "frozen_share": frozen,
        "batch_size": _batch(learned),
        "max_length": _longest(learned),
        "held_out_share": _held_out(learned),
    }


_ALL_FACTS = "a fact that is held out is not learned"
_MEASURED = "measured on SmolLM2-135M-Instruct (benchmarks/lora_facts.py)"
_MEASURED_FACTS: Mapping[str, Choice] = {
    name: Choice(value, _MEASURED)
    for name, value in (
        ("learning_rate", 3e-3),
        ("epochs", 10),
        ("rank", 16),
        ("frozen_share", 0.75),
        ("batch_size", 16),
        ("max_length", 1024),
    )
} | {"held_out_share": Choice(0.0, _ALL_FACTS)}


def _learning_rate(base: Base, learned: Learned) -> Choice:
    known = EXPONENTS.get(base.kind)
    rates = [5e-4 * (2000 / base.width) ** one for one in ([known] if known is not None else EXPONENTS.values())]
    which = (
        f"for a {base.kind} of width {base.width}" if known is not None else f"the lowest known at width {base.width}"
    )
    if learned.compares:
        why = "a fortieth of what answers are learned with (Tunstall et al., Zephyr, arXiv:2310.16944)"
        return Choice(float(f"{min(rates) / 40:.2g}"), why)
    return Choice(float(f"{min(rates):.2g}"), f"ten times that of full fine-tuning, {which} ({_OF_LORA})")


def _epochs(learned: Learned) -> Choice:
    if learned.reads and learned.rows > 10_000:
        return Choice(1, "many rows are read once (Dettmers et al., QLoRA, arXiv:2305.14314)")
    usual = 3 if learned.reads else 10
    why = (
        "a way to answer is learned in few passes (Zhang et al., RAFT, arXiv:2403.10131)"
        if learned.reads
        else "a fact is kept only when it was seen often (Allen-Zhu and Li, arXiv:2404.05405)"
    )
    needed = ceil(_LEAST_STEPS * _batch(learned).value / learned.rows)
    if needed <= usual:
        return Choice(usual, why)
    epochs = min(needed, _MOST_EPOCHS)
    return Choice(epochs, f"few rows are seen up to {_MOST_EPOCHS} times (Zhou et al., LIMA, arXiv:2305.11206)")


def _rank(base: Base, learned: Learned, frozen_share: float) -> Choice:
    tokens = int(learned.answer_words * _TOKENS_PER_WORD)
    each = max(1, int(base.layers * (1 - frozen_share)) * base.width * _PER_RANK)
    rank = next((one for one in _RANKS if one * each >= tokens), _RANKS[-1])
    return Choice(rank, f"the least with as many numbers as the answers have tokens, some {tokens:,} ({_OF_LORA})")


def _frozen(base: Base) -> Choice:
    if base.packaged:
        return Choice(0.5, "half of the layers, for time on two cores (benchmarks/recipes.py trains so)")
    return Choice(0.0, f"every layer gets an adapter ({_OF_LORA})")


def _batch(learned: Learned) -> Choice:
    why = f"small batches cost LoRA least ({_OF_LORA})"
    return Choice(4, f"{why}, and rows with passages are long") if learned.reads else Choice(16, why)


def _longest(learned: Learned) -> Choice:
    return Choice(2048, "rows with passages") if learned.reads else Choice(1024, "rows without passages")


def _held_out(learned: Learned) -> Choice:
    if learned.compares:
        return Choice(0.0, "pairs of answers are not held out")
    if not learned.reads:
        return Choice(0.0, _ALL_FACTS)
    if learned.rows < _HELD_OUT_FROM:
        return Choice(0.0, f"fewer than {_HELD_OUT_FROM} rows are all needed")
    return Choice(0.05, "the pass that these rows find best is kept (Prechelt, Early Stopping - But When?, 1998)")


def alpha_of(method: str, rank: int) -> int:
    """Return the alpha of an adapter where none is given.

    What it adds is multiplied by alpha ÷ rank: 2 at any rank, and for rslora 8 ÷ the root of the rank, which is the
    same at rank 16 and leaves more to higher ranks (Kalajdzievski, arXiv:2312.03732).
    """
    return round(8 * rank**0.5) if method == "rslora" else 2 * rank


def lacking(rows: int, least: int) -> str:
    """Say how many rows would help where there are too few to train on; an empty string where there are enough."""
    if rows >= least:
        return ""
    better = f", {max(1, _BETTER_FROM - rows)} to {_BETTER_BY - rows} more are where answers get better ({_OF_ROWS})"
    return (
        f"found {counted(rows, 'row')} to train on, expected at least {least} (training.min_rows): "
        f"{least - rows} more would do{better if least < _BETTER_BY else ''}"
    )
