"""Counts of a canary × policy → stay, ramp up, promote or roll back. Pure.

Rolled back is a challenger for which the mean of its e-values for "worse by more than the margin", one for each
measure, passes 1/alpha. The mean of e-values is one: a challenger that is worse by more than the margin in nothing is
rolled back with a chance of at most alpha in the whole life of its canary. It goes on to the next share where each of
its e-values for "not worse by the margin" passes 1/alpha, or after enough questions: where few people vote, nothing
would ever be shown. After the last share it is promoted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragloop.answering.routing import Arm
from ragloop.learning.canary.betting import Cell, not_worse, worse
from ragloop.learning.canary.outcomes import Measure, Tally

LEAST_ANSWERS = 20
"""Answers of the challenger without which no share ends well: the next one is larger."""


class CanaryAction(StrEnum):
    """What is done to a canary."""

    STAY = "stay"
    RAMP = "ramp up"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    STOP = "stop"
    """It ended well, and a row that the challenger was trained on is no longer true."""


@dataclass(frozen=True)
class CanaryPolicy:
    """`shares` are in ascending order; `margin` is a difference of shares of bad outcomes, `questions` is that after
    which a share has lasted long enough, `slow_ms` that from which an answer is slow."""

    shares: tuple[float, ...]
    margin: float
    alpha: float
    questions: int
    slow_ms: float

    def __post_init__(self) -> None:
        between = all(0 < one < 1 for one in self.shares)
        if not self.shares or list(self.shares) != sorted(set(self.shares)) or not between:
            raise ValueError(f"shares must ascend and lie between 0 and 1, found {self.shares}")
        if not (0 < self.margin < 0.5 and 0 < self.alpha < 1):
            raise ValueError(f"margin must lie in (0, 0.5) and alpha in (0, 1), found {self.margin}, {self.alpha}")


@dataclass(frozen=True)
class Measured:
    """One measure over all shares: numbers of outcomes and of bad ones on each side, and the two e-values."""

    measure: Measure
    challenger: int
    challenger_bad: int
    champion: int
    champion_bad: int
    worse: float
    not_worse: float


@dataclass(frozen=True)
class CanaryDecision:
    """`share` is the next one, 1 for a promotion; `evidence` is the mean of the e-values for "worse"."""

    action: CanaryAction
    share: float
    reasons: tuple[str, ...]
    evidence: float
    measured: tuple[Measured, ...]


def decide(share: float, tally: Tally, policy: CanaryPolicy) -> CanaryDecision:
    """Decide what becomes of a canary whose challenger has this share now."""
    measured = tuple(_measured(one, tally.cells.get(one, ()), policy.margin) for one in Measure)
    evidence = sum(one.worse for one in measured) / len(measured)
    enough = 1 / policy.alpha
    if evidence >= enough:
        return CanaryDecision(CanaryAction.ROLL_BACK, 0.0, _why_worse(measured, evidence, policy), evidence, measured)
    if why := _why_next(share, tally, measured, policy):
        later = [one for one in policy.shares if one > share]
        action = CanaryAction.RAMP if later else CanaryAction.PROMOTE
        return CanaryDecision(action, later[0] if later else 1.0, (why,), evidence, measured)
    return CanaryDecision(CanaryAction.STAY, share, (_missing(share, tally, policy),), evidence, measured)


def _measured(measure: Measure, cells: Sequence[Cell], margin: float) -> Measured:
    return Measured(
        measure,
        sum(one.challenger for one in cells),
        sum(one.challenger_bad for one in cells),
        sum(one.champion for one in cells),
        sum(one.champion_bad for one in cells),
        worse(cells, margin),
        not_worse(cells, margin),
    )


def _why_worse(measured: Sequence[Measured], evidence: float, policy: CanaryPolicy) -> tuple[str, ...]:
    first = (
        f"worse by more than {policy.margin:g}: e-value {evidence:.3g}, {1 / policy.alpha:g} needed "
        f"(wrong with a chance of at most {policy.alpha:g})."
    )
    found = sorted((one for one in measured if one.worse > 1), key=lambda one: -one.worse)
    return (first, *map(_figures, found))


def _figures(one: Measured) -> str:
    return (
        f"{one.measure}: {one.challenger_bad} of {one.challenger} by the challenger, {one.champion_bad} of "
        f"{one.champion} by the champion, e-value {one.worse:.3g}."
    )


def _why_next(share: float, tally: Tally, measured: Sequence[Measured], policy: CanaryPolicy) -> str:
    """Return why the share has lasted long enough, or an empty string."""
    asked, tried = tally.asked(share), tally.asked(share, Arm.CHALLENGER)
    if tried < LEAST_ANSWERS:
        return ""
    if all(one.not_worse >= 1 / policy.alpha for one in measured):
        least = min(one.not_worse for one in measured)
        return f"not worse by {policy.margin:g} in anything: least e-value {least:.3g} after {tried} answers."
    if asked >= policy.questions:
        return f"{asked} questions at this share ({tried} by the challenger) do not show that it is worse."
    return ""


def _missing(share: float, tally: Tally, policy: CanaryPolicy) -> str:
    asked, tried = tally.asked(share), tally.asked(share, Arm.CHALLENGER)
    return (
        f"{asked} of {policy.questions} questions at this share, {tried} answered by the challenger "
        f"(at least {LEAST_ANSWERS}); neither worse nor shown to be no worse."
    )
