"""How late the documents of one sync became searchable, beside the objective, and the event of a late sync."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragloop.corpus.sync.report import Change
from ragloop.records import HomeEvent

LATE = "ragloop.freshness.late"
"""The event that an automation of flows/automations.json waits for."""


@dataclass(frozen=True)
class Freshness:
    """Lags of the documents that one sync committed, in seconds, shortest first; a first index has none."""

    lags_s: tuple[float, ...]
    objective_s: float

    def __post_init__(self) -> None:
        if self.objective_s <= 0:
            raise ValueError(f"the objective must be longer than no time at all, found {self.objective_s:g} s")

    @property
    def late(self) -> bool:
        """Return whether the p95 is beyond the objective: one document that was late by itself is not an alarm."""
        return bool(self.lags_s) and self.quantile(0.95) > self.objective_s

    def quantile(self, share: float) -> float:
        """Return the lag that this share of the documents did not exceed, in seconds. There must be one."""
        return float(np.quantile(self.lags_s, share))

    def figures(self) -> dict[str, float]:
        """Return what an event carries. There must be a document."""
        quantiles = {"p50_s": self.quantile(0.5), "p95_s": self.quantile(0.95), "worst_s": self.quantile(1)}
        return {"documents": len(self.lags_s), **{name: round(lag, 1) for name, lag in quantiles.items()},
                "objective_s": self.objective_s}  # fmt: skip


def lateness(found: Freshness, home: Path, config: Path | None) -> HomeEvent | None:
    """Make the event of a sync of this home that was late; None where it was in time."""
    return HomeEvent(LATE, home, config, found.figures()) if found.late else None


def freshness(changes: Sequence[Change], objective_s: float) -> Freshness:
    """Compute freshness from the changes of a sync report."""
    return Freshness(tuple(sorted(one.lag_s for one in changes if one.lag_s is not None)), objective_s)
