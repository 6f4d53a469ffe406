"""When two questions are one question: equal once normalised, or near-duplicates.

Near-duplicate: Jaccard similarity of the token sets of at least `NEAR_DUPLICATE`. Questions under ten tokens are then
near-duplicates only with equal token sets, so "What is the licence of torch?" stays apart from "… of torchvision?".
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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

    def __init__(self, questions: Sequence[str], threshold: float = NEAR_DUPLICATE) -> None:
        self._threshold = threshold
        self._sets = [frozenset(tokens(question)) for question in questions]
        self._frequency = Counter(token for known in self._sets for token in known)
        self._index: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        self._lengths = set(map(len, self._sets))
        self._prefixes = [self._prefix(known) for known in self._sets]
        for position, known in enumerate(self._sets):
            for place, token in enumerate(self._prefixes[position]):
                self._index[token, len(known), place].append(position)

    def matches(self, question: str) -> list[int]:
        """Positions of the known questions that the given one is a near-duplicate of, in order."""
        wanted = frozenset(tokens(question))
        return self._matches(wanted, self._prefix(wanted))

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every pair of near-duplicates among the known questions, as positions (first < second)."""
        for position, known in enumerate(self._sets):
            near = self._matches(known, self._prefixes[position])
            yield from ((other, position) for other in near if other < position)

    def _matches(self, wanted: frozenset[str], rarest: Sequence[str]) -> list[int]:
        candidates = {position for key in self._keys(len(wanted), rarest) for position in self._index.get(key, ())}
        return sorted(position for position in candidates if self._are_near(wanted, self._sets[position]))

    def _keys(self, size: int, rarest: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Where the index has the sets that may be near: token, length of the set, place of the token in its order."""
        for length in range(self._least(size), int(size / self._threshold + _ROUNDING) + 1):
            if length in self._lengths:
                # The small subtraction guards against products that floats put just above the whole number.
                shared = ceil(self._threshold * (size + length) / (1 + self._threshold) - _ROUNDING)
                for token in rarest[: size - shared + 1]:
                    yield from ((token, length, place) for place in range(length - shared + 1))

    def _least(self, size: int) -> int:
        return ceil(self._threshold * size - _ROUNDING)

    def _prefix(self, words: frozenset[str]) -> list[str]:
        """The rarest tokens first, as many as the index needs for sets of any length that may be near."""
        rarest_first = sorted(words, key=lambda token: (self._frequency[token], token))
        return rarest_first[: len(words) - self._least(len(words)) + 1]

    def _are_near(self, one: frozenset[str], other: frozenset[str]) -> bool:
        shared = len(one & other)
        return shared >= self._threshold * (len(one) + len(other) - shared) - _ROUNDING
