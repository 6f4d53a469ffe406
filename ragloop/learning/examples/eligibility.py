"""Which logged answers may be trained on, brought up to date by what changed instead of found again.

An answer of a teacher is judged once. Any is judged again when it gets feedback, and asked of the index again when a
document that it rests on changes. All are judged again when the rules change: golden questions, the longest answer, the
teachers, the generation of the index.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import Index
from ragloop.errors import MismatchError, NotFoundError
from ragloop.journal import Journal, LogTable
from ragloop.learning.examples.choosing import Chosen, Wording, one_per_question
from ragloop.learning.examples.curation import (
    CHANGED,
    LABELLED,
    Rules,
    Wanted,
    assess,
    author,
    conclude,
    count_words,
    counted_feedback,
)
from ragloop.learning.examples.datasets import Dataset, state_of
from ragloop.learning.examples.example import EXAMPLES, Curated, DocumentRevision, examples_of
from ragloop.learning.examples.known import NOTHING, SCHEMA, Known, Watermark, read_known, rows_of, write_known
from ragloop.learning.examples.lineage import standing_of
from ragloop.learning.examples.near_duplicates import Likeness
from ragloop.learning.examples.resting import Row
from ragloop.learning.examples.rules import rules_sha256
from ragloop.store import quoted
from ragloop.store.files import Files

PART = 8_192
"""Answers that are judged at once."""
_ANSWERS = ["interaction_id", "asked_at", "question", "rewritten", "reused_from"]
_ANSWERS += ["answer", "abstained", "passages", "citations", "support", "cut", "model", "adapter", "guard"]
_FEEDBACK = ["feedback_id", "interaction_id", "given_at", "kind", "correction", "support"]


@dataclass(frozen=True, eq=False)
class Update:
    """What is known now, how many answers were judged for it, and how many asked of the index."""

    known: Known
    judged: int
    asked_again: int


@dataclass(frozen=True)
class Eligibility:
    """The answers of one log that may be trained on by a recipe. `files` keeps what is known of them.

    `golden` are questions that are never trained on; `wanted` is what the recipe takes.
    """

    journal: Journal
    index: Index
    files: Files
    golden: Sequence[str]
    max_answer_words: int
    recipe: str
    wanted: Wanted

    def curated(self) -> Curated:
        """Return the eligible examples of the whole log, and the funnel of the rest."""
        known = self.update().known
        rows, outcome = known.rows, self._outcomes(known.rows)
        eligible = rows.filter(pc.equal(outcome, ""))
        counts = pc.value_counts(outcome.filter(pc.not_equal(outcome, ""))).to_pylist()
        fallen = {one["values"]: one["counts"] for one in counts}
        chosen = one_per_question(_wordings(eligible))
        return conclude(known.watermark.answers, eligible.num_rows, chosen, _examples(eligible, chosen), fallen)

    def unseen(self, dataset_ids: Iterable[str], load: Callable[[str], Dataset]) -> int:
        """Count the eligible examples that did not come into one of these datasets, nor were left out by its split.

        A dataset that somebody deleted or changed holds nothing: what it held counts as new again.
        """
        before = self.update().known
        states = {one: state for one in dataset_ids if (state := state_of(self.files, one))}
        known = _marked(before, states, load)
        if known is not before and known.watermark.datasets.keys() == states.keys():
            write_known(self.files, self.recipe, known)
        seen = frozenset(known.rows.filter(known.rows["seen"])["interaction_id"].to_pylist())
        eligible = known.rows.filter(pc.equal(self._outcomes(known.rows), ""))
        return sum(not seen.issuperset(ids) for _, ids in one_per_question(_wordings(eligible)).answers)

    def _outcomes(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return why each answer falls, empty where it does not: as Assessed.outcome has it."""
        shown = rows["shown"].combine_chunks()
        labelled = _holding(shown, shown.flatten(), inventory.labelled(self.index))
        return pc.if_else(labelled, LABELLED, pc.if_else(rows["stands"], rows["reason"], CHANGED))

    def update(self) -> Update:
        """Bring what is known up to date."""
        answers, feedback = self.journal.tables()
        before = read_known(self.files, self.recipe)
        if not self._is_of_now(before.watermark, answers):
            before = NOTHING
        rows, fresh = self._judged(before.rows, answers, feedback)
        documents = set(rows["documents"].combine_chunks().flatten().field("document_id").to_pylist())
        current = inventory.revisions(self.index)
        revisions = {one: revision for one, revision in current.items() if one in documents}
        changed = [one for one in documents if revisions.get(one) != before.watermark.revisions.get(one)]
        asked_again = pc.or_(fresh, _mentions(rows, changed))
        rows = self._settled(rows, asked_again)
        watermark = Watermark(self._rules, self._generation, answers.count(), revisions, before.watermark.datasets)
        now = Known(rows, watermark)
        asked = int(pc.sum(asked_again).as_py() or 0)
        if asked or rows.num_rows != before.rows.num_rows:
            write_known(self.files, self.recipe, now)
        return Update(now, int(pc.sum(fresh).as_py() or 0), asked)

    def _is_of_now(self, watermark: Watermark, answers: LogTable) -> bool:
        """Return whether it was made by these rules, of a log that has only grown since."""
        made = watermark.rules, watermark.generation
        return made == (self._rules, self._generation) and watermark.answers <= answers.count()

    @cached_property
    def _rules(self) -> str:
        wanted = {**vars(self.wanted), "teachers": sorted(self.wanted.teachers)}
        text = json.dumps([rules_sha256(), self.max_answer_words, list(self.golden), wanted])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def _generation(self) -> str:
        return self.index.generation.table

    def _judged(self, rows: pa.Table, answers: LogTable, feedback: LogTable) -> tuple[pa.Table, pa.Array]:
        """Return all rows, those that are new or have other feedback than before judged, and which these are."""
        given = feedback.rows(["feedback_id", "interaction_id"])
        touched = pc.unique(pa.chunked_array([_touched(rows, given), self._of_teachers(rows, answers)]))
        votes = feedback.take(feedback.places("interaction_id", touched), _FEEDBACK).to_pylist() if len(touched) else []
        fresh = self._assessed(touched, votes, answers)
        kept = rows.filter(pc.invert(pc.is_in(rows["interaction_id"], value_set=touched)))
        again = rows.filter(rows["seen"])["interaction_id"].combine_chunks()
        seen = pc.is_in(fresh["interaction_id"], value_set=again)
        fresh = _with_seen(fresh, seen)
        which = pa.array([False] * kept.num_rows + [True] * fresh.num_rows, pa.bool_())
        return pa.concat_tables([kept, fresh]), which

    def _of_teachers(self, rows: pa.Table, answers: LogTable) -> pa.Array:
        """Return the answers of teachers that no row is of."""
        if not self.wanted.teachers:
            return pa.array([], pa.string())
        names = quoted(sorted(self.wanted.teachers))
        where = f"adapter IN ({names}) OR (adapter IS NULL AND model IN ({names}))"
        ids = answers.rows(["interaction_id"], where)["interaction_id"]
        return ids.filter(pc.invert(pc.is_in(ids, value_set=rows["interaction_id"]))).combine_chunks()

    def _assessed(self, touched: pa.Array, votes: Sequence[Row], answers: LogTable) -> pa.Table:
        """Judge these answers; feedback on answers that are not there is left aside."""
        rules = Rules(Likeness.of(self.golden), self.max_answer_words, count_words, self.wanted)
        counted = counted_feedback(votes)
        ids = defaultdict[str, list[str]](list)
        for vote in votes:
            ids[vote["interaction_id"]].append(vote["feedback_id"])
        places = answers.places("interaction_id", touched)
        parts = [SCHEMA.empty_table()]
        for first in range(0, len(places), PART):
            rows = answers.take(places[first : first + PART], _ANSWERS).to_pylist()
            looked_at = [one for one in rows if one["interaction_id"] in counted or author(one) in self.wanted.teachers]
            parts.append(rows_of([assess(one, counted.get(one["interaction_id"]), rules) for one in looked_at], ids))
        return pa.concat_tables(parts)

    def _settled(self, rows: pa.Table, which: pa.Array) -> pa.Table:
        """Return the rows, these with a new judgement whether what they rest on stands."""
        documents = [_documents(row) for row in rows.filter(which)["documents"].to_pylist()]
        standing = standing_of(self.index, {(one.document_id, one.revision) for held in documents for one in held})
        # Labels are looked at each time: to give or take one changes no document.
        standing = replace(standing, labelled=frozenset())
        stands = pa.array([all(map(standing.holds, held)) for held in documents], pa.bool_())
        column = pc.replace_with_mask(rows["stands"].combine_chunks(), which, stands)
        return rows.set_column(SCHEMA.get_field_index("stands"), "stands", column)


