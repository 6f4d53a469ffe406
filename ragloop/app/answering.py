"""What an application does with questions: search and answers."""

from functools import cached_property
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.errors import MismatchError, NotFoundError
from ragloop.models import Generator
from ragloop.records import BASE_LANE

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer, Outdated
    from ragloop.answering.retrieval import Retrieved


class Answering:
    """The questions of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def search(self, question: str, top_k: int | None = None) -> "Retrieved":
        """Passages for a question, without an answer and without a trace in the log."""
        from ragloop.answering.retrieval import retrieve

        r = self._parts.settings.retrieval
        live = self._parts.live()
        vector = live.embedder.embed([question])[0]
        return retrieve(
            live.index,
            question,
            vector,
            top_k=top_k or r.top_k,
            candidates=max(r.candidates, top_k or 0),
            rrf_k=r.rrf_k,
        )

    @cached_property
    def answerer(self) -> "Answerer":
        """Answers questions and logs every answer."""
        from ragloop.answering.answer import Answerer, AnswerPolicy

        policy = AnswerPolicy.of(self._parts.settings.retrieval, self._parts.settings.answers)
        return Answerer(self._parts.live, self._parts.journal, self.generator_for, policy, self._outdated)

    @cached_property
    def _outdated(self) -> "Outdated":
        from ragloop.learning.examples.outdated import OutdatedRows

        return OutdatedRows(self._parts.registry)

    def generator_for(self, lane: str) -> Generator:
        """Who answers in a lane.

        For an adapter lane it raises NotFoundError while the base model serves, MismatchError where the champion cannot
        serve: its files are gone or changed, or it was trained on another base model.
        """
        if lane == BASE_LANE:
            from ragloop.models.generation.extractive import ExtractiveGenerator

            if self._parts.settings.answers.generator == "extractive":
                return ExtractiveGenerator(self._parts.live().embedder)
            return self._parts.models.local_generator
        champion, trouble = self._parts.registry.serving()
        if trouble:
            raise MismatchError(trouble)
        if champion is None:
            raise NotFoundError(
                f"found no champion adapter for the lane {lane}; `ragloop retrain` makes one, or use {BASE_LANE}"
            )
        return self._parts.models.wearing(champion, self._parts.registry.artifacts / champion.path)
