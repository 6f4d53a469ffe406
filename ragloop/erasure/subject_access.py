"""All that the log says of a person, for the person: every answer and document that has a term, as lines of JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.erasure.asked import Asked
from ragloop.erasure.finding import Finder, terms_of
from ragloop.erasure.words import Wordings, words
from ragloop.journal import Journal
from ragloop.registry import Registry

_TEXTS = ("question", "rewritten", "answer")
_GIVEN = ("interaction_id", "asked_at", "asked_by", "conversation", "message", *_TEXTS, "lane", "model", "adapter")


@dataclass(frozen=True)
class SubjectAccess:
    """Finds what a home has of a person."""

    journal: Journal
    registry: Registry

    def lines(self, subjects: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield documents that have one of the terms, then answers with the feedback on them, as objects of their kind.

        Raises UsageError for a term without words.
        """
        terms = terms_of(subjects)
        for one in Finder(self.journal.store, self.registry, None).documents(Asked(subjects=tuple(subjects))):
            yield {"kind": "document", "uri": one.uri, "source": one.source, "key": one.key, "title": one.title}
        yield from self._answers(terms, subjects)

    def _answers(self, terms: Wordings, subjects: Sequence[str]) -> Iterator[dict[str, Any]]:
        answers, feedback = self.journal.tables()
        hints = _hints(subjects)
        given = feedback.rows(["interaction_id", "given_at", "kind", "correction"]).drop_columns(["_rowid"])
        corrected = _having(given, ["correction"], hints, terms)
        of_correction = set(corrected["interaction_id"].to_pylist())
        for batch in answers.batches([*_GIVEN, "citations"]):
            rows = pa.Table.from_batches([batch])
            with_correction = pc.is_in(rows["interaction_id"], value_set=pa.array(sorted(of_correction), pa.string()))
            found = {row["interaction_id"]: row for row in rows.filter(with_correction).to_pylist()}
            found |= {row["interaction_id"]: row for row in _having(rows, _TEXTS, hints, terms).to_pylist()}
            votes = given.filter(pc.is_in(given["interaction_id"], value_set=pa.array(sorted(found), pa.string())))
            yield from map(_line, found.values(), [votes] * len(found))


def _hints(subjects: Sequence[str]) -> list[str]:
    """Return the longest word of each term: a text without one of them has none of the terms.

    Words beyond ASCII may be written in several ways that are folded to one; for these every text is looked at.
    """
    return [max((word for word in words(one) if word.isascii()), key=len, default="") for one in subjects]


def _having(rows: pa.Table, columns: Sequence[str], hints: Sequence[str], terms: Wordings) -> pa.Table:
    """Return the rows of which a text has one of the terms: by a word first, then by the runs of words."""
    near = pa.array([False] * rows.num_rows, pa.bool_())
    for column in columns:
        folded = pc.utf8_lower(pc.fill_null(rows[column], ""))
        for hint in hints:
            near = pc.or_(near, pc.match_substring(folded, hint))
    some = rows.filter(near)
    texts = zip(*(some[column].to_pylist() for column in columns), strict=True)
    return some.filter(pa.array([any(terms.stand_in(text) for text in row if text) for row in texts], pa.bool_()))


def _line(row: dict[str, Any], votes: pa.Table) -> dict[str, Any]:
    own = votes.filter(pc.equal(votes["interaction_id"], row["interaction_id"])).drop_columns(["interaction_id"])
    cited = [{"uri": one["uri"], "revision": one["revision"]} for one in row["citations"] or ()]
    return {"kind": "answer", **{name: row[name] for name in _GIVEN}, "cited": cited, "feedback": own.to_pylist()}
