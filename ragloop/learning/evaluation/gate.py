"""Incumbent × challenger → promote, reject or inconclusive.

The rules of the policy, each a mean with a lower and an upper bound, held against a threshold:

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

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, log
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ragloop.learning.evaluation.measures import EXACT_MATCH, TOKEN_F1_ELSEWHERE, Measure, Part
from ragloop.registry.evidence import Criterion, CriterionState, VerdictKind

Scores = NDArray[np.float64]

PROMOTE, REJECT, INCONCLUSIVE = VerdictKind
PASS, FAIL, UNDECIDED = CriterionState
_DECIDED_BY = {REJECT: FAIL, PROMOTE: PASS, INCONCLUSIVE: UNDECIDED}
"""The criteria that a verdict rests on, which are reported first."""

_POWER = 0.8
"""Chance of deciding that the needed number of pairs aims at, the custom of trial design (Cohen 1988)."""
_DRAWS = 4000
_MOST_PAIRS = 100_000
"""Beyond this the difference sits so close to the threshold that more pairs are no plan."""


class Side(StrEnum):
    """Which values of a measure a rule looks at."""

    DIFFERENCE = "candidate − champion"
    CHALLENGER = "score of the candidate"


@dataclass(frozen=True)
class Rule:
    """A criterion before anything was measured: values of a measure whose mean is held against a threshold.

    Below `min_pairs` it stays undecided. `strict`: a mean that equals the threshold fails.
    """

    name: str
    measure: Measure
    side: Side
    threshold: float
    min_pairs: int
    strict: bool = False

    @property
    def lowest(self) -> float:
        """The worst end of the scale."""
        return -1 if self.side == Side.DIFFERENCE else 0

    def values(self, scores: "PairedScores") -> Scores:
        """Select the values that the criterion is the mean of."""
        return scores.differences if self.side == Side.DIFFERENCE else scores.challenger

    def state(self, low: float, high: float) -> CriterionState:
        """Return on which side of the threshold the bounds lie."""
        passes = low > self.threshold if self.strict else low >= self.threshold
        fails = high <= self.threshold if self.strict else high < self.threshold
        return PASS if passes else FAIL if fails else UNDECIDED


@dataclass(frozen=True)
class GatePolicy:
    """What a challenger must show. Scores lie in 0..1; `confidence` is one-sided, per bound.

    `min_pairs` counts on the target; elsewhere the bounds alone decide.
    """

    min_lift: float
    min_score: float
    margin: float
    min_pairs: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        for name, low, high in (("min_lift", 0, 1), ("min_score", 0, 1), ("margin", 0, 1)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, found {getattr(self, name)}")
        if self.min_pairs < 1:
            raise ValueError(f"min_pairs must be at least 1, found {self.min_pairs}")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0.5 and 1, found {self.confidence}")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The criteria, in the order of the table above. A challenger that equals the incumbent has no lift."""
        return (
            Rule("lift", EXACT_MATCH, Side.DIFFERENCE, self.min_lift, self.min_pairs, strict=True),
            Rule("floor", EXACT_MATCH, Side.CHALLENGER, self.min_score, self.min_pairs),
            Rule("non-inferiority", TOKEN_F1_ELSEWHERE, Side.DIFFERENCE, -self.margin, min_pairs=1),
        )


@dataclass(frozen=True, eq=False)
class PairedScores:
    """Scores in 0..1 of both on the same questions, shape (n,) each, in the same order; kept as float64 arrays."""

    incumbent: Scores
    challenger: Scores

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
        return self.challenger - self.incumbent


