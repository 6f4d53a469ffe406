"""Logged answers and their feedback → eligible examples, and a funnel that says why the other rows fell.

An answer is eligible by what a person said of it, or by evidence: a teacher wrote it, which is a model that the
settings name; passages bear out all of it and give it to the question (learning/rows looks at their text); nobody voted
it down, and the guard found nothing. What people said counts more.

Pure: rows as mappings (a table's `to_pylist()`) in, frozen records out. Every row is accounted for: the funnel's counts
and the examples add up to the rows that came in; the first reason in the order of REASONS counts.

What an example rests on (promise: no training row rests on a passage that changed or went since the answer was given;
an edit elsewhere in its document costs no row):

- An answer that was voted up rests on the statements of the cited passages that say it, as the log has them; one that
  cites nothing, on all passages that were shown.
- A correction was written by a person who saw the passages, and the cited ones are often the wrong ones. It rests on
  the statements that bore it out when it was given. One that no shown passage bears out rests on something that nobody
  knows, so that it could never be seen to go stale: it falls. Where nobody looked, it rests on all that was shown.
- An answer without any document behind it (closed-book, or nothing was found) falls for the same reason.
- An answer of which its caller did not get the end falls, whatever is said of it: nobody read all of it.

It stands while its documents are in the index in the revision that was shown, or each of its statements still stands
in a chunk of its document (see answering.support.statements); where only passages are known, while the index holds them
as they were.
Whether chunks were cut again does not matter; a reverted edit makes the old rows true again.

An adapter answers everybody. So an answer falls to which a passage was shown that carries labels now, and a document
that was trained on and labelled later counts as one that changed.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from ragloop.language.citations import without_marks
from ragloop.learning.evaluation.scoring import normalise
from ragloop.learning.examples.choosing import Chosen, Wording, one_per_question
from ragloop.learning.examples.example import Curated, DocumentRevision, Example, Shown, as_table
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.learning.examples.resting import (
    Row,
    may_rest_elsewhere,
    passages_of,
    resting_on,
    resting_on_passages,
)

NOT_JUDGED = "no feedback"
UNBORNE = "no passage bears it out"
UNFIT = "does not answer the question"
REASONS = (
    NOT_JUDGED,
    "thumbs down",
    "corrected",
    "not corrected",
    "not from a teacher",
    "flagged by the guard",
    "cut off",
    "several questions",
    "abstained",
    "no document behind it",
    UNBORNE,
    UNFIT,
    "passage has labels",
    "passage changed or gone",
    "in the golden set",
    "empty text",
    "answer too long",
    "contradicts another answer",
    "duplicate question",
)
"""Why a row fell, in the order in which they are asked."""

LABELLED = "passage has labels"
CHANGED = "passage changed or gone"


@dataclass(frozen=True)
class Standing:
    """What the index says now: the revision of every document, by document id, and of those that were asked about
    and changed, the text hashes of their chunks and the digests of their statements. `labelled`: the ids of
    documents that not everybody sees."""

    revisions: Mapping[str, str]
    text_hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    statements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    labelled: frozenset[str] = frozenset()

    def holds(self, one: DocumentRevision) -> bool:
        """Return whether what counts of the document still stands in it, for everybody to see."""
        if one.document_id in self.labelled:
            return False
        current = self.revisions.get(one.document_id)
        if current is None or current == one.revision:
            return current is not None
        if one.statements:
            return self.statements.get(one.document_id, frozenset()).issuperset(one.statements)
        held = self.text_hashes.get(one.document_id, frozenset())
        return bool(one.text_hashes) and held.issuperset(one.text_hashes)


@dataclass(frozen=True)
class Wanted:
    """What a recipe takes of the log: answers that people stood by or corrected, answers of `teachers` by evidence,
    with or without the passages that were shown. `corrections`: only answers that somebody corrected, beside the
    correction."""

    people: bool = True
    teachers: frozenset[str] = frozenset()
    passages: bool = False
    corrections: bool = False


@dataclass(frozen=True)
class Rules:
    """What answers are held against, beside the index: `golden` finds the questions that are evaluated and never
    trained on, `count_words` measures answers, `wanted` is what the recipe takes of the log."""

    golden: Likeness
    max_answer_words: int
    count_words: Callable[[str], int]
    wanted: Wanted


@dataclass(frozen=True)
class Assessed:
    """An answer with feedback or of a teacher, judged by all that stays as it is when documents change.

    `reason` is why it falls, empty where it does not; `documents` are what it rests on and `shown` the ids of those
    that the answer was made from, none where it falls before the index is asked.
    """

    interaction_id: str
    reason: str
    question: str
    answer: str
    documents: tuple[DocumentRevision, ...]
    shown: tuple[str, ...]
    asked_at: datetime
    written_as: str = ""
    passages: tuple[Shown, ...] = ()
    judged: bool = True
    rejected: str = ""

    def outcome(self, standing: Standing) -> str:
        """Return the first reason why it falls, or an empty string."""
        if not standing.labelled.isdisjoint(self.shown):
            return LABELLED
        return self.reason if all(map(standing.holds, self.documents)) else CHANGED

    @property
    def wording(self) -> Wording:
        """Question and answer as they are compared with others."""
        names = self.interaction_id, normalise(self.question), normalise(self.answer)
        return Wording(self.judged, self.asked_at, *names, self.written_as)


def count_words(text: str) -> int:
    """Count the words between blanks. A script without blanks needs another measure, a tokenizer's for instance."""
    return len(text.split())


