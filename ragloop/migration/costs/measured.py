"""What costs are counted from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ragloop.migration.columns import Amounts, Logged
from ragloop.migration.costs.prices import PriceList


@dataclass(frozen=True)
class Trained:
    """A training: when it ended, and how long it took."""

    at: datetime
    seconds: float

    def usd(self, prices: PriceList) -> float:
        """Return what it cost."""
        return self.seconds / 3600 * prices.training_usd_per_hour


@dataclass(frozen=True)
class Shadow:
    """Answers that were given beside the log, to compare lanes: how many, the time that they took, what was charged."""

    answers: int
    seconds: float
    charged_usd: float

    def usd(self, prices: PriceList) -> float:
        """Return what they cost."""
        return self.charged_usd + self.seconds / 3600 * prices.compute_usd_per_hour


@dataclass(frozen=True)
class Measured:
    """What costs are counted from: answers with what each cost, trainings, bytes that are kept."""

    log: Logged
    usd: Amounts
    trainings: Sequence[Trained]
    shadows: Sequence[Shadow]
    stored_bytes: int
    window_days: float
    now: datetime
    retrainings_per_month: float

    @property
    def days(self) -> float:
        """Return how many days were observed: the window, or since the first answer where the log is younger."""
        if not len(self.log):
            return self.window_days
        first: datetime = self.log.asked_at[0].astype(datetime).replace(tzinfo=self.now.tzinfo)
        age = (self.now - first).total_seconds() / 86_400
        return min(self.window_days, max(age, 1.0))
