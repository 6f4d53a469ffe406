"""What is measured of an answer: a measure maps an answered question to a value in 0..1, with its reason.

A measure looks at one part of an evaluation. A new one is one object in MEASURES; what it found then stands in every
report, and the gate decides by it as soon as a rule of its policy names it (evaluation/gate.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ragloop.answering.prompts import cite
from ragloop.language.citations import cited_numbers, without_marks
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
    CITED = "cited"
    """Held-out questions with passages of which some give the answer."""
    UNANSWERED = "unanswered"
    """Held-out questions with passages that do not give the answer."""


@dataclass(frozen=True)
class Question:
    """One evaluated question with the prompt that both models get; `cites` are the numbers of the passages that give
    its answer, where that is known."""

    part: Part
    prompt: Prompt
    reference: str
    cites: frozenset[int] = frozenset()


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
    value = exact_match(without_marks(one.answer), without_marks(one.question.reference))
    return Score(value, "equal once normalised" if value else "differs from the reference")


def _overlap(one: Answered) -> Score:
    value = token_f1(without_marks(one.answer), without_marks(one.question.reference))
    return Score(value, f"token F1 {value:.2f} with the reference")


def _cites(one: Answered) -> Score:
    marks = frozenset(cited_numbers(one.answer))
    right = bool(marks & one.question.cites)
    return Score(float(right), "cites a passage that gives the answer" if right else f"cites {sorted(marks) or 'none'}")


def _abstains(one: Answered) -> Score:
    # An answer of which no sentence stands in the passages is not given, whatever its words.
    left = cite(one.answer, one.question.prompt.passages).text
    return Score(float(not left), f"says {left!r}" if left else "says nothing that stands in the passages")


EXACT_MATCH = Measure("exact_match", Part.TARGET, _exact)
TOKEN_F1_ELSEWHERE = Measure("token_f1_elsewhere", Part.ELSEWHERE, _overlap)
EXACT_MATCH_TRAINED = Measure("exact_match_trained", Part.TRAINED, _exact)

MEASURES = (EXACT_MATCH, TOKEN_F1_ELSEWHERE, EXACT_MATCH_TRAINED)
"""The measures of every adapter, in the order of the reports."""
CITES = Measure("cites", Part.CITED, _cites)
ABSTAINS = Measure("abstains", Part.UNANSWERED, _abstains)
ALL_MEASURES = (*MEASURES, CITES, ABSTAINS)
"""The measures, those of adapters that read passages last."""
