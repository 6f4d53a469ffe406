"""The journey of a question through the stages. Nothing is returned before it is logged."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from ragloop.answering.conversation.joined import join
from ragloop.answering.conversation.rewriting import Rewriting
from ragloop.answering.evidence import answer_of
from ragloop.answering.floors import Floors
from ragloop.answering.guard.readable import as_read
from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.answering.signals.answerable import AbstainPolicy
from ragloop.answering.signals.reranking import Reranking
from ragloop.answering.stages import Stage, timed
from ragloop.answering.stages.asking.embed import Embed
from ragloop.answering.stages.asking.rewrite import Rewrite
from ragloop.answering.stages.asking.screen import screen
from ragloop.answering.stages.finding.abstain import Abstain
from ragloop.answering.stages.finding.rerank import Rerank
from ragloop.answering.stages.finding.retrieve import Retrieve
from ragloop.answering.stages.guard import fence, screen_output
from ragloop.answering.stages.log import Log
from ragloop.answering.stages.route import ChooseRoute, Outdated, RouteAgain, take_one
from ragloop.answering.stages.topic import LaneOfTopic, TopicLanes
from ragloop.answering.stages.writing.cite import cite
from ragloop.answering.stages.writing.conflicts import SayConflicts
from ragloop.answering.stages.writing.generate import Generate
from ragloop.answering.stages.writing.outdated import say_outdated
from ragloop.answering.stages.writing.reuse import Reuse, ReusePolicy
from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.errors import UsageError
from ragloop.journal import Journal
from ragloop.models.generation.generators import Generators
from ragloop.records import NOWHERE, Answer, Earlier, LaneName, Origin, Passage
from ragloop.reports import Reports
from ragloop.telemetry import context
from ragloop.wording import first_few

if TYPE_CHECKING:
    from ragloop.config.answering import AnswerSettings, RetrievalSettings


@dataclass(frozen=True)
class AnswerPolicy:
    """How questions are rewritten and passages found, when ragloop abstains, the lane of a question that names none,
    what is reused, whether passages and answers are guarded.

    Without `min_similarity` the floor is the one that was calibrated for the embedder; see floors.py.
    """

    retrieval: RetrievalPolicy
    min_similarity: float | None
    lane: LaneName
    reuse: ReusePolicy
    guard: bool
    rewriting: Rewriting

    @classmethod
    def of(cls, retrieval: "RetrievalSettings", answers: "AnswerSettings", rewriting: Rewriting) -> "AnswerPolicy":
        """Read what the settings say."""
        floor = None if retrieval.min_similarity == "auto" else retrieval.min_similarity
        reuse, guard = ReusePolicy.of(answers), answers.guard
        found = RetrievalPolicy.of(retrieval, guard=guard)
        return cls(found, floor, LaneName(answers.lane), reuse, guard, rewriting)


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
        topics: TopicLanes,
    ) -> None:
        self._active, self._journal = active, journal
        self._generators, self._policy, self._outdated = generators, policy, outdated
        self._reranking, self._topics = reranking, topics
        self._floors = Floors(Reports(journal.store), policy.min_similarity)

    def ask(
        self,
        question: str,
        lane: str | None = None,
        labels: Collection[str] = (),
        origin: Origin = NOWHERE,
        conversation: Sequence[Earlier] = (),
    ) -> Answer:
        """Answer a question. Raises UsageError for one that is empty or too long, StorageFullError.

        Only documents without labels and those with one of the caller's `labels` are looked at. `conversation` is what
        was said before, oldest first: a question that needs it is made whole.
        """
        return self.ask_all([question], lane, labels, origin, conversation)[0]

    def ask_all(
        self,
        questions: Sequence[str],
        lane: str | None = None,
        labels: Collection[str] = (),
        origin: Origin = NOWHERE,
        conversation: Sequence[Earlier] = (),
    ) -> list[Answer]:
        """Answer a caller's questions, all asked after the same conversation, in one batch and log them in one write;
        latencies are equal shares of it."""
        asked = _lane(lane) if lane else self._policy.lane
        seen = frozenset(labels)
        said = tuple(conversation)
        turns = [Turn(uuid4().hex, one, asked, seen, origin, conversation=said) for one in questions]
        passed = self._passed(turns, self._policy.reuse, Log(self._journal), by_topic=not lane)
        return [answer_of(turn) for turn in passed]

    def try_all(self, questions: Sequence[str], labels: Collection[str] = ()) -> list[Turn]:
        """Answer a caller's questions as `ask_all` does, none by an earlier answer, and log none; return the turns.

        It is for evaluations, which look at what would be written now.
        """
        seen = frozenset(labels)
        turns = [Turn(uuid4().hex, one, self._policy.lane, seen) for one in questions]
        return self._passed(turns, replace(self._policy.reuse, on=False))

    def _passed(self, turns: Sequence[Turn], reuse: ReusePolicy, *last: Stage, by_topic: bool = False) -> list[Turn]:
        """Return the turns after all stages and these last ones, without which they are of an evaluation; with
        `by_topic`, each in the lane of its topic."""
        with ExitStack() as held, context(interaction=first_few([one.interaction_id for one in turns], 1)):
            for stage in (*self._stages(held, reuse, live=bool(last), by_topic=by_topic), *last) if turns else ():
                turns = stage(turns)
        return list(turns)

    def _stages(self, held: ExitStack, reuse: ReusePolicy, *, live: bool, by_topic: bool) -> tuple[Stage, ...]:
        """Return the way of a batch through one state of the index; `held` ends with it.

        Turns that are routed again are written and checked again, the others pass on; of two answers one is taken.
        """
        active = self._active()
        active = replace(active, index=active.index.snapshot())
        retriever = Retriever(active.index, self._policy.retrieval)
        guard = self._policy.guard
        readable = as_read if guard else _all_of_it
        generate = timed("generate", Generate(self._generators, active.embedder, readable))
        check = timed("generate", cite)
        answered, now = self._journal.answered, self._journal.store.now
        return (
            screen,
            timed("rewrite", Rewrite(self._policy.rewriting, retriever)),
            timed("embed", Embed.of(active)),
            timed("retrieve", Retrieve(retriever)),
            timed("rerank", Rerank(self._reranking)),
            timed("guard", fence if guard else _as_it_is),
            timed("rerank", Abstain(AbstainPolicy(self._floors.of(active.embedder.fingerprint)))),
            timed("load", LaneOfTopic(self._topics, active) if by_topic else _as_it_is),
            timed("load", ChooseRoute(self._generators, self._outdated, active, held, live)),
            timed("reuse", Reuse(answered, self._generators, active.embedder, reuse, now)),
            generate,
            check,
            timed("generate", RouteAgain(self._outdated, active)),
            generate,
            check,
            take_one,
            timed("generate", SayConflicts(active.index, readable)),
            timed("generate", say_outdated),
            timed("guard", screen_output if guard else _as_it_is),
            join,
        )


_T = TypeVar("_T")


def _as_it_is(given: _T) -> _T:
    return given


def _all_of_it(passage: Passage, question: str) -> Passage:
    return passage


def _lane(name: str) -> LaneName:
    try:
        return LaneName(name)
    except ValueError:
        raise UsageError(f"found lane {name!r}, expected one of {', '.join(LaneName)}") from None
