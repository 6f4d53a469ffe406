"""Which documents may hold a text that nothing names: runs of eight words of the index, a part of them, by their hash.

Which runs are kept is decided by their first word alone, so that a text and its document keep the same ones.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from zlib import crc32

from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import Index
from ragloop.traffic.resolving.standing import SHINGLE
from ragloop.traffic.resolving.words import tokens

_WIDTH = 5
"""Words of a run that is kept: fewer than a shingle has, so that each shingle meets several."""
_FULL = 20_000
"""Chunks of an index up to which a third of the runs is kept; of a larger one fewer, since they are held in memory."""
_MOST = 5
"""Documents that are looked at for one text."""


class ShinglesOfIndex:
    """The kept runs of all chunks of an index, read when they are first needed."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def candidates(self, text: str) -> list[str]:
        """Return the ids of the documents that share most runs with a text, best first."""
        runs, documents, table = self._table
        shared = Counter(documents[one] for run in _kept(tokens(text), runs) for one in table.get(run, ()))
        best = sorted(shared.items(), key=lambda one: (-one[1], one[0]))
        return [one for one, _ in best[:_MOST]]

    @cached_property
    def _table(self) -> tuple[int, Sequence[str], dict[int, tuple[int, ...]]]:
        """Return one of how many runs is kept, ids of documents, and the documents of each run by their position."""
        every = 3 * max(1, inventory.chunks(self._index) // _FULL)
        documents = sorted(inventory.keys(self._index))
        number = {one: at for at, one in enumerate(documents)}
        table: dict[int, tuple[int, ...]] = {}
        for row in inventory.chunk_texts(self._index, documents):
            one = number[row["document_id"]]
            for run in set(_kept(tokens(row["text"]), every)):
                before = table.get(run, ())
                if one not in before and len(before) < 4 * _MOST:
                    table[run] = (*before, one)
        return every, documents, table


def _kept(words: Sequence[str], every: int) -> Iterator[int]:
    """Yield the hashes of the kept runs of words."""
    for at in range(len(words) - _WIDTH + 1):
        if crc32(words[at].encode("utf-8", "replace")) % every == 0:
            yield hash("\x1f".join(words[at : at + _WIDTH]))


def shingles(words: Sequence[str]) -> Iterable[Sequence[str]]:
    """Return every run of SHINGLE words."""
    return (words[at : at + SHINGLE] for at in range(len(words) - SHINGLE + 1))