def curate(
    interactions: Iterable[Row],
    feedback: Iterable[Row],
    standing: Standing,
    *,
    golden: Sequence[str] = (),
    max_answer_words: int = 24,
    count_words: Callable[[str], int] = count_words,
    wanted: Wanted = Wanted(),
) -> Curated:
    """Decide which logged answers may be trained on.

    `interactions` and `feedback`: rows of the tables of those names; feedback on interactions that are not given is
    left aside. `standing`: of the documents that `rested_on` names. `golden`: questions that are evaluated and never
    trained on. `count_words` measures answers. `wanted`: what the recipe takes.
    """
    rules = Rules(Likeness.of(golden), max_answer_words, count_words, wanted)
    votes = counted_feedback(feedback)
    rows = list(interactions)
    looked_at = [row for row in rows if row["interaction_id"] in votes or author(row) in wanted.teachers]
    assessed = [assess(row, votes.get(row["interaction_id"]), rules) for row in looked_at]
    outcomes = [one.outcome(standing) for one in assessed]
    eligible = [one for one, reason in zip(assessed, outcomes, strict=True) if not reason]
    chosen = one_per_question([one.wording for one in eligible])
    examples = [
        Example(one.question, one.answer, ids, one.documents, one.asked_at, one.passages, one.rejected)
        for one, ids in ((eligible[at], ids) for at, ids in chosen.answers)
    ]
    return conclude(len(rows), len(eligible), chosen, as_table(examples), Counter(filter(None, outcomes)))


def conclude(rows: int, eligible: int, chosen: Chosen, examples: pa.Table, fallen: Mapping[str, int]) -> Curated:
    """Account for all rows: `fallen` counts those that were looked at by their reasons."""
    counts = {
        **fallen,
        NOT_JUDGED: rows - eligible - sum(fallen.values()) + fallen.get(NOT_JUDGED, 0),
        "contradicts another answer": chosen.contradicted,
        "duplicate question": eligible - chosen.contradicted - examples.num_rows,
    }
    return Curated(rows, examples, {reason: counts.get(reason, 0) for reason in REASONS})


def author(row: Row) -> str:
    """Return who wrote an answer, as the settings name a teacher: an adapter by its id, else a model."""
    return row.get("adapter") or row.get("model") or ""


def rested_on(
    interactions: Iterable[Row], feedback: Iterable[Row], teachers: Container[str] = ()
) -> set[tuple[str, str]]:
    """Return the documents that examples may rest on, with the revisions that were shown."""
    votes = counted_feedback(feedback)
    looked_at = (row for row in interactions if row["interaction_id"] in votes or author(row) in teachers)
    shown = (row["passages"] or () for row in looked_at)
    return {(one["document_id"], one["revision"]) for passages in shown for one in passages}


