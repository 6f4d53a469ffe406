"""What an application does with questions: search, answers, and the log of answers that others gave."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.records import Passage

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer
    from ragloop.answering.retrieval import Retrieved
    from ragloop.answering.signals.reranking import Reranking


class Answering:
    """The questions of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def search(self, question: str, top_k: int | None = None, labels: Collection[str] = ()) -> "Retrieved":
        """Find the passages that a caller with these labels sees, without an answer and without a trace in the log."""
        from ragloop.answering.retrieval import RetrievalPolicy, Retriever

        policy = RetrievalPolicy.of(self._parts.settings.retrieval)
        active = self._parts.active()
        vector = active.embedder.embed([question])[0]
        wanted = top_k or policy.top_k
        retriever = Retriever(active.index, policy.for_top(max(wanted, policy.top_k)))
        found = retriever.retrieve(question, vector, labels)
        return replace(found, passages=self.reranking.order(question, found.passages).passages[:wanted])

    def log(self, question: str, answer: str, passages: Sequence[Passage | str] = (), model: str = "") -> str:
        """Log an answer that another service gave; see ragloop.traffic.given."""
        from ragloop.answering.retrieval import RetrievalPolicy
        from ragloop.traffic.given import GivenAnswers

        parts = self._parts
        policy = RetrievalPolicy.of(parts.settings.retrieval)
        return GivenAnswers(parts.active, parts.journal, policy).log(question, answer, passages, model)

    @cached_property
    def reranking(self) -> "Reranking":
        """Orders passages by the reranker of the settings."""
        from ragloop.answering.signals.reranking import Reranking

        models = self._parts.models
        return Reranking(lambda: models.reranker, self._parts.settings.retrieval.top_n)

    @cached_property
    def answerer(self) -> "Answerer":
        """Answers questions and logs every answer."""
        from ragloop.answering.answer import Answerer, AnswerPolicy
        from ragloop.learning.examples.outdated import OutdatedRows

        parts = self._parts
        policy = AnswerPolicy.of(parts.settings.retrieval, parts.settings.answers)
        outdated = OutdatedRows(parts.registry)
        return Answerer(parts.active, parts.journal, parts.generators, policy, outdated, self.reranking)