def _marked(known: Known, states: Mapping[str, str], load: Callable[[str], Dataset]) -> Known:
    """Mark the answers that came into these datasets; reads those that no mark is of yet.

    The watermark names no dataset with answers that the log does not have: they may come back.
    """
    marked = known.watermark.datasets
    if marked == states:
        return known
    if not marked.items() <= states.items():
        known = replace(known, rows=_with_seen(known.rows, pa.array([False] * known.rows.num_rows)))
        marked = {}
    ids = known.rows["interaction_id"].combine_chunks()
    there, seen, placed = frozenset(ids.to_pylist()), set[str](), dict(marked)
    for dataset_id in states.keys() - marked.keys():
        try:
            found = load(dataset_id).seen
        except (NotFoundError, MismatchError):
            found = frozenset()
        seen |= found
        placed |= {dataset_id: states[dataset_id]} if found <= there else {}
    flags = pc.or_(known.rows["seen"].combine_chunks(), pc.is_in(ids, value_set=pa.array([*seen], pa.string())))
    return Known(_with_seen(known.rows, flags), replace(known.watermark, datasets=placed))


def _with_seen(rows: pa.Table, seen: pa.Array) -> pa.Table:
    return rows.set_column(SCHEMA.get_field_index("seen"), "seen", seen)


