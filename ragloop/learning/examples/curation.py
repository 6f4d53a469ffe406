"""Logged answers and their feedback → eligible examples, and a funnel that says why the other rows fell.

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
from typing import Any, NamedTuple

import pyarrow as pa

from ragloop.language.citations import cited_numbers, without_marks
from ragloop.learning.evaluation.scoring import normalise
from ragloop.learning.examples.example import Curated, DocumentRevision, Example, as_table
from ragloop.learning.examples.near_duplicates import Likeness

Row = Mapping[str, Any]

REASONS = (
    "no feedback",
    "thumbs down",
    "cut off",
    "abstained",
    "no document behind it",
    "no passage bears it out",
    "passage has labels",
    "passage changed or gone",
    "in the golden set",
    "empty text",
    "answer too long",
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
class Rules:
    """What answers are held against, beside the index: `golden` finds the questions that are evaluated and never
    trained on, `count_words` measures answers."""

    golden: Likeness
    max_answer_words: int
    count_words: Callable[[str], int]


class Wording(NamedTuple):
    """What decides which of equal questions gives an example; `question` and `answer` are normalised."""

    asked_at: datetime | int
    interaction_id: str
    question: str
    answer: str


@dataclass(frozen=True)
class Assessed:
    """An answer with feedback, judged by all that stays as it is when documents change.

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

    def outcome(self, standing: Standing) -> str:
        """Return the first reason why it falls, or an empty string."""
        if not standing.labelled.isdisjoint(self.shown):
            return LABELLED
        return self.reason if all(map(standing.holds, self.documents)) else CHANGED

    @property
    def wording(self) -> Wording:
        """Question and answer as they are compared with others."""
        return Wording(self.asked_at, self.interaction_id, normalise(self.question), normalise(self.answer))


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
) -> Curated:
    """Decide which logged answers may be trained on.

    `interactions` and `feedback`: rows of the tables of those names; feedback on interactions that are not given is
    left aside. `standing`: of the documents that `rested_on` names. `golden`: questions that are evaluated and never
    trained on. `count_words` measures answers.
    """
    rules = Rules(Likeness.of(golden), max_answer_words, count_words)
    votes = counted_feedback(feedback)
    rows = list(interactions)
    assessed = [assess(row, vote, rules) for row in rows if (vote := votes.get(row["interaction_id"]))]
    outcomes = [one.outcome(standing) for one in assessed]
    eligible = [one for one, reason in zip(assessed, outcomes, strict=True) if not reason]
    chosen = [(eligible[at], ids) for at, ids in newest_per_question([one.wording for one in eligible])]
    examples = [Example(one.question, one.answer, ids, one.documents, one.asked_at) for one, ids in chosen]
    return conclude(len(rows), len(eligible), as_table(examples), Counter(filter(None, outcomes)))


def conclude(rows: int, eligible: int, examples: pa.Table, fallen: Mapping[str, int]) -> Curated:
    """Account for all rows: `fallen` counts those with feedback by their reasons."""
    counts = {
        **fallen,
        "no feedback": rows - eligible - sum(fallen.values()),
        "duplicate question": eligible - examples.num_rows,
    }
    return Curated(rows, examples, {reason: counts.get(reason, 0) for reason in REASONS})


def rested_on(interactions: Iterable[Row], feedback: Iterable[Row]) -> set[tuple[str, str]]:
    """Return the documents that examples may rest on, with the revisions that were shown."""
    votes = counted_feedback(feedback)
    shown = (row["passages"] or () for row in interactions if row["interaction_id"] in votes)
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


def assess(row: Row, vote: Row, rules: Rules) -> Assessed:
    """Judge an answer by the feedback that counts for it."""
    corrected = vote["kind"] == "correction"
    question = (row["question"] or "").strip()
    answer = (vote["correction"] or "").strip() if corrected else _without_marks(row)
    documents = _documents(row, vote if corrected else None)
    early = _early_reason(row, vote, documents)
    late = "" if early else _late_reason(question, answer, rules)
    rests_on = () if early else documents
    shown = () if early else tuple(dict.fromkeys(one["document_id"] for one in row["passages"] or ()))
    return Assessed(row["interaction_id"], early or late, question, answer, rests_on, shown, row["asked_at"])