def counted_feedback(feedback: Iterable[Row]) -> dict[str, Row]:
    """Return the feedback that counts per interaction: the newest, but only another correction withdraws a correction.

    A thumb after it may be meant for the answer or for the correction, so it says nothing about either.
    """
    counted: dict[str, Row] = {}
    for vote in sorted(feedback, key=lambda vote: vote["given_at"]):
        before = counted.get(vote["interaction_id"])
        if not (before and before["kind"] == "correction" and vote["kind"] != "correction"):
            counted[vote["interaction_id"]] = vote
    return counted


def assess(row: Row, vote: Row | None, rules: Rules) -> Assessed:
    """Judge an answer by the feedback that counts for it, or by evidence where there is none."""
    corrected = vote is not None and vote["kind"] == "correction"
    correction = vote if corrected else None
    # A follow-up is trained on as it reads without its conversation, which no adapter sees.
    question = (row.get("rewritten") or row["question"] or "").strip()
    answer = (correction["correction"] or "").strip() if correction else _as_learned(row, rules.wanted)
    by_evidence = vote is None or not rules.wanted.people
    passages = passages_of(row, correction) if rules.wanted.passages or by_evidence else ()
    documents = resting_on_passages(row, passages) if rules.wanted.passages else resting_on(row, correction)
    early = _unwanted(row, vote, rules.wanted) or _early_reason(row, correction, documents)
    late = "" if early else _late_reason(question, answer, rules)
    rejected = _as_learned(row, rules.wanted) if rules.wanted.corrections and not early else ""
    rests_on = () if early else documents
    shown = () if early else tuple(dict.fromkeys(one["document_id"] for one in row["passages"] or ()))
    written_as = "" if corrected else row.get("reused_from") or ""
    names = early or late, question, answer, rests_on, shown, row["asked_at"], written_as
    return Assessed(row["interaction_id"], *names, () if early else passages, not by_evidence, rejected)


def _unwanted(row: Row, vote: Row | None, wanted: Wanted) -> str:
    """Return why neither people nor evidence stand by an answer, as the recipe has it."""
    if vote is not None and vote["kind"] == "down":
        return "thumbs down"
    if wanted.corrections and not (vote is not None and _changes(row, vote)):
        return "not corrected" if vote is not None else NOT_JUDGED
    if vote is not None and wanted.people:
        return ""
    if vote is not None and vote["kind"] == "correction":
        return "corrected"
    if author(row) not in wanted.teachers:
        return "not from a teacher" if vote is not None else NOT_JUDGED
    if row.get("guard") not in (None, "none"):
        return "flagged by the guard"
    return "" if row["abstained"] or row.get("support") else UNBORNE


def _changes(row: Row, vote: Row) -> bool:
    """Return whether feedback is a correction that says something else than the answer did."""
    corrected = normalise(without_marks(vote["correction"] or ""))
    return vote["kind"] == "correction" and corrected != normalise(without_marks(row["answer"] or ""))


def _early_reason(row: Row, correction: Row | None, documents: Sequence[DocumentRevision]) -> str:
    """Return why an answer falls before it is asked whether what it rests on still stands."""
    if row.get("cut"):
        return "cut off"
    if "\n" in (row.get("rewritten") or ""):
        return "several questions"
    if row["abstained"] and correction is None:
        return "abstained"
    if not documents:
        return "no document behind it"
    unborne = correction.get("support") == [] if correction else may_rest_elsewhere(row)
    return UNBORNE if unborne else ""


def _late_reason(question: str, answer: str, rules: Rules) -> str:
    if rules.golden.matches(question):
        return "in the golden set"
    if not answer or not question:
        return "empty text"
    return "answer too long" if rules.count_words(answer) > rules.max_answer_words else ""


def _as_learned(row: Row, wanted: Wanted) -> str:
    """Return the answer, without the marks of its citations where they would mean nothing: apart from its passages."""
    if wanted.passages:
        return (row["answer"] or "").strip()
    numbers = {citation["n"] for citation in row["citations"] or ()}
    return without_marks(row["answer"] or "", numbers.__contains__)
