"""From how many questions a month on a lane is cheaper than base+rag, and up to how many retrainings. Pure."""

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from ragloop.learning.comparing.intervals import CONFIDENCE, FEWEST_COSTS
from ragloop.migration.columns import Amounts
from ragloop.migration.costs.arithmetic import Plan, turning_questions, turning_updates
from ragloop.migration.costs.estimates import means_drawn, rounded
from ragloop.migration.costs.measured import Measured
from ragloop.migration.costs.prices import PriceList
from ragloop.records import LaneName

MONTH_DAYS = 30


@dataclass(frozen=True)
class BreakEven:
    """From how many questions a month on a lane is cheaper than the other, retrainings included.

    `questions` is None where its answers are not cheaper; `low` and `high` are the ends of 95 %, None where that end is
    infinite. `most_retrainings` is up to how many retrainings a month the lane stays cheaper at what is asked today,
    None where trainings cost nothing. `why_not` says what was not measured.
    """

    lane: str
    against: str
    questions: float | None = None
    low: float | None = None
    high: float | None = None
    saving_usd: float | None = None
    answer_usd: float | None = None
    against_usd: float | None = None
    most_retrainings: float | None = None
    retrainings_per_month: float = 0.0
    training_usd: float | None = None
    asked_per_month: float = 0.0
    pays: bool | None = None
    why_not: str = ""

    @property
    def told(self) -> str:
        """Say in a sentence from how many questions on the lane is cheaper, with the ends of its interval."""
        if self.why_not:
            return f"{self.lane} against {self.against}: not known, {self.why_not}"
        if self.questions is None:
            return f"{self.lane} against {self.against}: its answers are not cheaper"
        ends = f"{self.low or 0:,.0f} to {f'{self.high:,.0f}' if self.high is not None else 'any number'}"
        most = "" if self.most_retrainings is None else f"; at that, up to {self.most_retrainings:,.3g} retrainings pay"
        return (
            f"{self.lane} is cheaper than {self.against} from {self.questions:,.0f} questions a month on ({ends}) with "
            f"{self.retrainings_per_month:g} retrainings; {self.asked_per_month:,.0f} are asked{most}"
        )


def break_even(measured: Measured, prices: PriceList, lane: str) -> BreakEven:
    """Hold a lane against base+rag: what its answers save against what its trainings cost."""
    base = LaneName.BASE_RAG
    asked = len(measured.log) / measured.days * MONTH_DAYS
    retrainings = measured.retrainings_per_month
    empty = BreakEven(lane, base, asked_per_month=round(asked, 1), retrainings_per_month=retrainings)
    costs = [_of_lane(measured, one) for one in (base, lane)]
    if lacking := [name for name, one in zip((base, lane), costs, strict=True) if len(one) < FEWEST_COSTS]:
        return replace(empty, why_not=f"fewer than {FEWEST_COSTS} answers with a price in the lane {lacking[0]}")
    if not measured.trainings:
        return replace(empty, why_not="no training was measured in the window")
    training_usd = sum(one.usd(prices) for one in measured.trainings) / len(measured.trainings)
    means = [float(one.mean()) for one in costs]
    if not any((*means, training_usd)):
        return replace(empty, why_not="no answer and no training has a price")
    rag, adapted = _plans(means[0], means[1], training_usd)
    draws = zip(*(means_drawn(one, n).tolist() for n, one in enumerate(costs)), strict=True)
    turns = [turning_questions(*_plans(a, b, training_usd), retrainings) for a, b in draws]
    low, high = np.quantile(turns, [(1 - CONFIDENCE) / 2, 1 - (1 - CONFIDENCE) / 2], method="nearest").tolist()
    return replace(
        empty,
        questions=_finite(turning_questions(rag, adapted, retrainings)),
        low=_finite(low),
        high=_finite(high),
        saving_usd=rounded(means[0] - means[1]),
        answer_usd=rounded(means[1]),
        against_usd=rounded(means[0]),
        most_retrainings=_finite(turning_updates(rag, adapted, asked), 3),
        training_usd=rounded(training_usd),
        pays=True if asked > high else False if asked < low else None,
    )


def _plans(against_usd: float, answer_usd: float, training_usd: float) -> tuple[Plan, Plan]:
    return Plan(question_usd=against_usd), Plan(question_usd=answer_usd, update_usd=training_usd)


def _of_lane(measured: Measured, lane: str) -> Amounts:
    """Return what answers cost that were asked of a lane: two that were written in doubt of an adapter's are its own.

    A closed-book answer is never in doubt: a passage gives it, or none does.
    """
    log = measured.log
    number = log.lanes.values.index(lane) if lane in log.lanes.values else -1
    is_of_lane = log.lanes.codes == number
    rows = is_of_lane | log.doubted if lane == LaneName.ADAPTER_RAG else is_of_lane & ~log.doubted
    usd = measured.usd[rows]
    found: Amounts = usd[~np.isnan(usd)]
    return found


def _finite(value: float, digits: int = 1) -> float | None:
    return round(value, digits) if isfinite(value) else None