def _early_reason(row: Row, vote: Row, documents: Sequence[DocumentRevision]) -> str:
    """Return why an answer falls before it is asked whether what it rests on still stands."""
    if vote["kind"] == "down":
        return "thumbs down"
    corrected = vote["kind"] == "correction"
    if row.get("cut"):
        return "cut off"
    if row["abstained"] and not corrected:
        return "abstained"
    if not documents:
        return "no document behind it"
    unborne = vote.get("support") == [] if corrected else _may_rest_elsewhere(row)
    return "no passage bears it out" if unborne else ""


def _may_rest_elsewhere(row: Row) -> bool:
    """Return whether a passage was shown that no index holds, and a sentence of the answer has no other behind it."""
    return not row.get("support") and any(not one["document_id"] for one in row["passages"] or ())


def _late_reason(question: str, answer: str, rules: Rules) -> str:
    if rules.golden.matches(question):
        return "in the golden set"
    if not answer or not question:
        return "empty text"
    return "answer too long" if rules.count_words(answer) > rules.max_answer_words else ""


def _documents(row: Row, correction: Row | None) -> tuple[DocumentRevision, ...]:
    """Return what the example rests on, cited first, then shown by rank, each revision once."""
    cited = [(one["document_id"], one["revision"]) for one in row["citations"] or ()]
    ranked = sorted(row["passages"] or (), key=lambda one: one["rank"])
    shown = [(one["document_id"], one["revision"]) for one in ranked]
    support = (correction or row).get("support")
    statements = {one["document_id"]: tuple(one["statements"]) for one in support or ()}
    chunks = {one.get("chunk_id") for one in row["citations"] or ()}
    cited = cited if _is_whole(row) else []
    if correction is not None and support:
        rests_on = [one for one in [*cited, *shown] if one[0] in statements]
    else:
        rests_on = cited if cited and correction is None else [*cited, *shown]
    return tuple(
        DocumentRevision(
            *key,
            cited=key in cited,
            text_hashes=_text_hashes(ranked, key, chunks if correction is None and cited else None),
            statements=statements.get(key[0], ()),
        )
        for key in dict.fromkeys(rests_on)
    )


def _is_whole(row: Row) -> bool:
    """Return whether every passage that the answer marks is known: else it rests on more than its citations say."""
    known = {one["n"] for one in row["citations"] or ()}
    shown = {one["rank"] for one in row["passages"] or ()}
    return known.issuperset(n for n in cited_numbers(row["answer"] or "") if n in shown)


def _text_hashes(passages: Sequence[Row], document: tuple[str, str], chunks: Container[str] | None) -> tuple[str, ...]:
    """Return the hashes of a document's passages, of these chunks or of all."""
    return tuple(
        one["text_hash"]
        for one in passages
        if (one["document_id"], one["revision"]) == document
        and one.get("text_hash")
        and (chunks is None or one["chunk_id"] in chunks)
    )


def _without_marks(row: Row) -> str:
    """Return the answer without the marks of its citations, which mean nothing apart from its passages."""
    numbers = {citation["n"] for citation in row["citations"] or ()}
    return without_marks(row["answer"] or "", numbers.__contains__)


def newest_per_question(eligible: Sequence[Wording]) -> list[tuple[int, tuple[str, ...]]]:
    """Return the place of one answer per question, and the interactions that gave it; the oldest of them first.

    It is the newest, since a later answer may correct an earlier one.
    """
    chosen: dict[str, tuple[int, tuple[str, ...]]] = {}
    for at in sorted(range(len(eligible)), key=eligible.__getitem__):
        one = eligible[at]
        before = chosen.pop(one.question, None)
        agree = before[1] if before and eligible[before[0]].answer == one.answer else ()
        chosen[one.question] = at, (*agree, one.interaction_id)
    return list(chosen.values())
