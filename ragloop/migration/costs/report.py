"""What was spent in a window, and what a month will cost. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ragloop.migration.columns import Amounts, Logged
from ragloop.migration.costs.break_even import MONTH_DAYS, BreakEven, break_even
from ragloop.migration.costs.estimates import Estimate, ends, estimate, means_drawn, rounded
from ragloop.migration.costs.measured import Measured
from ragloop.migration.costs.prices import PriceList
from ragloop.records import LaneName
from ragloop.wording import counted_with

FEWEST_DAYS = 7
"""From fewer whole days no month is forecast: a single busy day would be all of it."""
_SEED = 0


@dataclass(frozen=True)
class LaneCost:
    """What answers of a lane cost. `unpriced` counts those whose price is unknown."""

    lane: str
    answers: int
    unpriced: int
    total_usd: float
    answer: Estimate | None
    prompt_tokens: float
    completion_tokens: float


@dataclass(frozen=True)
class CostReport:
    """What was spent in a window, by what it was spent for, and what follows from it.

    `month` is None where the log is too young to forecast one.
    """

    window_days: float
    answers: int
    unpriced: int
    answers_usd: float
    training_usd: float
    shadow_usd: float
    storage_usd: float
    fixed_usd: float
    answer: Estimate | None
    month: Estimate | None
    lanes: tuple[LaneCost, ...]
    break_even: tuple[BreakEven, ...]
    notes: tuple[str, ...]

    @property
    def total_usd(self) -> float:
        """All that was spent."""
        return self.answers_usd + self.training_usd + self.shadow_usd + self.storage_usd + self.fixed_usd

    def as_row(self) -> dict[str, Any]:
        """Return the report as JSON shows it."""
        whole = ("answers_usd", "training_usd", "shadow_usd", "storage_usd", "fixed_usd", "total_usd")
        return {
            "window_days": self.window_days,
            "answers": self.answers,
            "unpriced": self.unpriced,
            **{name: rounded(getattr(self, name)) for name in whole},
            "answer_usd": self.answer.as_row() if self.answer else None,
            "month_usd": self.month.as_row() if self.month else None,
            "lanes": [{**asdict(one), "answer": one.answer.as_row() if one.answer else None} for one in self.lanes],
            "break_even": [asdict(one) for one in self.break_even],
            "notes": list(self.notes),
        }


def report(measured: Measured, prices: PriceList) -> CostReport:
    """Add up what was spent, and say what a month will cost and where an adapter pays."""
    days, log = measured.days, measured.log
    known = ~np.isnan(measured.usd)
    answers_usd = float(measured.usd[known].sum())
    part = days / MONTH_DAYS
    stored_gb = measured.stored_bytes / 1e9
    storage_month = stored_gb * prices.storage_usd_per_gb_month
    trained = sum(one.usd(prices) for one in measured.trainings)
    shadow = sum(one.usd(prices) for one in measured.shadows)
    standing = storage_month + prices.fixed_usd_per_month + (trained + shadow) / part if part else 0.0
    lanes = tuple(_lane(measured, number) for number in _by_answers(log))
    return CostReport(
        window_days=round(days, 2),
        answers=len(log),
        unpriced=int((~known).sum()),
        answers_usd=answers_usd,
        training_usd=trained,
        shadow_usd=shadow,
        storage_usd=storage_month * part,
        fixed_usd=prices.fixed_usd_per_month * part,
        answer=estimate(measured.usd[known]),
        month=_month(measured, standing),
        lanes=lanes,
        break_even=tuple(break_even(measured, prices, lane) for lane in (LaneName.ADAPTER_RAG, LaneName.CLOSED_BOOK)),
        notes=_notes(measured, prices),
    )


def _by_answers(log: Logged) -> list[int]:
    counts = np.bincount(log.lanes.codes, minlength=len(log.lanes.values))
    return [int(one) for one in np.argsort(-counts, kind="stable") if counts[one]]


def _lane(measured: Measured, number: int) -> LaneCost:
    rows = measured.log.lanes.codes == number
    usd, tokens = measured.usd[rows], np.nan_to_num(measured.log.tokens[rows])
    known = usd[~np.isnan(usd)]
    name = measured.log.lanes.values[number] or "of another service"
    means = tokens.mean(axis=0).round(1).tolist()
    return LaneCost(
        name, len(usd), len(usd) - len(known), round(float(known.sum()), 6), estimate(known), means[0], means[1]
    )


def _month(measured: Measured, standing_usd: float) -> Estimate | None:
    """Forecast a month from the days that were observed, each of which may come again; None from too few."""
    by_day = _by_day(measured)
    if len(by_day) < FEWEST_DAYS:
        return None
    usd = float(by_day.mean()) * MONTH_DAYS + standing_usd
    # A month is a sum of days: it varies by itself, and its mean is not known exactly.
    drawn = means_drawn(by_day) * MONTH_DAYS
    own = np.random.default_rng(_SEED + 1).normal(0, by_day.std(ddof=1) * np.sqrt(MONTH_DAYS), len(drawn))
    return Estimate(usd, ends(np.maximum(drawn + own, 0.0) + standing_usd))


def _by_day(measured: Measured) -> Amounts:
    """Return what the answers of each whole day of the window cost, those without any included."""
    log = measured.log
    if not len(log):
        return np.zeros(0)
    days = log.asked_at.astype("datetime64[D]").astype(np.int64)
    today = np.datetime64(measured.now.date(), "D").astype(np.int64)
    number = days - days[0]
    sums: Amounts = np.bincount(number, np.nan_to_num(measured.usd)).astype(np.float64)
    whole = int(today - days[0])
    padded: Amounts = np.concatenate([sums, np.zeros(max(0, whole - len(sums)))])
    return padded[:whole]


def _notes(measured: Measured, prices: PriceList) -> tuple[str, ...]:
    notes = []
    if prices.is_empty:
        notes.append("no machine has a price; costs.compute_usd_per_hour counts the time of answers and trainings")
    if (days := len(_by_day(measured))) < FEWEST_DAYS:
        notes.append(f"not enough days to forecast a month: the log has {days} whole, {FEWEST_DAYS} are needed")
    if unpriced := int(np.isnan(measured.usd).sum()):
        notes.append(
            f"{counted_with(unpriced, 'answer', 'is', 'are')} of a model without a price; name it in costs.prices"
        )
    return tuple(notes)
