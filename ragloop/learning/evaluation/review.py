"""The champion and the base model on the same questions, again: documents and golden answers move after a promotion.

Answers to prompts that have not changed are taken from the answer cache, so a review of an unchanged index costs
little; where a change of documents changed a prompt, it is asked again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from ragloop.catalogue import Lease
from ragloop.errors import MismatchError
from ragloop.learning.evaluation.answer_cache import AnswerCache
from ragloop.learning.evaluation.criteria import GatePolicy
from ragloop.learning.evaluation.gate import Verdict, judge
from ragloop.learning.evaluation.measures import Question
from ragloop.learning.evaluation.run import Pair, evaluate, report_of
from ragloop.learning.recipes import FACTS, recipe_of
from ragloop.models import Generator
from ragloop.records import LaneName
from ragloop.registry import Adapter, Registry, VerdictKind
from ragloop.registry.evidence import Scores
from ragloop.reports import Report, Reports
from ragloop.store import Store

REVIEW = "review"


@dataclass(frozen=True)
class Review:
    """What the gate says of the champion of a lane today, with the base model in the place of the champion.

    `scores` holds those of the base model, the incumbent here, and of the champion, the challenger.
    """

    adapter_id: str
    lane: LaneName
    scores: Mapping[str, Scores]
    verdict: Verdict
    notes: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether the gate would promote it again."""
        return self.verdict.verdict == VerdictKind.PROMOTE

    @property
    def worse(self) -> bool:
        """Whether the gate would reject it: no better than the base model, or worse elsewhere beyond the margin."""
        return self.verdict.verdict == VerdictKind.REJECT


def reviews_of_lanes(
    store: Store,
    registry: Registry,
    questions: Callable[[Adapter], tuple[Sequence[Question], Sequence[str]]],
    generator: Callable[[str | None], AbstractContextManager[Generator]],
    gate: GatePolicy,
    key: str = "",
) -> list[Review]:
    """Hold the champion of each lane against the base model and keep the reports; none where the base model serves.

    It changes no alias: to roll back is a person's decision. `key` is that of Reports.append, together with the lane.
    Raises MismatchError when a champion's files changed, after the reviews of the others are kept; StoreBusyError
    while another review of this store runs.
    """
    made, damaged = list[Review](), list[MismatchError]()
    for lane in registry.aliases.champions():
        if champion := registry.champion(lane):
            try:
                made.append(_reviewed(store, registry, champion, questions(champion), generator, gate, key))
            except MismatchError as error:
                damaged.append(error)
    if damaged:
        raise damaged[0]
    return made


def _reviewed(
    store: Store,
    registry: Registry,
    champion: Adapter,
    questions: tuple[Sequence[Question], Sequence[str]],
    generator: Callable[[str | None], AbstractContextManager[Generator]],
    gate: GatePolicy,
    key: str,
) -> Review:
    asked, notes = questions
    recipe = recipe_of(champion.recipe or FACTS.name)
    # Two reviews at once would generate every answer twice.
    with store.lease(Lease.REVIEW), generator(None) as base, generator(champion.adapter_id) as challenger:
        models = Pair(base, challenger, recipe.asks_other(base))
        report = report_of(evaluate(asked, models, AnswerCache(registry.artifacts.files, store.now)))
    scores = {"base": report.incumbent, "champion": report.challenger}
    made = Review(champion.adapter_id, champion.lane, scores, judge(report.scores, gate, recipe.criteria), tuple(notes))
    criteria = [asdict(one) for one in made.verdict.criteria]
    body = {"lane": champion.lane, "scores": scores, "verdict": made.verdict.verdict, "criteria": criteria}
    Reports(store).append(Report(REVIEW, made.adapter_id, store.now(), body), key and f"{key}:{champion.lane}")
    return made


def reviews(store: Store) -> list[dict[str, Any]]:
    """Return all reviews, oldest first, of every champion; the adapter stands under `subject`."""
    return [{"subject": one.subject, **one.dated()} for one in Reports(store).history(REVIEW)]
