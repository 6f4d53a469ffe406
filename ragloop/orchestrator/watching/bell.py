"""Decide when to ring for a queue or a folder that has something to do."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

AGAIN_S = 15.0
"""What waits on is rung for again after this long, then after twice as long each: a run takes some seconds to start,
and rings that come before its end are each a run that is cancelled."""
LONGEST_QUEUE_S = 60.0
"""A queue that a run is at is rung for ever less often, down to this."""
LONGEST_FOLDER_S = 900.0
"""A folder whose scans do not complete is rung for ever less often, down to this."""

STARTS_WITHIN = timedelta(minutes=6)
"""A run that was taken and has not begun by then has lost its process. Prefect gives its slot on after five minutes."""


@dataclass(frozen=True)
class Run:
    """A run on the server: its state, since when it has that, and when it is or was due."""

    state: str
    since: datetime
    due: datetime

    def is_under_way(self, now: datetime) -> bool:
        """Return whether it will do, or does, what a ring would have done; a run of a schedule only once it is due."""
        if self.state == "SCHEDULED":
            return self.due <= now
        return self.state == "RUNNING" or (self.state == "PENDING" and now - self.since < STARTS_WITHIN)


@dataclass(frozen=True)
class Look:
    """What a look at a queue or a folder found. `progressed`: no run is at what was rung for, or one has done it.

    `settled`: nothing waits and no run is at it, so that the next change is rung for at once.
    """

    waits: bool
    progressed: bool
    settled: bool = False

    @classmethod
    def at_queue(cls, waiting: int, held: int) -> Self:
        """Look at a queue by its messages: while some are held, a run is at them, and takes those that come as well."""
        return cls(waits=waiting > 0, progressed=held == 0, settled=waiting == 0 and held == 0)


@dataclass(frozen=True)
class Bell:
    """What is remembered of the rings for one place. Times are those of a clock that never goes back, in seconds."""

    longest_s: float
    again_s: float = AGAIN_S
    rang_at_s: float = -math.inf
    unanswered: bool = False

    def seen(self, look: Look) -> "Bell":
        """Return the bell after a look: patience starts again where a run came to its end."""
        bell = replace(self, again_s=AGAIN_S, unanswered=False) if look.progressed else self
        return replace(bell, rang_at_s=-math.inf) if look.settled else bell

    def rings(self, look: Look, now_s: float) -> bool:
        """Return whether to ring now."""
        return look.waits and now_s >= self.next_s

    @property
    def next_s(self) -> float:
        """When what still waits is rung for next."""
        return self.rang_at_s + self.again_s

    def rung(self, now_s: float) -> "Bell":
        """Return the bell after a ring; of several without progress, each waits twice as long for the next."""
        again_s = min(2 * self.again_s, self.longest_s) if self.unanswered else self.again_s
        return replace(self, again_s=again_s, rang_at_s=now_s, unanswered=True)


@dataclass(frozen=True)
class Unscanned:
    """The last change of a folder that no completed scan has seen, and the change that was rung for last."""

    changed_at: datetime | None = None
    rung_for: datetime | None = None

    def changed(self, now: datetime) -> "Unscanned":
        """Return what waits after a change."""
        return replace(self, changed_at=now)

    def scanned(self, began: datetime | None) -> "Unscanned":
        """Return what still waits after the last completed scan, which began then.

        A change waits until a scan that began after it is complete: the run that a ring starts may be cancelled, since
        another one is under way, or fail.
        """
        return Unscanned(_later(self.changed_at, began), _later(self.rung_for, began))

    def rung(self) -> "Unscanned":
        """Return what waits after a ring."""
        return replace(self, rung_for=self.changed_at)


def _later(change: datetime | None, scan: datetime | None) -> datetime | None:
    return None if change and scan and scan >= change else change
