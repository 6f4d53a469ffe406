"""What a challenger must show, by how its recipe is asked: the rules that the gate holds scores against. Pure.

Without passages an adapter shows what it learned on golden questions about its own documents; held-out rows, which are
of other documents, show that it lost nothing. With passages held-out rows are the task itself, and an adapter may not
win by citing less or by answering what no passage answers; golden questions are asked as well where there are any. A
few of them reject an adapter that clearly loses them, and hold up nothing otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragloop.learning.evaluation.measures import ABSTAINS, CITES, EXACT_MATCH, TOKEN_F1_ELSEWHERE, Measure
from ragloop.registry.evidence import Criterion, CriterionState

Scores = NDArray[np.float64]
PASS, FAIL, UNDECIDED = CriterionState


class Criteria(StrEnum):
    """How the adapters of a recipe are asked."""

    FACTS = "facts"
    """Without passages."""
    PASSAGES = "passages"
    """With passages that answer."""
    GROUNDED = "grounded"
    """With passages that answer or do not, in which case it abstains."""


@dataclass(frozen=True, eq=False)
class PairedScores:
    """Scores in 0..1 of both on the same questions, shape (n,) each, in the same order; kept as float64 arrays."""

    incumbent: Scores
    challenger: Scores

    def __post_init__(self) -> None:
        for name in ("incumbent", "challenger"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"the scores of the {name} must be a list of numbers between 0 and 1")
        if len(self.incumbent) != len(self.challenger):
            raise ValueError(f"scores must be paired, found {len(self.incumbent)} and {len(self.challenger)}")

    def __len__(self) -> int:
        return len(self.incumbent)

    @property
    def differences(self) -> Scores:
        """Challenger − incumbent, in −1..1, shape (n,)."""
        return self.challenger - self.incumbent


NO_SCORES = PairedScores(np.zeros(0), np.zeros(0))


class Side(StrEnum):
    """Which values of a measure a rule looks at."""

    DIFFERENCE = "candidate − champion"
    CHALLENGER = "score of the candidate"


@dataclass(frozen=True)
class Rule:
    """A criterion before anything was measured: values of a measure whose mean is held against a threshold.

    Below `min_pairs` it stays undecided. `strict`: a mean that equals the threshold fails. `optional`: it counts only
    where something was measured; undecided below `counts_from` pairs, it holds nothing up.
    """

    name: str
    measure: Measure
    side: Side
    threshold: float
    min_pairs: int
    strict: bool = False
    optional: bool = False
    counts_from: int = 0

    def has_too_few(self, found: Criterion) -> bool:
        """Return whether a criterion can be passed over: nothing asks for it, and it rests on too few pairs."""
        return self.optional and found.state == UNDECIDED and found.n < self.counts_from

    @property
    def lowest(self) -> float:
        """The worst end of the scale."""
        return -1 if self.side == Side.DIFFERENCE else 0

    def values(self, scores: PairedScores) -> Scores:
        """Select the values that the criterion is the mean of."""
        return scores.differences if self.side == Side.DIFFERENCE else scores.challenger

    def state(self, low: float, high: float) -> CriterionState:
        """Return on which side of the threshold the bounds lie."""
        passes = low > self.threshold if self.strict else low >= self.threshold
        fails = high <= self.threshold if self.strict else high < self.threshold
        return PASS if passes else FAIL if fails else UNDECIDED


@dataclass(frozen=True)
class GatePolicy:
    """What a challenger must show. Scores lie in 0..1; `confidence` is one-sided, per bound.

    `min_pairs` counts where a lift is looked for; elsewhere the bounds alone decide. `margin` is of token F1 and exact
    match, `behaviour_margin` of citing and abstaining.
    """

    min_lift: float
    min_score: float
    margin: float
    behaviour_margin: float
    min_pairs: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        for name, low, high in (("min_lift", 0, 1), ("min_score", 0, 1), ("margin", 0, 1), ("behaviour_margin", 0, 1)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, found {getattr(self, name)}")
        if self.min_pairs < 1:
            raise ValueError(f"min_pairs must be at least 1, found {self.min_pairs}")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0.5 and 1, found {self.confidence}")

    def rules(self, criteria: Criteria) -> tuple[Rule, ...]:
        """Return the rules for adapters that are asked so. A challenger that equals the incumbent has no lift."""
        return self._facts if criteria is Criteria.FACTS else self._with_passages(criteria)

    @property
    def _facts(self) -> tuple[Rule, ...]:
        return (
            Rule("lift", EXACT_MATCH, Side.DIFFERENCE, self.min_lift, self.min_pairs, strict=True),
            Rule("floor", EXACT_MATCH, Side.CHALLENGER, self.min_score, self.min_pairs),
            Rule("non-inferiority", TOKEN_F1_ELSEWHERE, Side.DIFFERENCE, -self.margin, min_pairs=1),
        )

    def _with_passages(self, criteria: Criteria) -> tuple[Rule, ...]:
        behaviour = -self.behaviour_margin
        rules: Sequence[Rule] = (
            Rule("lift", TOKEN_F1_ELSEWHERE, Side.DIFFERENCE, self.min_lift, self.min_pairs, strict=True),
            Rule("golden", EXACT_MATCH, Side.DIFFERENCE, -self.margin, 1, optional=True, counts_from=self.min_pairs),
            Rule("citing", CITES, Side.DIFFERENCE, behaviour, min_pairs=1),
            Rule("abstaining", ABSTAINS, Side.DIFFERENCE, behaviour, min_pairs=1),
        )
        return tuple(one for one in rules if criteria is Criteria.GROUNDED or one.measure != ABSTAINS)
