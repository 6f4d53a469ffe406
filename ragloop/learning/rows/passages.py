"""The passages that rows name, read from the index by chunk and text hash: no row keeps their text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ragloop.answering.guard.readable import without_planted
from ragloop.answering.retrieval import as_passage
from ragloop.corpus.index.searching.search import Search
from ragloop.corpus.index.table import Index
from ragloop.learning.examples.example import Shown
from ragloop.records import Passage

_AT_ONCE = 2_000
"""Chunks that are read in one query."""


@dataclass(frozen=True)
class LivePassages:
    """What the index holds of the passages that rows name, by chunk id; sentences that speak to a model are left out,
    as they are where questions are answered."""

    held: Mapping[str, Passage]

    @classmethod
    def of(cls, index: Index, rows: Iterable[Sequence[Shown]]) -> "LivePassages":
        """Read the passages of these rows, each once."""
        wanted = sorted({one.chunk_id for passages in rows for one in passages})
        search = Search(index)
        found = {
            name: without_planted(as_passage(row, 0, 0.0))
            for first in range(0, len(wanted), _AT_ONCE)
            for name, row in search.passages(wanted[first : first + _AT_ONCE]).items()
        }
        return cls(found)

    def standing(self, passages: Sequence[Shown]) -> tuple[Shown, ...]:
        """Return those of the passages that the index holds as they were shown."""
        return tuple(one for one in passages if self.of_row([one]) is not None)

    def of_row(self, passages: Sequence[Shown]) -> tuple[Passage, ...] | None:
        """Return the passages of a row in their order; None where one changed or is gone."""
        found = [self.held.get(one.chunk_id) for one in passages]
        whole = [one for one in found if one is not None]
        if any(one.text_hash != shown.text_hash for one, shown in zip(whole, passages, strict=False)):
            return None
        if len(whole) < len(passages):
            return None
        return tuple(replace(one, rank=n) for n, one in enumerate(whole, 1))
