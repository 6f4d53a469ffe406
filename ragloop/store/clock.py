"""The clock by which everything in a store is dated."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the time of day, with a time zone."""


def utc_now() -> datetime:
    """Return the time of the system's clock."""
    return datetime.now(UTC)


def after(now: datetime, others: Iterable[datetime]) -> datetime:
    """Return `now`, or a microsecond after the latest of the others where a clock that was set back is before it."""
    return max([now, *(one + timedelta(microseconds=1) for one in others)])
