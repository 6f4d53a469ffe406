"""How sure a mean and a difference of means are: a bootstrap over questions. Pure.

Each draw weights the questions by Dirichlet(1, …, 1) (the Bayesian bootstrap, Rubin 1981), the same weights for every
measure and both sides. A difference is that of pairs: of the questions that have both values. A share of 0..1 gets one
question more at the worst end of the scale for the lower end of its interval and at the best end for the upper one
(Gaffke 2005, as in the gate): twenty equal answers are not taken for certainty. A cost has no end, and gets none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log, log1p
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CONFIDENCE = 0.95
DRAWS = 4000
FEWEST_COSTS = 8
"""A mean of fewer costs gets no interval: nothing says how far the next one may lie from them."""
_POWER = 0.8
"""Chance of deciding that the needed number of pairs aims at, as in the gate."""
_MOST_PAIRS = 100_000
_AT_ONCE = 2_000_000
"""Weights that are drawn at once, 16 MB."""


@dataclass(frozen=True)
class Interval:
    """The ends of an interval of 95 %."""

    low: float
    high: float

    @property
    def decides(self) -> bool:
        """Whether 0 is not in it."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Bounds:
    """Per measure the interval of each side and of b − a; None where there are no values."""

    a: Sequence[Interval | None]
    b: Sequence[Interval | None]
    difference: Sequence[Interval | None]


def bounds(a: Values, b: Values, are_costs: Sequence[bool], unpaired: Sequence[bool] = (), seed: int = 0) -> Bounds:
    """Return the intervals of both sides and of their difference.

    The values have the shape (questions, measures). Equal values in equal order give equal intervals. The difference
    is that of the questions that have both values; for the measures that are `unpaired`, of all that have one.
    """
    ends = (~np.array(are_costs, dtype=np.bool_)).astype(np.float64)
    pairs = np.isfinite(a) & np.isfinite(b)
    if len(unpaired):
        pairs[:, np.array(unpaired, dtype=np.bool_)] = True
    of_a, of_b = (_drawn(one, ends, np.random.default_rng(seed)) for one in (a, b))
    (a_low, a_high), (b_low, b_high) = of_a, of_b
    if not pairs.all():
        both = (np.where(pairs, one, np.nan) for one in (a, b))
        (a_low, a_high), (b_low, b_high) = (_drawn(one, ends, np.random.default_rng(seed)) for one in both)
    return Bounds(_intervals(*of_a), _intervals(*of_b), _intervals(b_low - a_high, b_high - a_low))


def _drawn(values: Values, ends: Values, rng: np.random.Generator) -> tuple[Values, Values]:
    """Return means per draw and measure, with the further question at the worst and at the best end of the scale."""
    questions = len(values)
    defined = np.isfinite(values).astype(np.float64)
    held = np.where(np.isfinite(values), values, 0.0)
    rows = max(1, _AT_ONCE // (questions + 1))
    parts = [_means(held, defined, ends, min(rows, DRAWS - at), rng) for at in range(0, DRAWS, rows)]
    low, high = (np.concatenate(one) for one in zip(*parts, strict=True))
    return low, high


def _means(held: Values, defined: Values, ends: Values, draws: int, rng: np.random.Generator) -> tuple[Values, Values]:
    weights = rng.standard_exponential((draws, len(held) + 1))
    sums, counts, at_end = weights[:, :-1] @ held, weights[:, :-1] @ defined, weights[:, -1:] * ends
    with np.errstate(invalid="ignore"):
        # Without any value a mean is NaN, whatever stands at the end of the scale.
        total = np.where(defined.any(axis=0), counts + at_end, np.nan)
        return sums / total, (sums + at_end) / total


def _intervals(low: Values, high: Values) -> list[Interval | None]:
    tail = (1 - CONFIDENCE) / 2
    ends = zip(np.quantile(low, tail, axis=0), np.quantile(high, 1 - tail, axis=0), strict=True)
    return [Interval(float(one), float(other)) if np.isfinite(one + other) else None for one, other in ends]


def more_pairs(differences: Values, interval: Interval, *, is_share: bool) -> int | None:
    """Return about how many more pairs would decide which is better if the difference stays; None where no number that
    is worth planning would, or where the interval decides.

    The further question of a share outweighs n equal differences d with a chance of (1 + d) ** -n.
    """
    if interval.decides:
        return None
    mean, pairs = float(differences.mean()), len(differences)
    spread = float(differences.std(ddof=1)) if pairs > 1 else 1.0
    if abs(mean) < 1e-9:
        return None
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) + NormalDist().inv_cdf(_POWER)
    needed = max(ceil((z * spread / mean) ** 2), pairs + 1)
    if is_share:
        needed = max(needed, ceil(-log((1 - CONFIDENCE) / 2) / log1p(abs(mean))))
    return needed - pairs if needed <= _MOST_PAIRS else None
