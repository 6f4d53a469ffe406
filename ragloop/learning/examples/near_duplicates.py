"""When two questions are one question: equal once normalised, or near-duplicates.

Near-duplicate: Jaccard similarity of the token sets of at least `NEAR_DUPLICATE`. Questions under ten tokens are then
near-duplicates only with equal token sets, so "What is the licence of torch?" stays apart from "… of torchvision?".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import ceil

from ragloop.learning.evaluation.scoring import tokens

NEAR_DUPLICATE = 0.9
_ROUNDING = 1e-9


class Likeness:
    """Finds the near-duplicates of a question among those known, without comparing it to each.

    Prefix filtering by length (Bayardo et al. 2007; Xiao et al. 2008): sets of n and m tokens with Jaccard >= t share
    at least a = t (n + m) / (1 + t) of them, so that one of the first n - a + 1 of one is among the first m - a + 1 of
    the other, in any fixed order. With the rarest tokens first, few candidates remain.
    """

    def __init__(self, sets: Sequence[frozenset[str]], threshold: float = NEAR_DUPLICATE) -> None:
        self._threshold = threshold
        self._sets = sets
        frequency = Counter(chain.from_iterable(sets))
        rarest_first = sorted(frequency, key=lambda token: (frequency[token], token))
        self._rank = {token: rank for rank, token in enumerate(rarest_first)}
        self._lengths = frozenset(map(len, sets))
        self._prefixes = [self._prefix(known) for known in sets]
        self._index: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for position, known in enumerate(sets):
            for place, rank in enumerate(self._prefixes[position]):
                self._index[rank, len(known), place].append(position)

    @classmethod
    def of(cls, questions: Iterable[str]) -> "Likeness":
        """Know these questions."""
        return cls([frozenset(tokens(one)) for one in questions])

    def matches(self, question: str) -> list[int]:
        """Return the positions of the known questions that the given one is a near-duplicate of, in order."""
        wanted = frozenset(tokens(question))
        return self._matches(wanted, self._prefix(wanted))

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield every pair of near-duplicates among the known questions, as positions (first < second)."""
        for position, known in enumerate(self._sets):
            near = self._matches(known, self._prefixes[position])
            yield from ((other, position) for other in near if other < position)

    def _matches(self, wanted: frozenset[str], rarest: Sequence[int]) -> list[int]:
        candidates: set[int] = set()
        for length, shared in self._near_lengths(len(wanted)):
            for rank in rarest[: len(wanted) - shared + 1]:
                for place in range(length - shared + 1):
                    candidates.update(self._index.get((rank, length, place), ()))
        return sorted(position for position in candidates if self._are_near(wanted, self._sets[position]))

    def _near_lengths(self, size: int) -> list[tuple[int, int]]:
        """Return the lengths of sets that may be near, each with the least number of tokens that are shared then."""
        lengths = range(self._least(size), int(size / self._threshold + _ROUNDING) + 1)
        # The small subtraction guards against products that floats put just above the whole number.
        return [
            (length, ceil(self._threshold * (size + length) / (1 + self._threshold) - _ROUNDING))
            for length in lengths
            if length in self._lengths
        ]

    def _least(self, size: int) -> int:
        return ceil(self._threshold * size - _ROUNDING)

    def _prefix(self, words: frozenset[str]) -> list[int]:
        """Return the ranks of the rarest tokens, as many as the index needs for sets of any length that may be near.

        A token that no known set has is the rarest.
        """
        return sorted([self._rank.get(token, -1) for token in words])[: len(words) - self._least(len(words)) + 1]

    def _are_near(self, one: frozenset[str], other: frozenset[str]) -> bool:
        shared = len(one & other)
        return shared >= self._threshold * (len(one) + len(other) - shared) - _ROUNDING
