"""What an application does with questions: search, answers, and the log of answers that others gave."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.app.safekeeping import erasures_of
from ragloop.records import Passage

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer
    from ragloop.answering.conversation.rewriting import Rewriting
    from ragloop.answering.retrieval import Retrieved
    from ragloop.answering.signals.reranking import Reranking
    from ragloop.corpus.index.generations.newest import NewestIndex
    from ragloop.corpus.index.table import ActiveIndex
    from ragloop.erasure.certificate import Erasures


class Answering:
    """The questions of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def search(self, question: str, top_k: int | None = None, labels: Collection[str] = ()) -> "Retrieved":
        """Find the passages that a caller with these labels sees, without an answer and without a trace in the log."""
        from ragloop.answering.retrieval import RetrievalPolicy, Retriever
        from ragloop.models import question_vectors

        policy = RetrievalPolicy.of(self._parts.settings.retrieval, guard=self._parts.settings.answers.guard)
        active = self.newest.active()
        vector = question_vectors(active.embedder, [question])[0]
        wanted = top_k or policy.top_k
        retriever = Retriever(active.index, policy.for_top(max(wanted, policy.top_k)))
        found = retriever.retrieve(question, vector, labels)
        return replace(found, passages=self.reranking.order(question, found.passages).passages[:wanted])

    def log(self, question: str, answer: str, passages: Sequence[Passage | str] = (), model: str = "") -> str:
        """Log an answer that another service gave; see ragloop.traffic.given."""
        from ragloop.answering.retrieval import RetrievalPolicy
        from ragloop.traffic.given import GivenAnswers

        parts = self._parts
        policy = RetrievalPolicy.of(parts.settings.retrieval, guard=parts.settings.answers.guard)
        given = GivenAnswers(parts.active, parts.journal, policy, self._erasures.kept_out)
        return given.log(question, answer, passages, model)

    @cached_property
    def _erasures(self) -> "Erasures":
        return erasures_of(self._parts)

    @cached_property
    def newest(self) -> "NewestIndex":
        """What answers now, for who asks often: snapshots, each opened once."""
        from ragloop.corpus.index.generations.newest import NewestIndex

        return NewestIndex(self._parts.store, lambda: self._parts.index, self._parts.embedder_of)

    @cached_property
    def reranking(self) -> "Reranking":
        """Orders passages by the reranker of the settings."""
        from ragloop.answering.signals.reranking import Reranking

        models = self._parts.models
        return Reranking(lambda: models.reranker, self._parts.settings.retrieval.top_n)

    @cached_property
    def rewriting(self) -> "Rewriting":
        """Rewrites questions as the settings say. Raises NotFoundError and ConfigError as Glossary.read does."""
        from ragloop.answering.conversation.glossary import Glossary
        from ragloop.answering.conversation.rewriting import Rewriting

        wanted, generators = self._parts.settings.answers, self._parts.generators
        by_model = wanted.rewriter in ("local", "remote")
        writer = partial(generators.named, wanted.rewriter) if by_model else None
        return Rewriting(wanted.rewriter != "none", Glossary.read(wanted.glossary), writer)

    @cached_property
    def answerer(self) -> "Answerer":
        """Answers questions and logs every answer."""
        return self.answerer_over(self.newest.active)

    def answerer_over(self, active: "Callable[[], ActiveIndex]") -> "Answerer":
        """Return what answers questions from the index that `active` returns."""
        from ragloop.answering.answer import Answerer, AnswerPolicy
        from ragloop.learning.examples.outdated import OutdatedRows
        from ragloop.migration.routes.serving import RoutedTopics

        parts = self._parts
        policy = AnswerPolicy.of(parts.settings.retrieval, parts.settings.answers, self.rewriting)
        outdated = OutdatedRows(parts.registry)
        topics = RoutedTopics(parts.store, parts.registry.champion_id, parts.settings.topics.likeness)
        return Answerer(active, parts.journal, parts.generators, policy, outdated, self.reranking, topics)
