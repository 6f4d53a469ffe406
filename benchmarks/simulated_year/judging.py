"""Whether an answer is right, stale or wrong, and what it costs. Pure.

Tokens are counted by one rule for every policy: an answer that is written costs the prompt that its lane would send to
the local model, passages included, and the answer itself, by the packaged model's tokenizer. The extractive generator,
which writes the answers here, costs none; but it stands for a model that reads the same passages. An answer that is
given again costs none. An abstention costs what an answer would.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulated_year.facts import Fact

INPUT_USD, OUTPUT_USD = 0.15, 0.60
"""Assumed price of a million tokens of prompts and of answers (US dollars)."""


class Outcome(StrEnum):
    """What an answer is worth. Where nothing is true any more (an erased document), an abstention is right."""

    RIGHT = "right"
    STALE = "stale"
    WRONG = "wrong"
    ABSTAINED = "abstained"


@dataclass(frozen=True)
class Given:
    """An answer that a policy gave. `lane` says how: written in a lane, or given again."""

    text: str
    abstained: bool
    lane: str
    prompt_tokens: int
    completion_tokens: int
    latency_ms: float

    @property
    def cost_usd(self) -> float:
        """What its tokens cost by the assumed price."""
        return (self.prompt_tokens * INPUT_USD + self.completion_tokens * OUTPUT_USD) / 1e6


def judged(given: Given, fact: Fact, now: str | None, before: Collection[str]) -> Outcome:
    """Hold an answer against the week's value, None where there is none, and against all earlier ones."""
    if given.abstained:
        return Outcome.ABSTAINED if now is not None else Outcome.RIGHT
    said = about(given.text, fact)
    if now is not None and states(said, now):
        return Outcome.RIGHT
    return Outcome.STALE if any(states(said, one) for one in before if one != now) else Outcome.WRONG


def about(text: str, fact: Fact) -> str:
    """Return what an answer says of the fact's release cycle: its rows, where it shows a table, else all of it."""
    if not any(line.startswith("|") for line in text.splitlines()):
        return text
    row = f"| {fact.name} |"
    return "\n".join(line for line in text.splitlines() if not line.startswith("|") or line.startswith(row))


def states(text: str, value: str) -> bool:
    """Return whether a text has a value word for word, and not as a part of a longer one."""
    return re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\w)", text) is not None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
