"""The arithmetic of costs: what a way to answer costs in a time, and where one becomes cheaper than another. Pure."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Plan:
    """A way to answer questions: what it costs once, each month, each question, and each time that documents change.

    An update of RAG is a sync, which is as good as free; one of an adapter is a retraining with its evaluation.
    """

    once_usd: float = 0.0
    month_usd: float = 0.0
    question_usd: float = 0.0
    update_usd: float = 0.0

    def usd(self, questions_per_month: float, updates_per_month: float = 0.0, months: float = 1.0) -> float:
        """Return what it costs in so many months, with what it costs once."""
        each = self.month_usd + questions_per_month * self.question_usd + updates_per_month * self.update_usd
        return self.once_usd + months * each


def turning_updates(one: Plan, other: Plan, questions_per_month: float) -> float:
    """Return from how many updates a month on the second plan is no longer the cheaper one, what it costs once aside.

    0 where it never is; infinite where updates do not make it dearer.
    """
    saving = one.usd(questions_per_month) - one.once_usd - (other.usd(questions_per_month) - other.once_usd)
    dearer = other.update_usd - one.update_usd
    if saving <= 0:
        return 0.0
    return saving / dearer if dearer > 0 else inf


def turning_questions(one: Plan, other: Plan, updates_per_month: float) -> float:
    """Return from how many questions a month on the second plan is the cheaper one, what it costs once aside.

    0 where it is from the first one on, infinite where its questions are not cheaper and nothing else of it is.
    """
    saving = one.question_usd - other.question_usd
    dearer = other.usd(0, updates_per_month) - other.once_usd - (one.usd(0, updates_per_month) - one.once_usd)
    if saving > 0:
        return max(0.0, dearer / saving)
    return inf if dearer >= 0 else 0.0
