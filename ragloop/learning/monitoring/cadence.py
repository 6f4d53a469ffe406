"""Whether to train now: drift × cadence × cooldown × budget → RetrainDecision.

Two bells ring. Cadence: enough days since the last training *and* enough new eligible examples. Drift: a drifted
signal whose action is "retrain", and enough new examples for training to learn what moved. Where the gate rejected what
the last trainings made, drift waits twice as long for each of them, until the cadence would ring anyway: documents that
change every week would otherwise have the same adapter made and rejected every week. Whatever rings, nothing is trained
during the cooldown after a training, nor where another training as long as the last one would exceed the hours that
trainings of the last 30 days may take. A clock that was set back makes the last training lie in the future; the time
since is then unknown, and counts as cooldown.
"""

from dataclasses import dataclass
from datetime import datetime

from ragloop.learning.monitoring.drift import DriftReport, SignalAction, SignalState
from ragloop.wording import counted

_SECONDS_PER_DAY = 86_400
BUDGET_DAYS = 30
_FIRST_WAIT_DAYS = 1
"""Doubled by the first rejection, where the cooldown is shorter."""
_MOST_DOUBLINGS = 30


@dataclass(frozen=True)
class CadencePolicy:
    """Days are of 24 hours. `min_new_examples` holds for cadence, `drift_min_new_examples` where drift rings.

    `budget_hours` are those of all trainings of BUDGET_DAYS; None sets no limit.
    """

    every_days: float
    cooldown_days: float
    min_new_examples: int
    drift_min_new_examples: int
    budget_hours: float | None

    def __post_init__(self) -> None:
        for name in ("every_days", "cooldown_days"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        for name in ("min_new_examples", "drift_min_new_examples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")


@dataclass(frozen=True)
class Spent:
    """Hours that trainings of the last BUDGET_DAYS took, and the newest one of all."""

    hours: float = 0.0
    last_hours: float = 0.0


NOTHING_SPENT = Spent()


@dataclass(frozen=True)
class Trained:
    """When the last training ended, whatever its verdict, and how many of the last ones in a row the gate rejected."""

    last_at: datetime | None = None
    rejected: int = 0


NOTHING_TRAINED = Trained()


@dataclass(frozen=True)
class RetrainDecision:
    """`reasons` are plain sentences with the figures, also where training is not due."""

    due: bool
    reasons: tuple[str, ...]


def decide(
    drift: DriftReport | None,
    *,
    now: datetime,
    trained: Trained,
    new_eligible: int,
    policy: CadencePolicy,
    spent: Spent = NOTHING_SPENT,
) -> RetrainDecision:
    """Decide whether training is due at `now`.

    `new_eligible` counts the eligible examples that no training has seen. Raises ValueError where a time has no zone.
    """
    elapsed_days = _days_between(trained.last_at, now)
    if stops := _cooldown(elapsed_days, policy) or _over_budget(spent, policy):
        return RetrainDecision(False, (stops,))
    cadence_rings, cadence_reason = _cadence(elapsed_days, new_eligible, policy)
    drift_rings, drift_reason = _drift(drift, _waits(elapsed_days, trained.rejected, policy), new_eligible, policy)
    bells = ((cadence_rings, cadence_reason), (drift_rings, drift_reason))
    due = cadence_rings or drift_rings
    return RetrainDecision(due, tuple(reason for rings, reason in bells if rings or not due))


def _days_between(last_trained_at: datetime | None, now: datetime) -> float | None:
    for moment in (last_trained_at, now):
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"a time needs a zone, found {moment.isoformat()}")
    return None if last_trained_at is None else (now - last_trained_at).total_seconds() / _SECONDS_PER_DAY


def _cooldown(elapsed_days: float | None, policy: CadencePolicy) -> str | None:
    """Return why nothing may be trained yet, or None."""
    if elapsed_days is None:
        return None
    if elapsed_days < 0:
        return (
            f"In cooldown: the last training lies {-elapsed_days:.1f} days in the future; the clock was set back, "
            f"or the record is wrong."
        )
    if elapsed_days < policy.cooldown_days:
        return f"In cooldown: {elapsed_days:.1f} of {counted(policy.cooldown_days, 'day')} since the last training."
    return None


def _over_budget(spent: Spent, policy: CadencePolicy) -> str | None:
    """Return why the hours of the month do not suffice for another training, or None."""
    if policy.budget_hours is None or spent.hours + spent.last_hours <= policy.budget_hours:
        return None
    return (
        f"Over budget: trainings of the last {BUDGET_DAYS} days took {spent.hours:.1f} of {policy.budget_hours:g} "
        f"hours, and another one as long as the last takes {spent.last_hours:.1f}."
    )


def _cadence(elapsed_days: float | None, new_eligible: int, policy: CadencePolicy) -> tuple[bool, str]:
    waited = "nothing was trained before"
    if elapsed_days is not None:
        waited = f"{elapsed_days:.1f} days since the last training ({policy.every_days:g} needed)"
    long_enough = elapsed_days is None or elapsed_days >= policy.every_days
    rings = long_enough and new_eligible >= policy.min_new_examples
    examples = f"{_examples(new_eligible)} ({policy.min_new_examples} needed)"
    return rings, f"Cadence {'rings' if rings else 'does not ring'}: {waited}, {examples}."


def _waits(elapsed_days: float | None, rejected: int, policy: CadencePolicy) -> str | None:
    """Return why drift waits after rejections, or None."""
    if elapsed_days is None or not rejected:
        return None
    days = min(max(policy.cooldown_days, _FIRST_WAIT_DAYS) * 2.0 ** min(rejected, _MOST_DOUBLINGS), policy.every_days)
    if elapsed_days >= days:
        return None
    last = "last adapter" if rejected == 1 else f"last {rejected} adapters"
    passed = f"{elapsed_days:.1f} passed"
    return f"the gate rejected the {last}, so drift waits {counted(days, 'day')} after a training ({passed})"


def _drift(drift: DriftReport | None, waits: str | None, new_eligible: int, policy: CadencePolicy) -> tuple[bool, str]:
    if drift is None:
        return False, "Drift does not ring: it was not measured."
    asking = [signal.name for signal in drift.drifted if signal.action == SignalAction.RETRAIN]
    if not asking:
        others = [f"{signal.name} asks to {signal.action}" for signal in drift.drifted]
        undecided = sum(signal.state == SignalState.NOT_ENOUGH_DATA for signal in drift.signals)
        lacking = [f"not enough data for {undecided} of {counted(len(drift.signals), 'signal')}"] if undecided else []
        early = [
            f"{one.name} differs for {counted(one.days or 0, 'day')}"
            for one in drift.signals
            if one.state == SignalState.WAITS
        ]
        told = ["no signal asks to retrain", *others, *early, *lacking]
        return False, f"Drift does not ring: {', '.join(told)}."
    if waits:
        return False, f"Drift does not ring: {', '.join(asking)} drifted, but {waits}."
    rings = new_eligible >= policy.drift_min_new_examples
    examples = f"{_examples(new_eligible)} ({policy.drift_min_new_examples} needed)"
    return rings, f"Drift {'rings' if rings else 'does not ring'}: {', '.join(asking)} drifted, {examples}."


def _examples(count: int) -> str:
    return counted(count, "new eligible example")
