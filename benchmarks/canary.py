"""Claim: a canary rolls back a challenger that is not worse in at most alpha of all cases, however often it is looked
at, and finds one that is ten points worse within a stated number of questions.

    python benchmarks/canary.py [--quick] [--json]

Simulated: questions with an outcome each (it abstained or not), a share of them with a vote as well, which comes up to
two days late. The decision is the product's, looked at after every 50 questions; so are the shares and the margin of
the settings. Challengers: equal to the champion, worse by exactly the margin (the hardest that must stay), and worse by
5, 10 and 20 points. A false rollback is one of the first two. Beside it stand two rules that are looked at as often: a
t-test of the difference beyond the margin, and one of any difference.

The second table looks at a canary that never ends: 20,000 questions at the last share, so that every time to stop is
tried.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

from ragloop.answering.routing import Arm
from ragloop.app.policies import canary_policy
from ragloop.config import Settings
from ragloop.learning.canary.betting import Cell
from ragloop.learning.canary.decision import CanaryAction, CanaryPolicy, decide
from ragloop.learning.canary.outcomes import Measure, Tally

LOOK_EVERY = 50
CHAMPION_BAD, VOTE_SHARE, LATEST_VOTE = 0.15, 0.1, 4000
"""The latest vote comes so many questions late: two days of 2,000."""
Counts = NDArray[np.int64]
DIFFERENCES = ("equal", "at the margin", "+5 points", "+10 points", "+20 points")


@dataclass(frozen=True)
class Rates:
    """How canaries of one challenger ended, and the median of the questions until those ended that were rolled back."""

    challenger: str
    canaries: int
    rolled_back: float
    promoted: float
    median_questions: float | None
    t_test_margin: float
    t_test_any: float


class Stream:
    """The outcomes of one canary, as counts per share: challenger's bad and good ones, then the champion's."""

    def __init__(self, rng: np.random.Generator, worse_by: float) -> None:
        self._rng, self._chances = rng, (CHAMPION_BAD + worse_by, CHAMPION_BAD)
        self.asked = 0
        self.abstained: dict[float, Counts] = {}
        self.votes: dict[float, Counts] = {}
        self._late: dict[int, list[tuple[float, int]]] = {}

    def ask(self, count: int, share: float) -> None:
        """Answer more questions at a share; votes on them come with these and the later ones."""
        self.asked += count
        self._add(self.abstained, share, self._rng.multinomial(count, self._outcomes(share)))
        votes = self._rng.multinomial(self._rng.binomial(count, VOTE_SHARE), self._outcomes(share))
        for outcome in np.repeat(np.arange(4), votes).tolist():
            due = self.asked + int(self._rng.integers(LATEST_VOTE))
            self._late.setdefault(due // LOOK_EVERY, []).append((share, outcome))
        for look in [one for one in self._late if one <= self.asked // LOOK_EVERY]:
            for at, outcome in self._late.pop(look):
                self._add(self.votes, at, np.eye(4, dtype=np.int64)[outcome])

    def _outcomes(self, share: float) -> list[float]:
        one, other = self._chances
        return [share * one, share * (1 - one), (1 - share) * other, (1 - share) * (1 - other)]

    def _add(self, counts: dict[float, Counts], share: float, more: Counts) -> None:
        counts[share] = counts.get(share, np.zeros(4, np.int64)) + more

    def tally(self) -> Tally:
        """Return what has come in by now."""
        cells = {Measure.ABSTAINED: _cells(self.abstained), Measure.THUMBS_DOWN: _cells(self.votes)}
        answers = {}
        for share, counts in self.abstained.items():
            answers[share, Arm.CHALLENGER] = int(counts[:2].sum())
            answers[share, Arm.CHAMPION] = int(counts[2:].sum())
        return Tally(cells, answers)

    def t_statistic(self, margin: float) -> float:
        """Return how many standard errors the difference of abstentions lies above a margin."""
        bad, good, champion_bad, champion_good = sum(self.abstained.values(), np.zeros(4, np.int64)).tolist()
        one, other = bad + good, champion_bad + champion_good
        if min(one, other) < 20:
            return 0.0
        shares = bad / one, champion_bad / other
        error = sqrt(sum(p * (1 - p) / (n - 1) for p, n in zip(shares, (one, other), strict=True)))
        return (shares[0] - shares[1] - margin) / error if error else 0.0


def _cells(counts: dict[float, Counts]) -> tuple[Cell, ...]:
    found = ((share, *one.tolist()) for share, one in counts.items())
    return tuple(Cell(share, a + b, a, c + d, c) for share, a, b, c, d in found)


def worse_by(challenger: str, margin: float) -> float:
    known = {"equal": 0.0, "at the margin": margin}
    return known[challenger] if challenger in known else int(challenger.strip("+").split()[0]) / 100


def canary(rng: np.random.Generator, difference: float, policy: CanaryPolicy) -> tuple[CanaryAction, int, bool, bool]:
    """Return how a canary ended, after how many questions, and whether the two t-tests would have ended it."""
    stream, share = Stream(rng, difference), policy.shares[0]
    critical = NormalDist().inv_cdf(1 - policy.alpha)
    beyond = any_of = False
    while True:
        stream.ask(LOOK_EVERY, share)
        beyond |= stream.t_statistic(policy.margin) > critical
        any_of |= stream.t_statistic(0.0) > critical
        decision = decide(share, stream.tally(), policy)
        if decision.action in (CanaryAction.ROLL_BACK, CanaryAction.PROMOTE):
            return decision.action, stream.asked, beyond, any_of
        share = decision.share


def rates(challenger: str, repeats: int, policy: CanaryPolicy) -> Rates:
    difference = worse_by(challenger, policy.margin)
    number = DIFFERENCES.index(challenger)
    ended = [canary(np.random.default_rng([number, seed]), difference, policy) for seed in range(repeats)]
    back = [questions for action, questions, _, _ in ended if action is CanaryAction.ROLL_BACK]
    return Rates(
        challenger,
        repeats,
        len(back) / repeats,
        1 - len(back) / repeats,
        median(back) if back else None,
        sum(one[2] for one in ended) / repeats,
        sum(one[3] for one in ended) / repeats,
    )


def ever(difference: float, repeats: int, questions: int, policy: CanaryPolicy) -> dict[str, float]:
    """Return how often each rule would have rolled back at any look at a canary that never ends."""
    critical, share = NormalDist().inv_cdf(1 - policy.alpha), policy.shares[-1]
    found = Counter[str]()
    for seed in range(repeats):
        stream, hits = Stream(np.random.default_rng([99, seed]), difference), set[str]()
        while stream.asked < questions:
            stream.ask(200, share)
            if stream.t_statistic(policy.margin) > critical:
                hits.add("t-test beyond the margin")
            if stream.t_statistic(0.0) > critical:
                hits.add("t-test of any difference")
            if decide(share, stream.tally(), policy).action is CanaryAction.ROLL_BACK:
                hits.add("canary")
        found.update(hits)
    return {rule: found[rule] / repeats for rule in ("canary", "t-test beyond the margin", "t-test of any difference")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 canaries of each challenger instead of 500")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    started, policy = time.perf_counter(), canary_policy(Settings.model_construct())
    repeats = 20 if options.quick else 500
    found = [rates(one, repeats, policy) for one in DIFFERENCES]
    endless = ever(policy.margin, max(10, repeats // 2), 20_000, policy)
    seconds = time.perf_counter() - started
    if options.json:
        print(json.dumps({"rates": [asdict(one) for one in found], "endless": endless, "seconds": seconds}))
        return
    print("challenger     canaries  rolled back  median questions  t-test, margin  t-test, any")
    for one in found:
        questions = f"{one.median_questions:,.0f}" if one.median_questions else "-"
        print(
            f"{one.challenger:14} {one.canaries:8} {one.rolled_back:12.3f} {questions:>17} "
            f"{one.t_test_margin:15.3f} {one.t_test_any:12.3f}"
        )
    print("worse by exactly the margin, 20,000 questions at the last share, rolled back at any look:")
    for rule, share in endless.items():
        print(f"  {rule}: {share:.3f}")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
