"""Questions as the answers see them: how similar the best passage is, and whether anything else decides already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.answering.signals.answerable import AbstainPolicy, similarity_of, why_unanswerable
from ragloop.answering.signals.reranking import Reranking
from ragloop.answering.stages.asking.embed import Embed
from ragloop.answering.stages.finding.rerank import Rerank
from ragloop.answering.stages.finding.retrieve import Retrieve
from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.records import LaneName

_LOWEST, _HIGHEST = -0.999, 2.0
"""Floors that every passage reaches, and none."""
_DEEP = 50
"""Passages that are looked at where those of some documents are left out."""


class Group(StrEnum):
    """Where a question comes from, and so whether it should be answered."""

    ANSWERED = "answered"
    """A document answers it: a golden question, or one of the log whose answer a person confirmed or corrected."""
    NEAR = "its documents left out"
    """The same question over the other documents: it speaks of what the corpus is about."""
    GOLDEN = "golden without an answer"
    ELSEWHERE = "of another subject"


@dataclass(frozen=True)
class Probe:
    """A question to look at; passages of the documents in `without` do not count."""

    question: str
    group: Group
    labels: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sample:
    """What was found: what is held against the floor, and the decision of all other signals, None where the floor
    decides."""

    group: Group
    similarity: float
    answered: bool | None


def sampled(
    probes: Sequence[Probe],
    active: ActiveIndex,
    policy: RetrievalPolicy,
    reranking: Reranking,
    progress: Callable[[int, int, str], None],
) -> list[Sample]:
    """Return a sample of each question; nothing is answered, and nothing logged."""
    embed, rerank = Embed.of(active), Rerank(reranking)
    whole = Retrieve(Retriever(active.index, policy))
    deep = Retrieve(Retriever(active.index, policy.for_top(max(_DEEP, policy.top_k))))
    turns = embed([Turn(str(n), one.question, LaneName.BASE_RAG, one.labels) for n, one in enumerate(probes)])
    samples = []
    for probe, turn in zip(probes, turns, strict=True):
        found = (deep if probe.without else whole)([turn])[0]
        if probe.without:
            found = _without(found, probe.without, policy.top_k)
        samples.append(_sample(probe.group, rerank([found])[0]))
        progress(len(samples), len(probes), "")
    return samples


def _without(turn: Turn, documents: frozenset[str], top_k: int) -> Turn:
    kept = [one for one in turn.passages if one.document_id not in documents]
    best = max((one.similarity for one in kept), default=None)
    return replace(turn, passages=tuple(kept[:top_k]), top_similarity=best)


def _sample(group: Group, turn: Turn) -> Sample:
    if why_unanswerable(turn, AbstainPolicy(_LOWEST)):
        return Sample(group, similarity_of(turn), answered=False)
    by_floor = bool(why_unanswerable(turn, AbstainPolicy(_HIGHEST)))
    return Sample(group, similarity_of(turn), answered=None if by_floor else True)
