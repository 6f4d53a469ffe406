"""What people ask in a week, and how they vote. Pure: values and a generator of random numbers in, records out.

Popularity is a Zipf law over facts: the chance of the fact of rank r is proportional to 1 / r. The rank follows from
the place of the product in a shuffled order, times that of the release cycle on its page, so that newer release cycles
of popular products lead. A question has one of three wordings of its kind. Two of them have one sense, as ragloop's
reuse has it, the third is another question to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from simulated_year.facts import KINDS, Fact

WORDINGS = {
    "latest": (
        "What is the latest version of {name}?",
        "Could you tell me what the latest version of {name} is?",
        "Which release of {name} is the newest?",
    ),
    "eol": (
        "When does {name} reach end of life?",
        "Hi, when does {name} reach end of life? Thanks!",
        "When does support for {name} end?",
    ),
    "released": (
        "When was {name} released?",
        "What is the release date of {name}?",
        "On which day did {name} come out?",
    ),
}
CHANCES = (0.5, 0.25, 0.25)
"""Of the three wordings."""
VOTED, WRONG_VOTES, CORRECTED = 0.1, 0.1, 0.5
"""Share of answers that are voted on, of votes that are the opposite of the truth, and of votes down that come with the
right answer."""


@dataclass(frozen=True)
class Question:
    """A question as it is sent, and the fact that it asks for."""

    fact: Fact
    text: str


@dataclass(frozen=True)
class Vote:
    """A vote on the answer of a question: up or down, with a correction or without one."""

    up: bool
    correction: str = ""


def ranked(truth: Mapping[Fact, str], products: Sequence[str]) -> list[Fact]:
    """Return the facts of a week, the most popular first."""
    cycles: dict[str, list[str]] = {}
    for fact in truth:
        known = cycles.setdefault(fact.page, [])
        if fact.cycle not in known:
            known.append(fact.cycle)
    order = {page: place for place, page in enumerate(products, 1)}

    def weight(fact: Fact) -> tuple[int, int, int]:
        cycle = cycles[fact.page].index(fact.cycle) + 1
        return order[fact.page] * cycle, order[fact.page], KINDS.index(fact.kind)

    return sorted(truth, key=weight)


def questions(facts: Sequence[Fact], count: int, draw: Random) -> list[Question]:
    """Draw so many questions over facts in the order of their popularity."""
    weights = [1 / rank for rank in range(1, len(facts) + 1)]
    asked = draw.choices(facts, weights, k=count)
    return [Question(fact, draw.choices(WORDINGS[fact.kind], CHANCES)[0].format(name=fact.name)) for fact in asked]


def vote(right: bool, value: str | None, others: Sequence[str], draw: Random, wrong: float) -> Vote | None:
    """Draw what a person says of an answer, None for most; a vote is wrong in the share `wrong` of cases.

    A vote down may come with the value; a wrong one with another fact's.
    """
    if draw.random() >= VOTED:
        return None
    errs = draw.random() < wrong
    up = right != errs
    if up or value is None or draw.random() >= CORRECTED:
        return Vote(up)
    return Vote(False, draw.choice(others) if errs else value)
