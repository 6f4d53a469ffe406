"""Which answers tell most when a person looks at them. Pure.

One that is asked often and that the system is unsure of is worth more than one that is asked once or surely right
(uncertainty sampling, Lewis and Gale 1994, weighted by how often it is asked).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from ragloop.language.citations import without_marks
from ragloop.learning.evaluation.scoring import normalise

Row = Mapping[str, Any]

_UNSURE = {"abstained": 1.0, "answered in several ways": 0.9, "flagged by the guard": 0.8}


@dataclass(frozen=True)
class ToReview:
    """The newest answer to a question, why it is worth a look, how often the question was asked, and how much a look
    at it tells."""

    interaction_id: str
    why: str
    times: int
    worth: float


def to_review(rows: Iterable[Row], judged: frozenset[str], most: int) -> list[ToReview]:
    """Return the answers that are worth most, the first of them most; none to a question that somebody judged.

    `rows` have the columns of the log, `judged` are interactions with feedback.
    """
    asked: dict[str, list[Row]] = {}
    for row in rows:
        # A follow-up reads alike in two conversations, and asks something else.
        asked.setdefault(normalise(row["rewritten"] or row["question"] or ""), []).append(row)
    open_ones = (ones for question, ones in asked.items() if question and not _is_judged(ones, judged))
    found = sorted((_looked_at(ones) for ones in open_ones), key=lambda one: (-one.worth, one.interaction_id))
    return found[:most]


def _is_judged(rows: Sequence[Row], judged: frozenset[str]) -> bool:
    return any(row["interaction_id"] in judged for row in rows)


def _looked_at(rows: Sequence[Row]) -> ToReview:
    newest = max(rows, key=lambda row: (row["asked_at"], row["interaction_id"]))
    unsure, why = _unsure(newest, rows)
    return ToReview(newest["interaction_id"], why, len(rows), round(unsure * log2(1 + len(rows)), 4))


def _unsure(newest: Row, rows: Sequence[Row]) -> tuple[float, str]:
    """Return how unsure an answer is, 0..1, and why."""
    said = {normalise(without_marks(row["answer"] or "")) for row in rows if not row["abstained"]}
    doubts = {
        "abstained": newest["abstained"],
        "answered in several ways": len(said) > 1,
        "flagged by the guard": newest["guard"] not in (None, "none"),
    }
    if why := next((one for one, holds in doubts.items() if holds), ""):
        return _UNSURE[why], why
    similarity = newest["top_similarity"]
    if similarity is None:
        return 0.5, "not known how near its passages are"
    return max(0.05, min(0.75, 1 - float(similarity))), f"its best passage has a similarity of {similarity:.2f}"
