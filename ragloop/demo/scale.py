"""How large a demonstration is, and the configuration file that it runs with."""

from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = "documents"
GOLDEN = "golden.jsonl"
CONFIG = "ragloop.toml"


@dataclass(frozen=True)
class Scale:
    """`packages` are those with the most facts and the longest READMEs; `base` of None makes a tiny model.
    `planted_epochs` are those of the adapter that is trained on shuffled answers. `canary_questions` are those of one
    share of a canary, `format_rows` and `format_epochs` those of the training in a house's format."""

    packages: int
    facts: int
    corrected: int
    batch: int
    base: str | None
    epochs: int
    planted_epochs: int
    min_pairs: int
    min_new_examples: int
    min_questions: int
    canary_questions: int
    format_rows: int
    format_epochs: int


FULL = Scale(
    packages=180,
    facts=204,
    corrected=160,
    batch=42,
    base="SmolLM2-135M-Instruct",
    epochs=10,
    planted_epochs=1,
    min_pairs=100,
    min_new_examples=100,
    min_questions=100,
    canary_questions=100,
    format_rows=24,
    format_epochs=5,
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
    min_questions=20,
    canary_questions=40,
    format_rows=16,
    format_epochs=6,
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

[drift]
# In use a signal must differ on three days in a row; all of this is one day.
days = 1
min_questions = {scale.min_questions}

[cadence]
# What is to ring here is drift alone.
min_new_examples = 100000
drift_min_new_examples = {scale.min_new_examples}
cooldown_days = 0

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

[canary]
# In use an adapter is tried with 1, 5 and 25 % of the questions, for 3,000 questions each.
when = "always"
shares = [0.25, 0.5]
questions = {scale.canary_questions}
# What else this machine does says nothing about an adapter.
slow_seconds = 600
"""
