"""Ask a lane and base+rag the same questions of a topic, and score both against what people confirmed; log nothing.

The questions were asked, and confirmed or corrected, after the adapter was trained: none of these answers is in it.
What a person confirmed was most often written by base+rag, so that a lane which says the same in other words loses a
little: the comparison leans towards staying.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ragloop.answering.turn import Turn
from ragloop.hashes import sha256_of_text
from ragloop.journal import Journal
from ragloop.language.citations import without_marks
from ragloop.learning.evaluation.scoring import normalise, token_f1
from ragloop.migration.logged import asked_texts
from ragloop.migration.topics.topic import Grouping
from ragloop.records import FeedbackKind

MOST = 200
"""Questions of a topic that are asked in both lanes, the newest first."""
_COLUMNS = ("interaction_id", "asked_at", "question", "rewritten", "answer", "abstained", "labels")
Ask = Callable[[Sequence[str]], Sequence[Turn]]


@dataclass(frozen=True)
class Judged:
    """A question and the answer to it that a person gave or confirmed."""

    question: str
    reference: str


def judged(journal: Journal, grouping: Grouping, topic_id: str, since: datetime) -> list[Judged]:
    """Return the questions of a topic that were asked since a moment and judged, each once, the newest first.

    Those of callers with labels are left out: a trial sees no labelled document.
    """
    answers, feedback = journal.tables()
    given = feedback.rows(["interaction_id", "given_at", "kind", "correction"]).sort_by("given_at").to_pylist()
    last = {one["interaction_id"]: one for one in given if one["kind"] != FeedbackKind.DOWN}
    for one in given:
        if one["kind"] == FeedbackKind.DOWN and one["given_at"] > last.get(one["interaction_id"], one)["given_at"]:
            last.pop(one["interaction_id"], None)
    rows = answers.take(answers.places("interaction_id", pa.array(sorted(last), pa.string())), _COLUMNS)
    texts = asked_texts(rows).to_pylist()
    ordered = sorted(zip(texts, rows.to_pylist(), strict=True), key=lambda one: one[1]["asked_at"], reverse=True)
    found: dict[str, Judged] = {}
    for text, row in ordered:
        of_topic = grouping.of_question.get(sha256_of_text(text or "")) == topic_id
        if of_topic and row["asked_at"] > since and not row["labels"]:
            reference = last[row["interaction_id"]]["correction"] or ("" if row["abstained"] else row["answer"])
            if plain := without_marks(reference or "").strip():
                found.setdefault(normalise(text), Judged(text, plain))
    return list(found.values())[:MOST]


@dataclass(frozen=True)
class Trial:
    """Per question the token F1 of a lane minus that of base+rag, and what both took to answer."""

    differences: tuple[float, ...]
    answers: int
    seconds: float
    charged_usd: float


def tried(questions: Sequence[Judged], base: Ask, lane: Ask) -> Trial:
    """Ask the questions in both lanes. What an endpoint charged that names no price counts as nothing."""
    asked = [one.question for one in questions]
    of_base, of_lane = list(base(asked)), list(lane(asked))
    turns = [*of_base, *of_lane]
    scores = [[_score(*one) for one in zip(side, questions, strict=True)] for side in (of_base, of_lane)]
    return Trial(
        tuple(b - a for a, b in zip(*scores, strict=True)),
        len(turns),
        sum(sum(turn.latency_ms.values()) for turn in turns) / 1000,
        sum((turn.draft.cost_usd or 0.0) if turn.draft else 0.0 for turn in turns),
    )


def _score(turn: Turn, asked: Judged) -> float:
    return token_f1(without_marks(turn.cited.text if turn.cited else ""), asked.reference)
