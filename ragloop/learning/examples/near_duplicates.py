"""When two questions are one question: equal once normalised, or near-duplicates.

Near-duplicate: Jaccard similarity of the token sets of at least `NEAR_DUPLICATE`. Questions under ten tokens are then
near-duplicates only with equal token sets, so "What is the licence of torch?" stays apart from "… of torchvision?".
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

from ragloop.learning.evaluation.scoring import tokens

NEAR_DUPLICATE = 0.9


class Likeness:
    """Finds the near-duplicates of a question among those known, without comparing it to each.

    Prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007): two sets with Jaccard >= t share at least one of
    their first |x| - ceil(t |x|) + 1 tokens in any fixed order; with the rarest tokens first, few candidates remain.
    """

    def __init__(self, questions: Sequence[str], threshold: float = NEAR_DUPLICATE) -> None:
        self._threshold = threshold
        self._sets = [frozenset(tokens(question)) for question in questions]
        self._frequency = Counter(token for known in self._sets for token in known)
        self._index: dict[str, list[int]] = defaultdict(list)
        for position, known in enumerate(self._sets):
            for token in self._prefix(known):
                self._index[token].append(position)

    def matches(self, question: str) -> list[int]:
        """Positions of the known questions that the given one is a near-duplicate of, in order."""
        return self._matches(frozenset(tokens(question)))

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every pair of near-duplicates among the known questions, as positions (first < second)."""
        for position, known in enumerate(self._sets):
            yield from ((other, position) for other in self._matches(known) if other < position)

    def _matches(self, wanted: frozenset[str]) -> list[int]:
        candidates = {position for token in self._prefix(wanted) for position in self._index.get(token, ())}
        return sorted(position for position in candidates if self._are_near(wanted, self._sets[position]))

    def _prefix(self, words: frozenset[str]) -> list[str]:
        rarest_first = sorted(words, key=lambda token: (self._frequency[token], token))
        # The small subtraction guards against a product such as 0.9 * 10 that floats put just above the whole number.
        return rarest_first[: len(words) - ceil(self._threshold * len(words) - 1e-9) + 1]

    def _are_near(self, one: frozenset[str], other: frozenset[str]) -> bool:
        shared = len(one & other)
        return shared >= self._threshold * (len(one) + len(other) - shared) - 1e-9
