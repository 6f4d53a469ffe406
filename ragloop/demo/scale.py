"""How large a demonstration is, and the configuration file that it runs with."""

from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = "documents"
GOLDEN = "golden.jsonl"
CONFIG = "ragloop.toml"


@dataclass(frozen=True)
class Scale:
    """`packages` of None takes every installed one; `base` of None makes a tiny model. `planted_epochs` are those of
    the adapter that is trained on shuffled answers."""

    packages: int | None
    facts: int
    corrected: int
    batch: int
    base: str | None
    epochs: int
    planted_epochs: int
    min_pairs: int
    min_new_examples: int


FULL = Scale(
    packages=None,
    facts=204,
    corrected=160,
    batch=42,
    base="SmolLM2-135M-Instruct",
    epochs=10,
    planted_epochs=1,
    min_pairs=100,
    min_new_examples=100,
)
QUICK = Scale(
    packages=30,
    facts=48,
    corrected=36,
    batch=32,
    base=None,
    epochs=2,
    planted_epochs=1,
    min_pairs=20,
    min_new_examples=20,
)


def write_config(folder: Path, scale: Scale, base: str) -> Path:
    """Write `folder/ragloop.toml`; whoever opens the folder later runs with the same settings."""
    file = folder / CONFIG
    file.write_text(_CONFIG.format(scale=scale, base=base), encoding="utf-8")
    return file


_CONFIG = """\
# The settings of a demonstration. What is not named here has its default.

[[sources]]
name = "packages"
uri = "documents"

[model]
base = "{base}"
# The facts are short; a base model that does not know them would go on for longer.
max_new_tokens = 20

[cadence]
# In use these are days; here the bell rings as soon as there are examples enough.
every_days = 0
cooldown_days = 0
min_new_examples = {scale.min_new_examples}

[dataset]
golden = "golden.jsonl"
# Short answers only: sentences that users voted up would be a second style.
max_answer_words = 5
# Non-inferiority elsewhere needs some 60 held-out questions to be decided.
eval_share = 0.25

[training]
epochs = {scale.epochs}

[gate]
min_pairs = {scale.min_pairs}
"""
