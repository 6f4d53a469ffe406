"""From answers and votes to counts: how often each side of a canary did badly. Pure.

A conversation counts once for each measure, since its questions are not independent of each other: its first answer
and its first vote. Where a larger share moves it to the challenger, what comes after that is left out on both sides.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ragloop.answering.routing import Arm, Assigned
from ragloop.learning.canary.betting import Cell


class Measure(StrEnum):
    """What may go badly."""

    THUMBS_DOWN = "thumbs down"
    """The first vote of a conversation is a thumb down or a correction."""
    ABSTAINED = "abstained"
    REPLACED = "replaced"
    """Another lane answered in its place: the answer was not supported, the adapter failed, or could not be asked."""
    SLOW = "slow"
    """It took long where both sides would have had to write; what is given again says nothing of an adapter."""


@dataclass(frozen=True)
class LoggedAnswer:
    """What a canary reads of an answer. `unit` is what stays on one adapter; `written`: neither side had an answer to
    give again."""

    interaction_id: str
    unit: str
    asked_at: datetime
    assigned: Assigned
    abstained: bool
    replaced: bool
    latency_ms: float
    written: bool = True


@dataclass(frozen=True)
class LoggedVote:
    """What a canary reads of feedback; `bad` for a thumb down and for a correction."""

    interaction_id: str
    given_at: datetime
    bad: bool


@dataclass(frozen=True)
class Tally:
    """The counts of a canary: per measure a cell for each share, and the answers of each side at each share."""

    cells: Mapping[Measure, tuple[Cell, ...]] = field(default_factory=dict)
    answers: Mapping[tuple[float, Arm], int] = field(default_factory=dict)

    def asked(self, share: float, arm: Arm | None = None) -> int:
        """Count the answers at a share, of both sides or of one."""
        return sum(count for (at, side), count in self.answers.items() if at == share and arm in (None, side))


def tallied(answers: Iterable[LoggedAnswer], votes: Iterable[LoggedVote], slow_ms: float) -> Tally:
    """Count the answers and votes of one canary."""
    in_order = sorted(answers, key=lambda one: one.asked_at)
    counted = _within_first_share(in_order)
    first = {one.unit: one for one in reversed(counted)}.values()
    outcomes = {
        Measure.THUMBS_DOWN: _first_votes(counted, votes),
        Measure.ABSTAINED: [(one.assigned, one.abstained) for one in first],
        Measure.REPLACED: [(one.assigned, one.replaced) for one in first],
        Measure.SLOW: [(one.assigned, one.latency_ms > slow_ms) for one in first if one.written],
    }
    answered = Counter((one.assigned.share, one.assigned.arm) for one in in_order)
    return Tally({measure: _cells(found) for measure, found in outcomes.items()}, answered)


def _within_first_share(in_order: Sequence[LoggedAnswer]) -> list[LoggedAnswer]:
    """Return the answers that were given while the share was that of their conversation's first answer."""
    first: dict[str, float] = {}
    return [one for one in in_order if first.setdefault(one.unit, one.assigned.share) == one.assigned.share]


def _first_votes(counted: Sequence[LoggedAnswer], votes: Iterable[LoggedVote]) -> list[tuple[Assigned, bool]]:
    """Return the first vote of each conversation, with whom it was about."""
    by_id = {one.interaction_id: one for one in counted}
    known = sorted((one for one in votes if one.interaction_id in by_id), key=lambda one: one.given_at)
    first = {by_id[one.interaction_id].unit: one for one in reversed(known)}
    return [(by_id[one.interaction_id].assigned, one.bad) for one in first.values()]


def _cells(outcomes: Iterable[tuple[Assigned, bool]]) -> tuple[Cell, ...]:
    counts = Counter((assigned.share, assigned.arm, bad) for assigned, bad in outcomes)

    def count(share: float, arm: Arm) -> tuple[int, int]:
        bad = counts[share, arm, True]
        return bad + counts[share, arm, False], bad

    shares = sorted({share for share, _, _ in counts})
    return tuple(Cell(share, *count(share, Arm.CHALLENGER), *count(share, Arm.CHAMPION)) for share in shares)
