"""What is measured of an answer: a measure maps an answered question to a value in 0..1, with its reason.

A measure looks at one part of an evaluation. A new one is one object in MEASURES; what it found then stands in every
report, and the gate decides by it as soon as a rule of its policy names it (evaluation/gate.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ragloop.learning.evaluation.scoring import exact_match, token_f1
from ragloop.records import Prompt


class Part(StrEnum):
    """The parts of an evaluation."""

    TARGET = "target"
    """Golden questions: unseen wordings of what was trained."""
    ELSEWHERE = "elsewhere"
    """Held-out questions, answered from passages."""
    TRAINED = "trained"
    """A sample of the trained rows themselves."""


@dataclass(frozen=True)
class Question:
    """One evaluated question with the prompt that both models get."""

    part: Part
    prompt: Prompt
    reference: str


@dataclass(frozen=True)
class Answered:
    """A question with what a model answered."""

    question: Question
    answer: str


@dataclass(frozen=True)
class Score:
    """A value in 0..1, and why it is that."""

    value: float
    reason: str


@dataclass(frozen=True)
class Measure:
    """A named score of the answers to one part of an evaluation."""

    name: str
    part: Part
    score: Callable[[Answered], Score]


def _exact(one: Answered) -> Score:
    value = exact_match(one.answer, one.question.reference)
    return Score(value, "equal once normalised" if value else "differs from the reference")


def _overlap(one: Answered) -> Score:
    value = token_f1(one.answer, one.question.reference)
    return Score(value, f"token F1 {value:.2f} with the reference")


EXACT_MATCH = Measure("exact_match", Part.TARGET, _exact)
TOKEN_F1_ELSEWHERE = Measure("token_f1_elsewhere", Part.ELSEWHERE, _overlap)
EXACT_MATCH_TRAINED = Measure("exact_match_trained", Part.TRAINED, _exact)

MEASURES = (EXACT_MATCH, TOKEN_F1_ELSEWHERE, EXACT_MATCH_TRAINED)
"""All measures, in the order of the reports."""
