"""The journey of a question through the stages. Nothing is returned before it is logged."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from ragloop.answering.evidence import answer_of
from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.answering.signals.answerable import AbstainPolicy
from ragloop.answering.signals.reranking import Reranking
from ragloop.answering.stages import Stage, timed
from ragloop.answering.stages.abstain import Abstain
from ragloop.answering.stages.cite import cite
from ragloop.answering.stages.embed import Embed
from ragloop.answering.stages.generate import Generate
from ragloop.answering.stages.log import Log
from ragloop.answering.stages.rerank import Rerank
from ragloop.answering.stages.retrieve import Retrieve
from ragloop.answering.stages.route import ChooseRoute, Outdated, RouteAgain
from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.errors import UsageError
from ragloop.journal import Journal
from ragloop.models.generation.generators import Generators
from ragloop.records import NOWHERE, Answer, LaneName, Origin
from ragloop.telemetry import context
from ragloop.wording import first_few

if TYPE_CHECKING:
    from ragloop.config.settings import AnswerSettings, RetrievalSettings

LONGEST_QUESTION = 4_000
"""Characters; a longer text is no question that one passage answers."""


@dataclass(frozen=True)
class AnswerPolicy:
    """How passages are found, when ragloop abstains, and the lane of a question that names none."""

    retrieval: RetrievalPolicy
    min_similarity: float
    lane: LaneName

    @classmethod
    def of(cls, retrieval: "RetrievalSettings", answers: "AnswerSettings") -> "AnswerPolicy":
        """Read what the settings say."""
        return cls(RetrievalPolicy.of(retrieval), retrieval.min_similarity, LaneName(answers.lane))


class Answerer:
    """Answers questions and logs every answer.

    Where no adapter can serve, or the one that serves must not be asked, the base lane answers, and the answer says
    why. `active()` returns what answers now; it is asked once per batch, so that a question and its passages never come
    from two generations.
    """

    def __init__(
        self,
        active: Callable[[], ActiveIndex],
        journal: Journal,
        generators: Generators,
        policy: AnswerPolicy,
        outdated: Outdated,
        reranking: Reranking,
    ) -> None:
        self._active, self._journal = active, journal
        self._generators, self._policy, self._outdated = generators, policy, outdated
        self._reranking = reranking

    def ask(
        self, question: str, lane: str | None = None, labels: Collection[str] = (), origin: Origin = NOWHERE
    ) -> Answer:
        """Answer a question. Raises UsageError for one that is empty or too long, StorageFullError.

        Only documents without labels and those with one of the caller's `labels` are looked at.
        """
        return self.ask_all([question], lane, labels, origin)[0]

    def ask_all(
        self,
        questions: Sequence[str],
        lane: str | None = None,
        labels: Collection[str] = (),
        origin: Origin = NOWHERE,
    ) -> list[Answer]:
        """Answer a caller's questions in one batch and log them in one write; latencies are equal shares of it."""
        asked = _lane(lane) if lane else self._policy.lane
        seen = frozenset(labels)
        turns: Sequence[Turn] = [Turn(uuid4().hex, checked(one), asked, seen, origin) for one in questions]
        with ExitStack() as held, context(interaction=first_few([one.interaction_id for one in turns], 1)):
            for stage in self._stages(held) if turns else ():
                turns = stage(turns)
        return [answer_of(turn) for turn in turns]

    def _stages(self, held: ExitStack) -> tuple[Stage, ...]:
        """Return the way of a batch through one state of the index; `held` ends with it.

        Turns that are routed again are written and checked again, the others pass on.
        """
        active = self._active()
        active = replace(active, index=active.index.snapshot())
        generate = timed("generate", Generate(self._generators, active.embedder))
        check = timed("generate", cite)
        return (
            timed("embed", Embed(active.embedder)),
            timed("retrieve", Retrieve(Retriever(active.index, self._policy.retrieval))),
            timed("rerank", Rerank(self._reranking)),
            timed("rerank", Abstain(AbstainPolicy(self._policy.min_similarity))),
            timed("load", ChooseRoute(self._generators, self._outdated, active, held)),
            generate,
            check,
            timed("generate", RouteAgain(self._outdated, active)),
            generate,
            check,
            Log(self._journal),
        )


def checked(question: str) -> str:
    """Return a question as it is asked and logged. Raises UsageError for one that is empty or too long."""
    # A lone surrogate (bytes of a command line that are no UTF-8) could be logged, but never be folded into a table.
    question = " ".join(question.split()).encode("utf-8", "replace").decode()
    if not question:
        raise UsageError("the question is empty; ask something")
    if len(question) > LONGEST_QUESTION:
        raise UsageError(
            f"the question has {len(question):,} characters, at most {LONGEST_QUESTION:,} are taken; shorten it"
        )
    return question


def _lane(name: str) -> LaneName:
    try:
        return LaneName(name)
    except ValueError:
        raise UsageError(f"found lane {name!r}, expected one of {', '.join(LaneName)}") from None
