"""The champion and the base model on the same questions, again: documents and golden answers move after a promotion.

Answers to prompts that have not changed are taken from the answer cache, so a review of an unchanged index costs
little; where a change of documents changed a prompt, it is asked again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from ragloop.catalogue import Lease
from ragloop.learning.evaluation.answer_cache import AnswerCache
from ragloop.learning.evaluation.gate import GatePolicy, Verdict, judge
from ragloop.learning.evaluation.measures import Question
from ragloop.learning.evaluation.run import Pair, evaluate, report_of
from ragloop.models import Generator
from ragloop.registry import Adapter, Registry, VerdictKind
from ragloop.registry.evidence import Scores
from ragloop.reports import Report, Reports
from ragloop.store import Store

REVIEW = "review"


@dataclass(frozen=True)
class Review:
    """What the gate says of the champion today, with the base model in the place of the champion.

    `scores` holds those of the base model, the incumbent here, and of the champion, the challenger.
    """

    adapter_id: str
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


def review(
    store: Store,
    registry: Registry,
    questions: Callable[[Adapter], tuple[Sequence[Question], Sequence[str]]],
    generator: Callable[[str | None], AbstractContextManager[Generator]],
    gate: GatePolicy,
    key: str = "",
) -> Review | None:
    """Hold the champion against the base model and keep the report; None while the base model serves.

    It changes no alias: to roll back is a person's decision. `key` is that of Reports.append. Raises MismatchError when
    the champion's files changed, StoreBusyError while another review of this store runs.
    """
    champion = registry.champion()
    if champion is None:
        return None
    asked, notes = questions(champion)
    # Two reviews at once would generate every answer twice.
    with store.lease(Lease.REVIEW), generator(None) as base, generator(champion.adapter_id) as challenger:
        models = Pair(incumbent=base, challenger=challenger)
        report = report_of(evaluate(asked, models, AnswerCache(registry.artifacts.files, store.now)))
    scores = {"base": report.incumbent, "champion": report.challenger}
    made = Review(champion.adapter_id, scores, judge(report.scores, gate), tuple(notes))
    criteria = [asdict(one) for one in made.verdict.criteria]
    body = {"scores": scores, "verdict": made.verdict.verdict, "criteria": criteria}
    Reports(store).append(Report(REVIEW, made.adapter_id, store.now(), body), key)
    return made


def reviews(store: Store) -> list[dict[str, Any]]:
    """Return all reviews, oldest first, of every champion; the adapter stands under `subject`."""
    return [{"subject": one.subject, **one.dated()} for one in Reports(store).history(REVIEW)]
