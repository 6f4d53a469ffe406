"""The order in which a reranker sees passages answer a question."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragloop.answering.signals.editions import OLDER_LOGITS
from ragloop.errors import UnavailableError
from ragloop.language.words import words
from ragloop.models import Reranker
from ragloop.models.generation.quoting.layout import is_front_matter
from ragloop.records import Passage

_log = logging.getLogger(__name__)
_ENGLISH = frozenset(
    "the what which how who whose when where why does do is are can could should would of my and for with from this "
    "that there a an to".split()
)
MOST_READ = 16
"""Passages that are read of a longer list, 33 ms of CPU each; the others follow in their order."""
_FEW = 3
"""Words of a query that may be in any language: a name, an error code."""


@dataclass(frozen=True)
class Reranked:
    """Passages in their order, and in words how that came to be."""

    passages: tuple[Passage, ...]
    why: str


@dataclass(frozen=True)
class Reranking:
    """Orders passages by a reranker, which `opened` gives; None where none is at hand or wanted.

    `top_n` passages are kept for the generator.
    """

    opened: Callable[[], Reranker | None]
    top_n: int

    def order(self, question: str, passages: Sequence[Passage]) -> Reranked:
        """Return the passages, those first that answer best; in their order where the reranker cannot read them."""
        if len(passages) < 2:
            return Reranked(tuple(passages), "")
        if not is_english(question):
            return Reranked(tuple(passages), "not reranked: the question is not in English")
        try:
            reranker = self.opened()
        except UnavailableError as error:  # passages are in an order already, which is better than no answer
            _log.warning("passages are not reranked: %s", error)
            return Reranked(tuple(passages), f"not reranked: {error}")
        if reranker is None:
            return Reranked(tuple(passages), "")
        read = [one for one in passages if not is_front_matter(one.text)][:MOST_READ]
        scores = reranker.scores(question, [read_of(one) for one in read])
        scored = [replace(one, relevance=score) for one, score in zip(read, scores, strict=True)]
        best = sorted(scored, key=lambda one: (_loss(one), one.rank))
        ids = {one.chunk_id for one in read}
        best += sorted((one for one in passages if one.chunk_id not in ids), key=lambda one: is_front_matter(one.text))
        moved = "" if best[0].rank == passages[0].rank else f", the first one from place {best[0].rank}"
        ranked = tuple(replace(one, rank=rank) for rank, one in enumerate(best, 1))
        return Reranked(ranked, f"{len(scored)} passages by {reranker.fingerprint}{moved}")


def _loss(passage: Passage) -> float:
    """Return what passages are sorted by: one that may not hold any more must be more relevant than another."""
    return (OLDER_LOGITS if passage.outdated else 0.0) - (passage.relevance or 0.0)


def read_of(passage: Passage) -> str:
    """Return what a reranker reads of a passage: its headings and its text."""
    return f"{passage.heading}\n{passage.text}" if passage.heading else passage.text


def is_english(question: str) -> bool:
    """Return whether a question is in English, as far as its small words tell."""
    spoken = [one.casefold() for one in words(question)]
    if len(spoken) <= _FEW:
        return question.isascii()
    return not _ENGLISH.isdisjoint(spoken)
