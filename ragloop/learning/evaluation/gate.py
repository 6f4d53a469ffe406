"""Incumbent × challenger → promote, reject or inconclusive.

The rules of the policy, each a mean with a lower and an upper bound, held against a threshold. Of an adapter that is
asked without passages (criteria.py has the others):

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
from math import ceil, log
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ragloop.learning.evaluation.criteria import (
    FAIL,
    NO_SCORES,
    PASS,
    UNDECIDED,
    Criteria,
    GatePolicy,
    PairedScores,
    Rule,
    Scores,
)
from ragloop.learning.evaluation.measures import EXACT_MATCH, Part
from ragloop.registry.evidence import Criterion, CriterionState, VerdictKind

PROMOTE, REJECT, INCONCLUSIVE = VerdictKind
_DECIDED_BY = {REJECT: FAIL, PROMOTE: PASS, INCONCLUSIVE: UNDECIDED}
"""The criteria that a verdict rests on, which are reported first."""

_POWER = 0.8
"""Chance of deciding that the needed number of pairs aims at, the custom of trial design (Cohen 1988)."""
_DRAWS = 4000
_MOST_PAIRS = 100_000
"""Beyond this the difference sits so close to the threshold that more pairs are no plan."""


@dataclass(frozen=True)
class Verdict:
    """`reasons` holds one sentence per criterion, those that decide first."""

    verdict: VerdictKind
    reasons: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", VerdictKind(self.verdict))


_NO_GOLDEN = (
    "no golden questions: held-out answers are those of the log, of documents that it was not trained on; they cannot "
    "show that an answer which was accepted is right, nor anything about what nobody asked."
)
_NO_FACTS = (
    "held-out rows are of documents that it was not trained on: without passages they cannot show what it learned."
)


def judge(
    scores: Mapping[str, PairedScores],
    policy: GatePolicy,
    criteria: Criteria = Criteria.FACTS,
    *,
    ended_early: bool = False,
) -> Verdict:
    """Hold scores, by the name of their measure, against the rules of the policy for adapters that are asked so.

    A measure without scores leaves its rules undecided, so that nothing is promoted. `ended_early`: only the target was
    asked, though there may be other questions, since it rejected the challenger by the policy of then.
    """
    rules = [one for one in policy.rules(criteria) if not one.optional or len(scores.get(one.measure.name, NO_SCORES))]
    found = [_criterion(rule, scores.get(rule.measure.name, NO_SCORES), policy) for rule in rules]
    held = zip(rules, found, strict=True)
    verdict = _decided({one.state for rule, one in held if not rule.has_too_few(one)})
    paired = sorted(zip(rules, found, strict=True), key=lambda pair: pair[1].state != _DECIDED_BY[verdict])
    # What rejects a challenger may be known before the rest is asked, which then says nothing about it.
    reported = [(rule, one) for rule, one in paired if verdict != REJECT or one.n]
    reasons = [_sentence(rule, one, ended_early) for rule, one in reported]
    return Verdict(verdict, (*reasons, *_blind(scores, criteria)), tuple(found))


def _blind(scores: Mapping[str, PairedScores], criteria: Criteria) -> list[str]:
    """Say what cannot be shown without golden questions."""
    if len(scores.get(EXACT_MATCH.name, NO_SCORES)):
        return []
    return [_NO_FACTS if criteria is Criteria.FACTS else _NO_GOLDEN]


def _decided(states: Set[CriterionState]) -> VerdictKind:
    if FAIL in states:
        return REJECT
    return PROMOTE if states == {PASS} else INCONCLUSIVE


def rejects(scores: Mapping[str, PairedScores], policy: GatePolicy, criteria: Criteria = Criteria.FACTS) -> bool:
    """Return whether these scores reject a challenger, whatever it answers to questions that were not asked yet."""
    return judge(scores, policy, criteria).verdict == REJECT


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


_WHERE = {
    Part.TARGET: "on the target questions",
    Part.ELSEWHERE: "elsewhere",
    Part.TRAINED: "on the trained rows",
    Part.CITED: "on held-out questions that passages answer",
    Part.UNANSWERED: "on held-out questions that no passage answers",
}


def _sentence(rule: Rule, criterion: Criterion, ended_early: bool) -> str:
    if criterion.estimate is None:
        return f"{rule.name} undecided: {_nothing_observed(rule, criterion, ended_early)}"
    figures = (
        f"{rule.side} {_WHERE[rule.measure.part]} is {criterion.estimate:.3f} ({criterion.low:.3f} to "
        f"{criterion.high:.3f}, n = {criterion.n}), threshold {criterion.threshold:g}"
    )
    if criterion.state != UNDECIDED:
        return f"{rule.name} {criterion.state}: {figures}."
    if rule.has_too_few(criterion):
        return (
            f"{rule.name} not enough: {figures}; {criterion.n} golden questions decide nothing below "
            f"{rule.counts_from}, so that held-out rows, split off by document and time, decide alone."
        )
    lacking = f"; not enough data below {rule.min_pairs} pairs" if criterion.n < rule.min_pairs else ""
    more = "the difference is too close to the threshold for more pairs to decide"
    if criterion.needed_n is not None:
        more = f"about {criterion.needed_n - criterion.n:,} more pairs would decide if this holds"
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
    which = " that no passage answers" if rule.measure.part == Part.UNANSWERED else ""
    return f"no held-out questions{which}{enough}."
