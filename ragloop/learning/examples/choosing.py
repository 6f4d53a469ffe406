"""Which of the eligible answers to one question gives the example. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Wording(NamedTuple):
    """What decides which of equal questions gives an example; `question` and `answer` are normalised.

    `judged`: people said so, which counts more than evidence. `written_as`: the interaction that the answer was written
    for, empty where it is this one or was corrected.
    """

    judged: bool
    asked_at: datetime | int
    interaction_id: str
    question: str
    answer: str
    written_as: str = ""


@dataclass(frozen=True)
class Chosen:
    """The place of one answer per question with the interactions that gave it, oldest of them first, and how many
    answers were left out because they contradict each other."""

    answers: tuple[tuple[int, tuple[str, ...]], ...]
    contradicted: int


def one_per_question(eligible: Sequence[Wording]) -> Chosen:
    """Choose an answer for each question.

    It is the newest of those that people said something of, since a later one may correct an earlier one; without any,
    the newest of the others, where none of them contradicts another. An answer that was given again to a question in
    other words counts for the question that it was written for, where that one is eligible, and else once.
    """
    written = {one.interaction_id: one.question for one in eligible if not one.written_as}
    by_question: dict[str, list[int]] = {}
    for at in sorted(range(len(eligible)), key=eligible.__getitem__):
        one = eligible[at]
        question = written.setdefault(one.written_as, one.question) if one.written_as else one.question
        by_question.setdefault(question, []).append(at)
    contradicted = [ones for ones in by_question.values() if _contradict([eligible[at] for at in ones])]
    left_out = {at for ones in contradicted for at in ones}
    chosen = [_agreeing(eligible, ones) for ones in by_question.values() if ones[-1] not in left_out]
    chosen.sort(key=lambda one: (eligible[one[0]].asked_at, eligible[one[0]].interaction_id))
    return Chosen(tuple(chosen), len(left_out))


def _contradict(same_question: Sequence[Wording]) -> bool:
    """Return whether answers that nobody judged say different things: neither has all words of the other."""
    if same_question[-1].judged:
        return False
    said = [frozenset(one) for one in {tuple(one.answer.split()) for one in same_question}]
    return any(not (one <= other or other <= one) for n, one in enumerate(said) for other in said[:n])


def _agreeing(eligible: Sequence[Wording], places: Sequence[int]) -> tuple[int, tuple[str, ...]]:
    """Return the last of these places, with the interactions that gave its answer since another one was given."""
    last = places[-1]
    ids: list[str] = []
    for at in reversed(places):
        if eligible[at].answer != eligible[last].answer:
            break
        ids.append(eligible[at].interaction_id)
    return last, tuple(reversed(ids))
