"""Which questions calibrate the floor."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from ragloop.learning.calibration.elsewhere import QUESTIONS
from ragloop.learning.calibration.probing import Group, Probe
from ragloop.learning.evaluation.golden import GoldenQuestion, KnownDocuments

_T = TypeVar("_T")


def probes(
    golden: Sequence[GoldenQuestion], confirmed: Sequence[GoldenQuestion], known: KnownDocuments, most: int
) -> list[Probe]:
    """Return the questions to look at, of each kind at most `most`, spread over all of them.

    `confirmed` are questions of the log. A question counts as answered where its documents are there as they were.
    """
    answered = [(one, ids) for one in (*golden, *confirmed) if (ids := _standing(one, known))]
    without = [one for one in golden if one.should_abstain]
    return [
        *(Probe(one.question, Group.ANSWERED, frozenset(one.labels)) for one, _ in _spread(answered, most)),
        *(Probe(one.question, Group.NEAR, frozenset(one.labels), ids) for one, ids in _spread(answered, most)),
        *(Probe(one.question, Group.GOLDEN, frozenset(one.labels)) for one in _spread(without, most)),
        *(Probe(one, Group.ELSEWHERE) for one in _spread(QUESTIONS, most)),
    ]


def _standing(one: GoldenQuestion, known: KnownDocuments) -> frozenset[str]:
    """Return the documents that answer a question; none where one of them changed or is gone."""
    if not all(map(known.is_as_named, one.documents)):
        return frozenset()
    return frozenset[str]().union(*(known.ids_of(document) for document in one.documents))


def _spread(values: Sequence[_T], most: int) -> Iterator[_T]:
    step = max(1, -(-len(values) // most))
    yield from values[::step]
