"""What is measured of a golden question that was answered. Pure.

A measure that says nothing about a question is left out of its scores; one that should say something and cannot is NaN,
such as the precision of the citations of an answer that cites nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import nan

from ragloop.answering.evidence import answer_of
from ragloop.answering.prompts import cited_sentences
from ragloop.answering.turn import Turn
from ragloop.language.citations import without_marks
from ragloop.learning.comparing.ranking import ndcg, recall, reciprocal_rank
from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.learning.evaluation.scoring import exact_match, normalise, token_f1

Scores = Mapping[str, float]

LATENCY = "latency_ms"
"""The name of the measure of all stages together, and how those of single stages begin."""


SHARES = (
    "recall@5", "recall@10", "ndcg@10", "mrr", "exact_match", "token_f1", "contains_answer", "citation_precision",
    "citation_recall", "groundedness", "abstention_precision", "abstention_recall",
)  # fmt: skip
UNPAIRED = ("abstention_precision",)
"""Measures of what each side did of itself: which questions they are about differs by side."""
COSTS = (LATENCY, "prompt_tokens", "completion_tokens", "cost_usd")


def is_cost(measure: str) -> bool:
    """Return whether less of a measure is better; it has no upper end then."""
    return measure.startswith(COSTS)


def in_order(measures: Collection[str]) -> list[str]:
    """Return measures in the order of reports: retrieval, answers, abstention, costs and the stages of the latency."""
    known = (*SHARES, *COSTS)
    return sorted(measures, key=lambda one: (known.index(one) if one in known else len(known), one))


@dataclass(frozen=True)
class Asked:
    """A golden question, the ids of the documents that answer it, and the slices of the set that it belongs to.

    `wanted` is empty where the question names no document, or none that the index has.
    """

    golden: GoldenQuestion
    wanted: frozenset[str] = frozenset()
    slices: tuple[str, ...] = ()


def scores_of(asked: Asked, turn: Turn | None) -> Scores:
    """Return the measures of a question; all that need an answer are NaN where none came (`turn` is None)."""
    if turn is None:
        return dict.fromkeys(_applicable(asked), nan)
    return {**_retrieval(asked, turn), **_answer(asked, turn), **_abstention(asked, turn), **_costs(turn)}


def _applicable(asked: Asked) -> list[str]:
    answerable = (*SHARES[:4], *SHARES[7:9]) if asked.golden.documents else ()
    answered = SHARES[4:7] if asked.golden.answers else ()
    abstains = ("abstention_recall",) if asked.golden.should_abstain else ()
    return [*answerable, *answered, *abstains, *COSTS]


def _retrieval(asked: Asked, turn: Turn) -> Scores:
    if not asked.golden.documents:
        return {}
    if not asked.wanted:
        return dict.fromkeys(SHARES[:4], nan)
    ranking = list(dict.fromkeys(one.document_id for one in turn.ranked))
    return {
        "recall@5": recall(ranking, asked.wanted, 5),
        "recall@10": recall(ranking, asked.wanted, 10),
        "ndcg@10": ndcg(ranking, asked.wanted, 10),
        "mrr": reciprocal_rank(ranking, asked.wanted),
    }


def _answer(asked: Asked, turn: Turn) -> dict[str, float]:
    answer = answer_of(turn)
    text = "" if answer.abstained else without_marks(answer.answer)
    found: dict[str, float] = {}
    if right := asked.golden.answers:
        found["exact_match"] = max(exact_match(text, one) for one in right) if text else 0.0
        found["token_f1"] = max(token_f1(text, one) for one in right) if text else 0.0
        found["contains_answer"] = float(any(f" {normalise(one)} " in f" {normalise(text)} " for one in right))
    if asked.golden.documents:
        cited = turn.documents
        found["citation_precision"] = len(cited & asked.wanted) / len(cited) if cited and asked.wanted else nan
        found["citation_recall"] = len(cited & asked.wanted) / len(asked.wanted) if asked.wanted else nan
    if turn.draft and turn.draft.text.strip():
        found["groundedness"] = _grounded(turn)
    return found


def _grounded(turn: Turn) -> float:
    """Return the share of the sentences that the generator wrote which a passage says, as the check of citations has
    it."""
    written = cited_sentences(turn.draft.text) if turn.draft else []
    kept = cited_sentences(turn.cited.text) if turn.cited else []
    return min(1.0, len(kept) / len(written)) if written else nan


def _abstention(asked: Asked, turn: Turn) -> Scores:
    """Return of an answer that abstains whether it should, and of a question that nothing answers whether it does."""
    abstained = answer_of(turn).abstained
    found: dict[str, float] = {}
    if abstained and (asked.golden.should_abstain or asked.golden.answers or asked.golden.documents):
        found["abstention_precision"] = float(asked.golden.should_abstain)
    if asked.golden.should_abstain:
        found["abstention_recall"] = float(abstained)
    return found


def _costs(turn: Turn) -> Scores:
    answer = answer_of(turn)
    stages = {f"{LATENCY}.{stage}": value for stage, value in turn.latency_ms.items()}
    return {
        LATENCY: sum(turn.latency_ms.values()),
        "prompt_tokens": float(answer.prompt_tokens),
        "completion_tokens": float(answer.completion_tokens),
        "cost_usd": nan if answer.cost_usd is None else answer.cost_usd,
        **stages,
    }
