"""Golden questions that the log suggests: a person reads, corrects and adds them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.journal import Journal, LogTable
from ragloop.language.citations import without_marks
from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion
from ragloop.learning.evaluation.scoring import normalise
from ragloop.records import FeedbackKind

OFTEN = 3
"""Times from which on a question is asked often."""
_OFTEN_ASKED = "asked often"
_COLUMNS = ("interaction_id", "asked_at", "question", "answer", "abstained", "citations", "labels")


@dataclass(frozen=True)
class Suggestion:
    """A golden question as the log has it, why it is suggested, and how often it was asked."""

    golden: GoldenQuestion
    why: str
    times: int

    @property
    def is_judged(self) -> bool:
        """Whether a person confirmed or corrected the answer."""
        return self.why != _OFTEN_ASKED

    def as_line(self) -> dict[str, Any]:
        """Return the object of its line: that of a golden question, beside what a person wants to know."""
        return {**self.golden.as_line(), "why": self.why, "times": self.times}


def suggest(journal: Journal, golden: Sequence[GoldenQuestion], keys: Mapping[str, str], most: int) -> list[Suggestion]:
    """Return at most `most` suggestions: corrected answers first, then confirmed ones, then questions asked often.

    Questions that are golden already are left out. `keys`: those of all documents, by their ids.
    """
    answers, feedback = journal.tables()
    times = _times(answers)
    known = {normalise(one.question) for one in golden}
    found: dict[str, Suggestion] = {}
    for row, why, answer in (*_judged(answers, feedback), *_often(answers, times)):
        asked = normalise(row["question"])
        if asked not in known and asked not in found:
            found[asked] = Suggestion(_golden(row, answer, keys), why, times[asked])
    return list(found.values())[:most]


_Told = tuple[Mapping[str, Any], str, str]
"""A row of the log, why it is suggested, and the answer."""


def _times(answers: LogTable) -> Counter[str]:
    """Count how often each question was asked, whatever its case and punctuation."""
    counted: Counter[str] = Counter()
    for row in answers.rows(["question"])["question"].value_counts().to_pylist():
        counted[normalise(row["values"])] += row["counts"]
    return counted


def _judged(answers: LogTable, feedback: LogTable) -> list[_Told]:
    """Return the answers that a person corrected, newest first, then those that were confirmed and not corrected."""
    given = feedback.rows(["interaction_id", "kind", "correction", "given_at"]).sort_by("given_at").to_pylist()
    corrections = {one["interaction_id"]: one["correction"] for one in given if one["correction"]}
    last_vote = {one["interaction_id"]: one["kind"] for one in given if one["kind"] != FeedbackKind.CORRECTION}
    confirmed = [one for one, kind in last_vote.items() if kind == FeedbackKind.UP and one not in corrections]
    rows = _rows(answers, "interaction_id", [*corrections, *confirmed])
    corrected = [(row, "corrected", corrections[row["interaction_id"]]) for row in rows if _is_in(row, corrections)]
    others = [(row, "confirmed", row["answer"]) for row in rows if not _is_in(row, corrections)]
    return [*corrected, *((row, why, answer) for row, why, answer in others if not row["abstained"])]


def _is_in(row: Mapping[str, Any], corrections: Mapping[str, str]) -> bool:
    return row["interaction_id"] in corrections


def _often(answers: LogTable, times: Counter[str]) -> list[_Told]:
    """Return the questions that were asked often, the commonest first, each as it was answered last."""
    often = [one for one, count in times.most_common() if count >= OFTEN]
    texts = pc.unique(answers.rows(["question"])["question"]).to_pylist()
    wanted = frozenset(often)
    rows = _rows(answers, "question", [one for one in texts if normalise(one) in wanted])
    newest: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        newest.setdefault(normalise(row["question"]), row)
    held = [newest[one] for one in often if one in newest]
    return [(row, _OFTEN_ASKED, "" if row["abstained"] else row["answer"]) for row in held]


def _rows(answers: LogTable, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return the answers with one of these values, newest first."""
    places = answers.places(column, pa.array(values, pa.string()))
    rows: list[dict[str, Any]] = answers.take(places, _COLUMNS).sort_by([("asked_at", "descending")]).to_pylist()
    return rows


def _golden(row: Mapping[str, Any], answer: str, keys: Mapping[str, str]) -> GoldenQuestion:
    cited = {one["document_id"]: one["revision"] for one in row["citations"] or () if one["document_id"] in keys}
    text = without_marks(answer).strip()
    return GoldenQuestion(
        row["question"],
        (text,) if text else (),
        tuple(GoldenDocument(keys[one], revision) for one, revision in cited.items()) if text else (),
        should_abstain=not text,
        labels=tuple(row["labels"] or ()),
    )
