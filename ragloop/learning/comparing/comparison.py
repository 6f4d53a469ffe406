"""Scores of two configurations → means, intervals, and of each difference who is better. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ragloop.learning.comparing.asking import Answered
from ragloop.learning.comparing.intervals import FEWEST_COSTS, Interval, Values, bounds, more_pairs
from ragloop.learning.comparing.scores import UNPAIRED, Scores, in_order, is_cost

WHOLE = ""
"""The slice of all questions."""


class Better(StrEnum):
    """Whose figure is better, as far as the interval of the difference tells."""

    A = "a"
    B = "b"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Figure:
    """The mean of a measure over `n` questions; `nan` more should have a value and have none."""

    mean: float | None
    n: int
    nan: int
    interval: Interval | None


@dataclass(frozen=True)
class Difference:
    """b − a over `pairs`, the questions that have both values; `more_pairs` would decide if the difference stays.

    The mean is None where there is nothing to compare. Of a measure in UNPAIRED it is that of all values.
    """

    mean: float | None
    pairs: int
    interval: Interval | None
    better: Better
    more_pairs: int | None = None


@dataclass(frozen=True)
class Line:
    """One measure; `b` and `difference` are None where one configuration was asked."""

    measure: str
    a: Figure
    b: Figure | None = None
    difference: Difference | None = None


@dataclass(frozen=True)
class Slice:
    """The measures over the questions of one tag, language or source; `name` is empty for all questions."""

    name: str
    questions: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Comparison:
    """What was found. `b` is None where one configuration was asked; `left_out` says why questions were not asked."""

    a: str
    b: str | None
    slices: tuple[Slice, ...]
    left_out: tuple[str, ...] = field(default=())

    @property
    def whole(self) -> Slice:
        """The measures over all questions."""
        return self.slices[0]


def compared(found: Sequence[Answered], a: str, b: str | None, left_out: Sequence[str] = ()) -> Comparison:
    """Return the comparison, with a slice per tag, language and source that some of the questions have."""
    names = sorted({name for one in found for name in one.asked.slices})
    members = {WHOLE: list(found), **{name: [one for one in found if name in one.asked.slices] for name in names}}
    # A slice of all questions says nothing new.
    told = {name: held for name, held in members.items() if name == WHOLE or len(held) < len(found)}
    slices = [Slice(name, len(held), _lines(held, paired=b is not None)) for name, held in told.items()]
    return Comparison(a, b, tuple(slices), tuple(left_out))


def _lines(found: Sequence[Answered], *, paired: bool) -> tuple[Line, ...]:
    measures = in_order({name for one in found for name in (*one.a, *one.b)})
    if not measures:
        return ()
    of_a = _matrix([one.a for one in found], measures)
    of_b = _matrix([one.b for one in found], measures) if paired else of_a
    drawn = bounds(of_a, of_b, [is_cost(one) for one in measures], [one in UNPAIRED for one in measures])
    lines = []
    for n, measure in enumerate(measures):
        a = _figure([one.a for one in found], measure, drawn.a[n])
        if not paired:
            lines.append(Line(measure, a))
            continue
        b = _figure([one.b for one in found], measure, drawn.b[n])
        difference = _difference(measure, a, b, of_b[:, n] - of_a[:, n], drawn.difference[n])
        lines.append(Line(measure, a, b, difference))
    return tuple(lines)


def _matrix(scores: Sequence[Scores], measures: Sequence[str]) -> Values:
    return np.array([[one.get(name, np.nan) for name in measures] for one in scores], dtype=np.float64)


def _figure(scores: Sequence[Scores], measure: str, interval: Interval | None) -> Figure:
    held = np.array([one[measure] for one in scores if measure in one], dtype=np.float64)
    numbers = held[np.isfinite(held)]
    mean = float(numbers.mean()) if len(numbers) else None
    enough = len(numbers) >= (FEWEST_COSTS if is_cost(measure) else 1)
    return Figure(mean, len(numbers), len(held) - len(numbers), interval if enough else None)


def _difference(measure: str, a: Figure, b: Figure, paired: Values, interval: Interval | None) -> Difference:
    pairs = paired[np.isfinite(paired)]
    is_paired = measure not in UNPAIRED
    if a.mean is None or b.mean is None or (is_paired and not len(pairs)):
        return Difference(None, len(pairs), None, Better.INCONCLUSIVE)
    mean = float(pairs.mean()) if is_paired else b.mean - a.mean
    if interval is None or (is_cost(measure) and len(pairs) < FEWEST_COSTS):
        return Difference(mean, len(pairs), None, Better.INCONCLUSIVE)
    more = more_pairs(pairs, interval, is_share=not is_cost(measure)) if is_paired else None
    return Difference(mean, len(pairs), interval, _better(measure, interval), more)


def _better(measure: str, interval: Interval) -> Better:
    if not interval.decides:
        return Better.INCONCLUSIVE
    return Better.B if (interval.low > 0) != is_cost(measure) else Better.A
