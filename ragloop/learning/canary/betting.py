"""E-values for the difference between two shares of bad outcomes, valid whenever somebody looks.

Whoever looks at a t-test after every answer will reject sooner or later, whatever is true. An e-process is the capital
of a bettor in a game that is fair or worse under the hypothesis: with a chance of at least 1 - alpha it never reaches
1/alpha (Ville's inequality), however often and for whatever reason somebody looks or stops (Waudby-Smith and Ramdas
2023, arXiv:2010.09686).

The game. A question goes to the challenger with the chance s. Its outcome Y is 1 where it is bad. For any c,

    X = (Y - c) / s where the challenger answered, -(Y - c) / (1 - s) where the champion did

has the difference of the two shares of bad outcomes as its mean, given whatever was before. That it is bad more often
by at most `margin` is bet against with the factor 1 + bet * (X - margin), that it is by at least `margin` with
1 + bet * (margin - X). Bets are shares of the largest that cannot lose everything. The capital is spread over bets and
values of c, and never moved between them: the mean of e-processes is one, and no order of outcomes matters. So counts
are enough, and a vote that comes hours late is one more outcome. Neither s nor the shares of bad outcomes have to stay
as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

BETS = np.array([0.5, 0.25, 0.12, 0.06, 0.03])
"""Shares of the largest bet: the best one is about difference × share of the challenger / variance of X."""
CENTRES = np.array([0.05, 0.2, 0.45])
"""Values of c: the nearer to the share of bad outcomes, the less X varies. Each part of the capital that is bet badly
costs the rest its share, so there are few of both."""


@dataclass(frozen=True)
class Cell:
    """The outcomes of one share of the challenger: how many of each side, and how many of them were bad."""

    share: float
    challenger: int = 0
    challenger_bad: int = 0
    champion: int = 0
    champion_bad: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"the share of a challenger must lie between 0 and 1, found {self.share}")
        if not (0 <= self.challenger_bad <= self.challenger and 0 <= self.champion_bad <= self.champion):
            raise ValueError(f"expected no more bad outcomes than outcomes, found {self}")


def worse(cells: Sequence[Cell], margin: float) -> float:
    """Return the e-value against "bad outcomes are at most `margin` more frequent with the challenger"."""
    return _mixed([_log_factors(cell, margin, 1.0) for cell in cells])


def not_worse(cells: Sequence[Cell], margin: float) -> float:
    """Return the e-value against "bad outcomes are at least `margin` more frequent with the challenger"."""
    return _mixed([_log_factors(cell, margin, -1.0) for cell in cells])


def factors(share: float, margin: float, sign: float) -> _Floats:
    """Return by what an outcome multiplies each part of the capital: shape (4, centres, bets).

    The outcomes are the challenger's bad and good ones, then the champion's. `sign` is 1 for a bet that the challenger
    is worse, -1 for the opposite one.
    """
    bad, good = 1 - CENTRES, -CENTRES
    x = np.stack([bad / share, good / share, -bad / (1 - share), -good / (1 - share)])
    gains = sign * (x - margin)
    largest = 1 / -gains.min(axis=0)
    return np.asarray(1 + gains[:, :, None] * (largest[:, None] * BETS[None, :])[None])


def _log_factors(cell: Cell, margin: float, sign: float) -> _Floats:
    counts = np.array(
        [
            cell.challenger_bad,
            cell.challenger - cell.challenger_bad,
            cell.champion_bad,
            cell.champion - cell.champion_bad,
        ]
    )
    return np.asarray(np.tensordot(counts, np.log(factors(cell.share, margin, sign)), axes=1))


def _mixed(logs: Sequence[_Floats]) -> float:
    if not logs:
        return 1.0
    total = np.sum(logs, axis=0)
    largest = float(total.max())
    # Beyond this a number of 64 bits has no room, and nobody needs to know more.
    return float(np.exp(min(largest, 600.0)) * np.mean(np.exp(total - largest)))
