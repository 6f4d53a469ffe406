"""Samples of questions → the floor below which ragloop should abstain, and how sure that is. Pure.

A floor costs answers to questions that a document answers, and saves those to questions that none does. Chosen is the
one with the least sum of both shares, the unanswerable ones counted by group, since nobody knows how many of each kind
will be asked. The interval comes from a bootstrap over the questions, the expected shares from parts of them that the
floor was not chosen on (five folds). A floor is sure where it costs less on these parts than none at all, by a
bootstrap over their questions in which each group gets one question more that speaks against it (Gaffke 2005).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragloop.learning.calibration.probing import Group, Sample
from ragloop.learning.evaluation.gate import mean_bounds
from ragloop.wording import counted

Values = NDArray[np.float64]

FEWEST = 50
"""Questions that a document answers, and those that none answers, below which nothing is said."""
WIDEST = 0.15
"""A wider interval of the floor is no evidence for one."""
_GRID = np.round(np.arange(0.0, 0.905, 0.005), 3)
_DRAWS, _FOLDS, _TAIL = 1000, 5, 0.025


@dataclass(frozen=True)
class Share:
    """A share of questions with its interval of 95 %."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """The floor that was found with its interval, and what to expect of it and of the one of today.

    `wrongly_abstained` and `wrongly_answered` (by group) are expected of it on questions that it was not chosen on;
    `now` are the same shares at the floor of today. `why` says why there is not enough evidence; the floor is None
    then. `is_better`: than that of today.
    """

    embedder: str
    floor: float | None
    low: float | None
    high: float | None
    wrongly_abstained: Share | None
    wrongly_answered: Mapping[str, Share]
    floor_now: float
    now: Mapping[str, Share]
    counts: Mapping[str, int]
    why: str = ""
    is_better: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the evidence suffices for a floor."""
        return self.floor is not None

    def as_body(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {"floor": self.floor, "low": self.low, "high": self.high, "counts": dict(self.counts)}


def calibrated(samples: Sequence[Sample], embedder: str, floor_now: float) -> Calibration:
    """Return the floor that the samples speak for, or why they speak for none."""
    groups = {one: [sample for sample in samples if sample.group is one] for one in Group}
    groups = {one: held for one, held in groups.items() if held}
    counts = {str(one): len(held) for one, held in groups.items()}
    wrong_now = {one: _wrong_at(held, np.array([floor_now]))[:, 0] for one, held in groups.items()}
    now = {str(one): _share(held) for one, held in wrong_now.items()}
    if why := _lacking(groups):
        return Calibration(embedder, None, None, None, None, {}, floor_now, now, counts, why)
    wrong = {one: _wrong_at(held, _GRID) for one, held in groups.items()}
    low, high = _interval(wrong)
    held_out = _held_out(wrong)
    expected = {str(one): _share(held) for one, held in held_out.items()}
    why = ""
    if high - low > WIDEST:
        why = f"the floor lies between {low:.2f} and {high:.2f}, which says little: more questions are needed"
    elif not _costs_less(held_out, {one: held[:, 0] for one, held in wrong.items()}):
        why = "no floor surely tells the questions apart better than the other signals do without one"
    floor = None if why else _best(_cost({one: held.mean(axis=0) for one, held in wrong.items()}))
    abstained = expected.pop(Group.ANSWERED)
    is_better = not why and _costs_less(held_out, wrong_now)
    return Calibration(embedder, floor, low, high, abstained, expected, floor_now, now, counts, why, is_better)


def _lacking(groups: Mapping[Group, Sequence[Sample]]) -> str:
    inside = len(groups.get(Group.ANSWERED, ()))
    outside = sum(len(held) for one, held in groups.items() if one is not Group.ANSWERED)
    if inside < FEWEST:
        return (
            f"found {counted(inside, 'question')} that a document answers, at least {FEWEST} are needed: add "
            "golden questions with their documents, or confirm and correct answers"
        )
    return (
        f"found {counted(outside, 'question')} that nothing answers, at least {FEWEST} are needed"
        if outside < FEWEST
        else ""
    )


def _wrong_at(samples: Sequence[Sample], floors: Values) -> Values:
    """Return per sample and floor 1 where it is answered and should not be, or the other way round; else 0."""
    by_floor = np.array([one.similarity for one in samples])[:, None] >= floors
    fixed = np.array([np.nan if one.answered is None else float(one.answered) for one in samples])[:, None]
    answered = np.where(np.isnan(fixed), by_floor, fixed)
    return 1 - answered if samples[0].group is Group.ANSWERED else answered


def _cost(shares: Mapping[Group, Values]) -> Values:
    """Return what each floor costs: the share of wrong abstentions and the mean share of wrong answers of the
    groups."""
    outside = [held for one, held in shares.items() if one is not Group.ANSWERED]
    cost: Values = shares[Group.ANSWERED] + np.mean(outside, axis=0)
    return cost


def _best(cost: Values) -> float:
    """Return the middle of the floors that cost least."""
    least = _GRID[cost <= cost.min() + 1e-9]
    return float(least[len(least) // 2])


def _interval(wrong: Mapping[Group, Values]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = {one: rng.dirichlet(np.ones(len(held)), _DRAWS) @ held for one, held in wrong.items()}
    found = [_best(_cost({one: shares[n] for one, shares in drawn.items()})) for n in range(_DRAWS)]
    low, high = np.quantile(found, (_TAIL, 1 - _TAIL))
    return float(low), float(high)


def _held_out(wrong: Mapping[Group, Values]) -> dict[Group, Values]:
    """Return which samples are wrong at the floor that was chosen without their fold."""
    found = {one: np.empty(len(values)) for one, values in wrong.items()}
    for fold in range(_FOLDS):
        others = {one: np.delete(values, np.s_[fold::_FOLDS], axis=0).mean(axis=0) for one, values in wrong.items()}
        at = int(np.searchsorted(_GRID, _best(_cost(others))))
        for one, values in wrong.items():
            found[one][fold::_FOLDS] = values[fold::_FOLDS, at]
    return found


def _costs_less(wrong: Mapping[Group, Values], others: Mapping[Group, Values]) -> bool:
    """Return whether being wrong on these samples surely costs less than on the others of the same questions."""
    rng = np.random.default_rng(0)
    more = {one: np.append(held - others[one], 1.0) for one, held in wrong.items()}
    drawn = {one: rng.dirichlet(np.ones(len(held)), _DRAWS) @ held for one, held in more.items()}
    return bool(np.quantile(_cost(drawn), 1 - _TAIL) < 0)


def _share(wrong: Values) -> Share:
    low, high = mean_bounds(wrong, 0, 1, 1 - _TAIL, 0)
    return Share(float(wrong.mean()), low, high, len(wrong))
