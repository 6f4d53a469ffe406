"""A figure of costs, and how sure it is. Pure."""

from dataclasses import dataclass
from math import floor, isfinite, log10

import numpy as np

from ragloop.learning.comparing.intervals import CONFIDENCE, DRAWS, FEWEST_COSTS, Interval
from ragloop.migration.columns import Amounts

_BY_WEIGHTS = 1000
"""Up to so many values their mean is drawn by weights; of more it is as good as normal."""
_DIGITS = 6


@dataclass(frozen=True)
class Estimate:
    """A figure with the interval of 95 % that it lies in; without one where too little was observed."""

    usd: float
    interval: Interval | None = None

    @property
    def told(self) -> str:
        """Say the figure, and from where to where it may lie."""
        ends = f" ({self.interval.low:.4g} to {self.interval.high:.4g})" if self.interval else ""
        return f"{self.usd:.4g}{ends}"

    def as_row(self) -> dict[str, float | None]:
        """Return the figure and its ends as JSON shows them."""
        low, high = (self.interval.low, self.interval.high) if self.interval else (None, None)
        return {"usd": rounded(self.usd), "low": rounded(low), "high": rounded(high)}


def estimate(values: Amounts) -> Estimate | None:
    """Return the mean of costs; None without any, and without an interval of a few."""
    if not len(values):
        return None
    if len(values) < FEWEST_COSTS:
        return Estimate(float(values.mean()))
    return Estimate(float(values.mean()), ends(means_drawn(values)))


def means_drawn(values: Amounts, seed: int = 0) -> Amounts:
    """Draw what the mean of a cost may be: by the Bayesian bootstrap, of many values by the normal law."""
    rng = np.random.default_rng(seed)
    if len(values) > _BY_WEIGHTS:
        return rng.normal(values.mean(), values.std(ddof=1) / np.sqrt(len(values)), DRAWS)
    weights = rng.standard_exponential((DRAWS, len(values)))
    drawn: Amounts = weights @ values / weights.sum(axis=1)
    return drawn


def ends(drawn: Amounts) -> Interval:
    """Return the ends of 95 % of what was drawn."""
    tail = (1 - CONFIDENCE) / 2
    return Interval(float(np.quantile(drawn, tail)), float(np.quantile(drawn, 1 - tail)))


def rounded(value: float | None) -> float | None:
    """Return US dollars as they are shown: to a millionth, and less than that to six digits, as an answer may cost.

    What is too much to be added up is None: JSON has no infinity.
    """
    if not value or not isfinite(value):
        return 0.0 if value == 0 else None
    return round(value, max(_DIGITS, _DIGITS - 1 - floor(log10(abs(value)))))