NO_SCORES = PairedScores(np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Verdict:
    """`reasons` holds one sentence per criterion, those that decide first."""

    verdict: VerdictKind
    reasons: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", VerdictKind(self.verdict))


def judge(scores: Mapping[str, PairedScores], policy: GatePolicy, *, ended_early: bool = False) -> Verdict:
    """Hold scores, by the name of their measure, against the rules of the policy.

    A measure without scores leaves its rules undecided, so that nothing is promoted. `ended_early`: only the target was
    asked, though there may be other questions, since it rejected the challenger by the policy of then.
    """
    rules = policy.rules
    criteria = [_criterion(rule, scores.get(rule.measure.name, NO_SCORES), policy) for rule in rules]
    verdict = _decided({one.state for one in criteria})
    paired = sorted(zip(rules, criteria, strict=True), key=lambda pair: pair[1].state != _DECIDED_BY[verdict])
    # What rejects a challenger may be known before the rest is asked, which then says nothing about it.
    reported = [(rule, one) for rule, one in paired if verdict != REJECT or one.n]
    return Verdict(verdict, tuple(_sentence(rule, one, ended_early) for rule, one in reported), tuple(criteria))


def _decided(states: Set[CriterionState]) -> VerdictKind:
    if FAIL in states:
        return REJECT
    return PROMOTE if states == {PASS} else INCONCLUSIVE


def rejects(scores: Mapping[str, PairedScores], policy: GatePolicy) -> bool:
    """Return whether these scores reject a challenger, whatever it answers to questions that were not asked yet."""
    return judge(scores, policy).verdict == REJECT


def withheld(verdict: Verdict, why: str) -> Verdict:
    """Return the verdict of an adapter that must not be promoted, whatever its scores."""
    kept = REJECT if verdict.verdict == REJECT else INCONCLUSIVE
    return replace(verdict, verdict=kept, reasons=(why, *verdict.reasons))


def mean_bounds(values: ArrayLike, lowest: float, highest: float, confidence: float, seed: int) -> tuple[float, float]:
    """Return one-sided bounds, each at `confidence`, for the mean of values in lowest..highest (Gaffke, see above).

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
    """Return per draw the weighted sum of the values, and the weight that the end of the scale gets.

    Equal values share one gamma variate instead of an exponential each: the same distribution, and little work for 0/1.
    """
    weights = rng.standard_gamma(np.append(counts, 1), size=(draws, len(distinct) + 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights[:, :-1] @ distinct, weights[:, -1]


def _criterion(rule: Rule, scores: PairedScores, policy: GatePolicy) -> Criterion:
    values = rule.values(scores)
    if not len(values):
        # Nothing observed: the plan assumes that neither is better, without variance.
        needed = _needed(rule, 0.0, 0.0, rule.min_pairs, policy)
        return Criterion(rule.name, None, None, None, rule.threshold, 0, UNDECIDED, needed)
    estimate = float(values.mean())
    low, high = mean_bounds(values, rule.lowest, 1, policy.confidence, policy.seed)
    state = rule.state(low, high) if len(values) >= rule.min_pairs else UNDECIDED
    needed = None
    if state == UNDECIDED:
        spread = float(values.std(ddof=1)) if len(values) > 1 else 1.0
        needed = _needed(rule, estimate, spread, max(rule.min_pairs, len(values) + 1), policy)
    return Criterion(rule.name, estimate, low, high, rule.threshold, len(values), state, needed)


def _needed(rule: Rule, estimate: float, spread: float, least: int, policy: GatePolicy) -> int | None:
    """Return ((z_confidence + z_power) · SD / distance)², and at least what the end of the scale costs without
    variance."""
    distance = estimate - rule.threshold
    if abs(distance) < 1e-6:
        return None
    z = NormalDist().inv_cdf(policy.confidence) + NormalDist().inv_cdf(_POWER)
    room = estimate - rule.lowest if distance > 0 else 1 - estimate
    without_variance = room * -log(1 - policy.confidence) / abs(distance)
    needed = ceil(max((z * spread / distance) ** 2, without_variance, least))
    return needed if needed <= _MOST_PAIRS else None


_WHERE = {Part.TARGET: "on the target questions", Part.ELSEWHERE: "elsewhere", Part.TRAINED: "on the trained rows"}


def _sentence(rule: Rule, criterion: Criterion, ended_early: bool) -> str:
    if criterion.estimate is None:
        return f"{rule.name} undecided: {_nothing_observed(rule, criterion, ended_early)}"
    figures = (
        f"{rule.side} {_WHERE[rule.measure.part]} is {criterion.estimate:.3f} ({criterion.low:.3f} to "
        f"{criterion.high:.3f}, n = {criterion.n}), threshold {criterion.threshold:g}"
    )
    if criterion.state != UNDECIDED:
        return f"{rule.name} {criterion.state}: {figures}."
    lacking = f"; not enough data below {rule.min_pairs} pairs" if criterion.n < rule.min_pairs else ""
    more = "the difference is too close to the threshold for more pairs to decide"
    if criterion.needed_n is not None:
        more = f"about {criterion.needed_n - criterion.n} more pairs would decide if this holds"
    return f"{rule.name} undecided: {figures}{lacking}; {more}."


def _nothing_observed(rule: Rule, criterion: Criterion, ended_early: bool) -> str:
    if ended_early:
        return (
            "the held-out questions were not asked, since the golden ones had rejected the candidate when it was "
            "evaluated; evaluate it again."
        )
    if rule.measure.part == Part.TARGET:
        return f"no golden questions; name at least {rule.min_pairs} in dataset.golden."
    enough = f"; at least {criterion.needed_n} are needed" if criterion.needed_n else ""
    return f"no held-out questions{enough}."
