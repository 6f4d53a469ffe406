"""The words of a document as the index keeps it, in order, and where a run of words stands in it."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ragloop.traffic.resolving.pieces import Piece, pieces_below, pieces_of_text

_MARK = "\x1f"
"""Stands between words; no word holds it."""
SHORTEST_PART = 3
"""Letters of a word that was cut off at the end of a passage; fewer could be another word."""


class KeptChunk(NamedTuple):
    """A chunk as the index has it."""

    chunk_id: str
    text_hash: str
    heading: str
    text: str
    start: int
    end: int


class Run(NamedTuple):
    """The words of a document from `first` on and before `after`."""

    first: int
    after: int


@dataclass(frozen=True)
class KnownDocument:
    """A document that the ledger knows, with what names it."""

    document_id: str
    source: str
    key: str
    uri: str
    revision: str


class DocumentWords:
    """The words of the kept chunks of a document."""

    def __init__(self, document: KnownDocument, chunks: Sequence[KeptChunk]) -> None:
        """Take in the chunks, in the order of the document's text."""
        self.document, self.chunks = document, chunks
        words, before = list[str](), ""
        self._firsts, self._pieces, self._chunks = array("I"), list[str](), array("I")
        for number, chunk in enumerate(chunks):
            for piece in (*pieces_below(before, chunk.heading), *pieces_of_text(chunk.text, chunk.heading)):
                self._firsts.append(len(words))
                self._pieces.append(piece.digest)
                self._chunks.append(number)
                words += piece.words
            before = chunk.heading
        self._text = _MARK + _MARK.join(words) + _MARK
        self._offsets = array("L", _offsets(words))

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self._offsets)

    @property
    def characters(self) -> int:
        """How much text is held."""
        return len(self._text)

    def find(self, words: Sequence[str], after: int = 0) -> Run | None:
        """Return the first run of these words that begins at the word `after` or later; None where there is none."""
        return self._find(_MARK + _MARK.join(words) + _MARK, len(words), after)

    def find_cut(self, words: Sequence[str]) -> Run | None:
        """Return a run of these words of which the first and the last may be cut off parts of a word."""
        whole = self.find(words)
        if whole is not None or not words:
            return whole
        first, last = _may_be_cut(words[0]), _may_be_cut(words[-1])
        inner = _MARK.join(words)
        for begins, ends in ((first, False), (False, last), (first and last, first and last)):
            if begins or ends:
                text = ("" if begins else _MARK) + inner + ("" if ends else _MARK)
                if (found := self._find(text, len(words), 0)) is not None:
                    return found
        return None

    def _find(self, text: str, words: int, after: int) -> Run | None:
        if not words or after >= len(self._offsets):
            return None
        at = self._text.find(text, self._offsets[after])
        if at < 0:
            return None
        first = bisect_right(self._offsets, at) - 1
        return Run(first, min(first + words, len(self)))

    def is_unique(self, words: Sequence[str]) -> bool:
        """Return whether these words follow each other in one place only."""
        return self._text.count(_MARK + _MARK.join(words) + _MARK) == 1

    def is_begin(self, word: int) -> bool:
        """Return whether a statement or a title begins with this word of the document."""
        return self._firsts[bisect_right(self._firsts, word) - 1] == word

    def holds(self, words: Sequence[str]) -> bool:
        """Return whether these words follow each other somewhere."""
        return _MARK + _MARK.join(words) + _MARK in self._text

    def digests(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """Return the statements that runs touch."""
        return tuple(
            dict.fromkeys(self._pieces[one] for run in runs for one in self._touched(run) if self._pieces[one])
        )

    def chunks_of(self, runs: Sequence[Run]) -> tuple[KeptChunk, ...]:
        """Return the chunks that runs touch, titles of chunks left aside."""
        numbers = dict.fromkeys(self._chunks[one] for run in runs for one in self._touched(run) if self._pieces[one])
        return tuple(self.chunks[one] for one in numbers)

    def _touched(self, run: Run) -> range:
        return range(
            bisect_right(self._firsts, run.first) - 1, bisect_right(self._firsts, max(run.first, run.after - 1))
        )


def _offsets(words: Sequence[str]) -> list[int]:
    """Return where the mark before each word stands."""
    found, at = [], 0
    for one in words:
        found.append(at)
        at += len(one) + 1
    return found


def _may_be_cut(word: str) -> bool:
    return len(word) >= SHORTEST_PART and word.isalpha()


def words_of(pieces: Sequence[Piece]) -> list[str]:
    """Return the words of pieces in order."""
    return [word for one in pieces for word in one.words]
