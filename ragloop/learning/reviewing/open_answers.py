"""The answers that a person should look at next, with their passages as they stand now."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.index.table import Index
from ragloop.journal import Journal
from ragloop.learning.examples.example import Shown
from ragloop.learning.examples.resting import passages_of
from ragloop.learning.reviewing.informative import ToReview, to_review
from ragloop.learning.rows.passages import LivePassages

LOOKED_THROUGH = 20_000
"""The newest answers of the log, of which the most informative are chosen: what a look costs does not grow with the
log, and what was asked long ago tells less of what is asked now."""
_COLUMNS = (
    "interaction_id", "asked_at", "question", "rewritten", "answer", "abstained", "guard", "top_similarity", "labels",
)  # fmt: skip
_MORE = ("interaction_id", "question", "rewritten", "answer", "passages", "citations")


@dataclass(frozen=True)
class ShownPassage:
    """A passage that an answer was given with; without a text where it changed or is gone since."""

    n: int
    uri: str
    text: str


@dataclass(frozen=True)
class OpenAnswer:
    """An answer that nobody judged, why it is worth a look, and how often its question was asked."""

    interaction_id: str
    question: str
    answer: str
    why: str
    times: int
    passages: tuple[ShownPassage, ...]


def open_answers(
    journal: Journal, index: Index, most: int, is_seen: Callable[[Mapping[str, Any]], bool] | None = None
) -> list[OpenAnswer]:
    """Return the answers that tell most when a person looks at them, the first of them most.

    Where `is_seen` tells of a row, with the labels of who asked, that it is not for who looks, it counts for nothing:
    how often others asked, and how differently they were answered, is not told either.
    """
    answers, feedback = journal.tables()
    recent = answers.take(answers.newest(LOOKED_THROUGH), _COLUMNS)
    said = feedback.rows(["interaction_id"])["interaction_id"]
    judged = said.filter(pc.is_in(said, value_set=pc.unique(recent["interaction_id"]))).to_pylist()
    seen = (row for row in recent.to_pylist() if is_seen is None or is_seen(row))
    chosen = to_review(seen, frozenset(judged), most)
    places = answers.places("interaction_id", pa.array([one.interaction_id for one in chosen], pa.string()))
    rows = {row["interaction_id"]: row for row in answers.take(places, _MORE).to_pylist()}
    return list(_with_passages(index, chosen, rows))


def _with_passages(
    index: Index, chosen: Sequence[ToReview], rows: Mapping[str, Mapping[str, Any]]
) -> Iterator[OpenAnswer]:
    shown = {one.interaction_id: passages_of(rows[one.interaction_id], None) for one in chosen}
    live = LivePassages.of(index, shown.values())
    for one in chosen:
        row = rows[one.interaction_id]
        passages = tuple(_passage(live, passage) for passage in shown[one.interaction_id])
        question = row["rewritten"] or row["question"]
        yield OpenAnswer(one.interaction_id, question, row["answer"], one.why, one.times, passages)


def _passage(live: LivePassages, shown: Shown) -> ShownPassage:
    found = live.of_row([shown])
    return ShownPassage(shown.n, found[0].uri, found[0].text) if found else ShownPassage(shown.n, "", "")