def _touched(rows: pa.Table, given: pa.Table) -> pa.Array:
    """Return the interactions whose feedback is not the one that the rows know."""
    known = pc.list_flatten(rows["feedback"])
    parents = rows["interaction_id"].take(pc.list_parent_indices(rows["feedback"]))
    new = given.filter(pc.invert(pc.is_in(given["feedback_id"], value_set=known)))["interaction_id"]
    gone = parents.filter(pc.invert(pc.is_in(known, value_set=given["feedback_id"])))
    return pc.unique(pa.chunked_array([*new.chunks, *gone.chunks], pa.string()))


def _mentions(rows: pa.Table, documents: Sequence[str]) -> pa.Array:
    """Return which rows rest on one of these documents."""
    held = rows["documents"].combine_chunks()
    return _holding(held, held.flatten().field("document_id"), documents)


def _holding(lists: pa.ListArray, values: pa.Array, wanted: Iterable[str]) -> pa.Array:
    """Return which of the lists, whose items have these values, hold a wanted one."""
    found = pc.is_in(values, value_set=pa.array([*wanted], pa.string()))
    hit = np.zeros(len(lists), np.bool_)
    hit[pc.list_parent_indices(lists).filter(found).to_numpy()] = True
    return pa.array(hit)


def _documents(documents: Iterable[Mapping[str, Any]]) -> tuple[DocumentRevision, ...]:
    return tuple(map(DocumentRevision.of, documents))


def _wordings(rows: pa.Table) -> list[Wording]:
    names = ("interaction_id", "question_wording", "answer_wording", "written_as")
    asked_at = rows["asked_at"].cast(pa.int64()).to_pylist()
    return list(map(Wording, rows["judged"].to_pylist(), asked_at, *(rows[name].to_pylist() for name in names)))


def _examples(rows: pa.Table, chosen: Chosen) -> pa.Table:
    """Return an example per question of these rows, oldest first."""
    rows = rows.take(pa.array([at for at, _ in chosen.answers], pa.int64()))
    ids = pa.array([ids for _, ids in chosen.answers], EXAMPLES.field("interaction_ids").type)
    rows = rows.append_column("interaction_ids", ids)
    several = pc.greater(pc.list_value_length(ids), 1)
    named = pa.array([one.example_id for one in examples_of(rows.filter(several))], pa.string())
    names = pc.replace_with_mask(rows["example_id"].combine_chunks(), several, named)
    rows = rows.set_column(rows.schema.get_field_index("example_id"), "example_id", names)
    return rows.select(EXAMPLES.names).cast(EXAMPLES)
