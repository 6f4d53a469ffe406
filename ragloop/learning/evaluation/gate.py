"""Champion × candidate → promote, reject or inconclusive.

Three criteria, each a mean with a lower and an upper bound, held against a threshold:

| criterion       | mean of                                    | passes where           | fails where            |
|-----------------|--------------------------------------------|------------------------|------------------------|
| lift            | candidate − champion, target questions     | lower bound > min_lift | upper bound <= min_lift|
| floor           | candidate, target questions                | lower >= min_score     | upper < min_score      |
| non-inferiority | candidate − champion, questions elsewhere  | lower >= −margin       | upper < −margin        |

In between a criterion is undecided, and so are the first two below `min_pairs`: a target of few questions says little
about the topic, however clear its figures. Elsewhere the bounds alone decide, which hold for any number of pairs. Any
failure rejects, three passes promote, the rest is inconclusive. The floor is there because an adapter trained on
shuffled answers guesses frequent ones: it beats a base model that knows nothing, and means nothing. All three must
pass, so promoting wrongly is no likelier than passing the one criterion that does not hold, at most 1 − confidence
(intersection-union test, Berger 1982): nothing is corrected.

Bounds: Gaffke's bound for the mean of a bounded variable (Gaffke 2005; Learned-Miller and Thomas 2019,
arXiv:1905.06208). Sample means under Dirichlet(1, …, 1) weights over the observed values and one more at the worst end
of the scale; the bound is their quantile. For scores of 0 and 1 it equals the exact bound of Clopper and Pearson. It
needs no normality: a few heavy losses among many ties are not underrated, as they are by a bootstrap or Student's t
(two losses of 1 among 98 ties: t gives −0.043 as the lower bound, Gaffke −0.062), and scores without any variance get
the honest width 3/n. Its coverage is proven for 0/1 scores and conjectured in general; no counterexample is known.
`confidence` is that of each bound by itself.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from math import ceil, log
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ragloop.registry.evidence import Criterion, CriterionState, VerdictKind

Scores = NDArray[np.float64]

PROMOTE, REJECT, INCONCLUSIVE = VerdictKind
PASS, FAIL, UNDECIDED = CriterionState
_DECIDED_BY = {REJECT: FAIL, PROMOTE: PASS, INCONCLUSIVE: UNDECIDED}
"""The criteria that a verdict rests on, which are told first."""

_POWER = 0.8
"""Chance of deciding that the needed number of pairs aims at, the custom of trial design (Cohen 1988)."""
_DRAWS = 4000
_MOST_PAIRS = 100_000
"""Beyond this the difference sits so close to the threshold that more pairs are no plan."""


@dataclass(frozen=True)
class GatePolicy:
    """What a candidate must show. Scores lie in 0..1; `confidence` is one-sided, per bound."""

    min_lift: float = 0.0
    min_score: float = 0.5
    margin: float = 0.05
    min_pairs: int = 100
    """On the target; elsewhere the bounds alone decide."""
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("min_lift", 0, 1), ("min_score", 0, 1), ("margin", 0, 1)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, found {getattr(self, name)}")
        if self.min_pairs < 1:
            raise ValueError(f"min_pairs must be at least 1, found {self.min_pairs}")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0.5 and 1, found {self.confidence}")


@dataclass(frozen=True, eq=False)
class PairedScores:
    """Scores in 0..1 of both on the same questions, shape (n,) each, in the same order; kept as float64 arrays."""

    incumbent: Sequence[float] | Scores
    challenger: Sequence[float] | Scores

    def __post_init__(self) -> None:
        for name in ("incumbent", "challenger"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"the scores of the {name} must be a list of numbers between 0 and 1")
        if len(self.incumbent) != len(self.challenger):
            raise ValueError(f"scores must be paired, found {len(self.incumbent)} and {len(self.challenger)}")

    def __len__(self) -> int:
        return len(self.incumbent)

    @property
    def differences(self) -> Scores:
        """Challenger − incumbent, in −1..1, shape (n,)."""
        return np.asarray(self.challenger, dtype=np.float64) - np.asarray(self.incumbent, dtype=np.float64)


@dataclass(frozen=True)
class Verdict:
    """`reasons` holds one sentence per criterion, those that decide first."""

    verdict: VerdictKind
    reasons: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", VerdictKind(self.verdict))


def judge(
    target: PairedScores, elsewhere: PairedScores, policy: GatePolicy | None = None, *, ended_early: bool = False
) -> Verdict:
    """Promote, reject or inconclusive.

    `target`: exact match on unseen wordings of trained facts. `elsewhere`: token F1 on held-out questions that are
    answered from passages; without any, nothing is promoted. `ended_early`: they were not asked, though there may be
    some, since the target rejected the candidate by the policy of then.
    """
    policy = policy or GatePolicy()
    criteria = (
        _criterion("lift", target.differences, -1, policy.min_lift, policy.min_pairs, policy),
        _criterion("floor", np.asarray(target.challenger), 0, policy.min_score, policy.min_pairs, policy),
        _criterion("non-inferiority", elsewhere.differences, -1, -policy.margin, 1, policy),
    )
    states = {criterion.state for criterion in criteria}
    verdict = _decided(states)
    deciding_first = sorted(criteria, key=lambda criterion: criterion.state != _DECIDED_BY[verdict])
    # What rejects a candidate may be known before the rest is asked, which then says nothing about it.
    told = [one for one in deciding_first if verdict != REJECT or one.n]
    return Verdict(verdict, tuple(_sentence(criterion, policy, ended_early) for criterion in told), criteria)


def _decided(states: Set[CriterionState]) -> VerdictKind:
    if FAIL in states:
        return REJECT
    return PROMOTE if states == {PASS} else INCONCLUSIVE


def rejects(target: PairedScores, policy: GatePolicy) -> bool:
    """Whether the scores on the target reject a candidate, whatever it answers elsewhere."""
    return judge(target, PairedScores([], []), policy).verdict == REJECT


def withheld(verdict: Verdict, why: str) -> Verdict:
    """The verdict of an adapter that must not be promoted, whatever its scores."""
    kept = REJECT if verdict.verdict == REJECT else INCONCLUSIVE
    return replace(verdict, verdict=kept, reasons=(why, *verdict.reasons))


def mean_bounds(values: ArrayLike, lowest: float, highest: float, confidence: float, seed: int) -> tuple[float, float]:
    """One-sided bounds, each at `confidence`, for the mean of values that lie in lowest..highest (Gaffke, see above).

    Drawn with a seed: the same values, in any order, give the same bounds. Raises ValueError without any value.
    """
    distinct, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    if not len(distinct):
        raise ValueError("the mean of no values has no bounds")
    rng = np.random.default_rng(seed)
    # A few draws at a time: all the weights at once would take 8 bytes x draws x values.
    rows = max(1, 2_000_000 // (len(distinct) + 1))
    parts = [_weighted(distinct, counts, min(rows, _DRAWS - start), rng) for start in range(0, _DRAWS, rows)]
    means, at_end = (np.concatenate(part) for part in zip(*parts, strict=True))
    estimate = float(distinct @ counts / counts.sum())
    low = float(np.quantile(means + at_end * lowest, 1 - confidence))
    high = float(np.quantile(means + at_end * highest, confidence))
    return min(low, estimate), max(high, estimate)


def _weighted(
    distinct: Scores, counts: NDArray[np.int_], draws: int, rng: np.random.Generator
) -> tuple[Scores, Scores]:
    """Per draw: the weighted sum of the values, and the weight that the end of the scale gets.

    Equal values share one gamma variate instead of an exponential each: the same distribution, and little work for 0/1.
    """
    weights = rng.standard_gamma(np.append(counts, 1), size=(draws, len(distinct) + 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights[:, :-1] @ distinct, weights[:, -1]


def _criterion(name: str, values: Scores, lowest: float, threshold: float, least: int, policy: GatePolicy) -> Criterion:
    if not len(values):
        # Nothing observed: the plan assumes that neither is better, without variance.
        needed = _needed(0.0, 0.0, lowest, threshold, least, policy)
        return Criterion(name, None, None, None, threshold, 0, UNDECIDED, needed)
    estimate = float(values.mean())
    low, high = mean_bounds(values, lowest, 1, policy.confidence, policy.seed)
    state = _state(name, low, high, threshold) if len(values) >= least else UNDECIDED
    needed = None
    if state == UNDECIDED:
        spread = float(values.std(ddof=1)) if len(values) > 1 else 1.0
        needed = _needed(estimate, spread, lowest, threshold, max(least, len(values) + 1), policy)
    return Criterion(name, estimate, low, high, threshold, len(values), state, needed)


def _state(name: str, low: float, high: float, threshold: float) -> CriterionState:
    # A lift must exceed its threshold: a candidate that equals the champion is not promoted.
    strict = name == "lift"
    passes = low > threshold if strict else low >= threshold
    fails = high <= threshold if strict else high < threshold
    return PASS if passes else FAIL if fails else UNDECIDED


def _needed(
    estimate: float, spread: float, lowest: float, threshold: float, least: int, policy: GatePolicy
) -> int | None:
    """((z_confidence + z_power) · SD / distance)², and at least what the end of the scale costs without variance."""
    distance = estimate - threshold
    if abs(distance) < 1e-6:
        return None
    z = NormalDist().inv_cdf(policy.confidence) + NormalDist().inv_cdf(_POWER)
    room = estimate - lowest if distance > 0 else 1 - estimate
    without_variance = room * -log(1 - policy.confidence) / abs(distance)
    needed = ceil(max((z * spread / distance) ** 2, without_variance, least))
    return needed if needed <= _MOST_PAIRS else None


_WHAT = {
    "lift": "candidate − champion on the target questions",
    "floor": "score of the candidate on the target questions",
    "non-inferiority": "candidate − champion elsewhere",
}


def _sentence(criterion: Criterion, policy: GatePolicy, ended_early: bool) -> str:
    if criterion.estimate is None:
        if ended_early:
            return (
                f"{criterion.name} undecided: the held-out questions were not asked, since the golden ones had "
                "rejected the candidate when it was evaluated; evaluate it again."
            )
        if criterion.name != "non-inferiority":
            return (
                f"{criterion.name} undecided: no golden questions; name at least {policy.min_pairs} in dataset.golden."
            )
        enough = f"; at least {criterion.needed_n} are needed" if criterion.needed_n else ""
        return f"{criterion.name} undecided: no held-out questions{enough}."
    figures = (
        f"{_WHAT[criterion.name]} is {criterion.estimate:.3f} ({criterion.low:.3f} to {criterion.high:.3f}, "
        f"n = {criterion.n}), threshold {criterion.threshold:g}"
    )
    if criterion.state != UNDECIDED:
        return f"{criterion.name} {criterion.state}: {figures}."
    few = criterion.name != "non-inferiority" and criterion.n < policy.min_pairs
    lacking = f"; not enough data below {policy.min_pairs} pairs" if few else ""
    more = "the difference is too close to the threshold for more pairs to decide"
    if criterion.needed_n is not None:
        more = f"about {criterion.needed_n - criterion.n} more pairs would decide if this holds"
    return f"{criterion.name} undecided: {figures}{lacking}; {more}."
