"""Golden questions asked of two configurations in turns, so that a machine that slows down slows both."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ragloop.answering.answer import Answerer
from ragloop.answering.turn import Turn
from ragloop.errors import UnavailableError
from ragloop.learning.comparing.scores import Asked, Scores, scores_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered:
    """A question with the scores of each configuration; `b` is empty where there is one configuration."""

    asked: Asked
    a: Scores
    b: Scores


def answered(
    questions: Sequence[Asked],
    a: Answerer,
    b: Answerer | None,
    batch: int,
    progress: Callable[[int, int, str], None],
) -> list[Answered]:
    """Ask both configurations every question; nothing is logged.

    Each is asked the first question once before, which loads its models: what fails then is raised. A question whose
    model cannot be reached later has no scores.
    """
    sides = [one for one in (a, b) if one is not None]
    for one in sides if questions else ():
        one.try_all([questions[0].golden.question], questions[0].golden.labels)
    found: list[Answered] = []
    for number, part in enumerate(_parts(questions, batch)):
        # Whoever is asked second finds warm caches: they take turns.
        order = sides if number % 2 == 0 else sides[::-1]
        turns = {id(one): _turns(one, part) for one in order}
        first, second = turns[id(a)], turns[id(b)] if b is not None else [None] * len(part)
        for asked, of_a, of_b in zip(part, first, second, strict=True):
            found.append(Answered(asked, scores_of(asked, of_a), scores_of(asked, of_b) if b is not None else {}))
        progress(len(found), len(questions), "")
    return found


def _parts(questions: Iterable[Asked], batch: int) -> Iterator[tuple[Asked, ...]]:
    """Yield the questions in batches of callers with the same labels."""
    for _, group in groupby(questions, lambda one: one.golden.labels):
        alike = tuple(group)
        yield from (alike[at : at + batch] for at in range(0, len(alike), batch))


def _turns(answerer: Answerer, part: Sequence[Asked]) -> Sequence[Turn | None]:
    try:
        return answerer.try_all([one.golden.question for one in part], part[0].golden.labels)
    except UnavailableError as error:
        _log.warning("%d questions are without an answer: %s", len(part), error)
        return [None] * len(part)
