"""Steps: what tracing writes of one operation, in one form for all formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragloop.traffic.exchange import Shown, Vote


class Work(StrEnum):
    """What an operation does."""

    RETRIEVE = "retrieve"
    RERANK = "rerank"
    GENERATE = "generate"
    OTHER = "other"


@dataclass(frozen=True)
class Step:
    """One operation of a trace. `question` is what it was asked, `answer` what it gave; empty where these are no text.

    `prompt` is what a model read. `began` and `ended` are times of the source's clock. `conversation` is the name of
    the session, where the operation says it.
    """

    trace: str
    name: str
    above: str
    work: Work
    question: str = ""
    answer: str = ""
    shown: tuple[Shown, ...] = ()
    prompt: str = ""
    model: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    conversation: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    votes: tuple[Vote, ...] = ()

    @property
    def latency_ms(self) -> float | None:
        """How long it took, None where its clock does not say it."""
        if self.began is None or self.ended is None or self.ended < self.began:
            return None
        return (self.ended - self.began).total_seconds() * 1000


@dataclass(frozen=True)
class Tree:
    """The steps of a trace by name, and below each the names of its own steps in order of time."""

    steps: Mapping[str, Step]
    below: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Tree":
        """Order the steps of one trace; a step whose parent is not there stands at the top, below ""."""
        named = {one.name: one for one in steps}
        below: dict[str, list[str]] = {}
        for one in sorted(named.values(), key=_moment):
            above = one.above if one.above in named and one.above != one.name else ""
            below.setdefault(above, []).append(one.name)
        return cls(named, below)

    def within(self, name: str) -> list[Step]:
        """Return all steps below a step, in order of time, each before those below it."""
        found, waiting = list[Step](), list(reversed(self.below.get(name, ())))
        seen = {name}
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            found.append(self.steps[one])
            waiting += reversed(self.below.get(one, ()))
        return found

    def works(self) -> Mapping[str, frozenset[Work]]:
        """Return for each step, and for the trace under "", what is done at it or below it."""
        found: dict[str, frozenset[Work]] = {name: frozenset((one.work,)) for name, one in self.steps.items()}
        for one in reversed(self.within("")):
            above = one.above if one.above in self.steps and one.above != one.name else ""
            found[above] = found.get(above, frozenset()) | found[one.name]
        return found


def _moment(step: Step) -> float:
    return step.began.timestamp() if step.began else 0.0
