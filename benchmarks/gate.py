"""Claim: the gate promotes an adapter that is ten points worse in at most 1 % of cases, and one that is ten points
better in at least 90 % with 250 questions.

    make bench-gate    or    python benchmarks/gate.py [--quick] [--json]

Planted adapters, their paired scores simulated, judged by the gate of the settings. Without passages (facts): golden
questions with a champion that is right on .60 of them, 250 held-out questions elsewhere with a token F1 of .5 on
average. With passages (grounded): held-out questions with that token F1, citations right on .90 of them, and a fifth as
many which no passage answers, where the champion abstains on .80. Beyond the planted difference champion and adapter
differ by chance on one question in ten, half of them for the better, or on one in five: churn, which costs power and
which nobody can choose. Where nothing is planted, they are equally good. Rates with their numbers of simulated
retrainings; promoted, rejected, and the rest inconclusive.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ragloop.app.policies import gate_policy
from ragloop.config import Settings
from ragloop.learning.evaluation.criteria import Criteria, GatePolicy, PairedScores
from ragloop.learning.evaluation.gate import judge
from ragloop.learning.evaluation.measures import ABSTAINS, CITES, EXACT_MATCH, TOKEN_F1_ELSEWHERE

SIZES = (100, 250, 500)
CHURNS = (0.1, 0.2)
RIGHT, CITED, ABSTAINED = 0.6, 0.9, 0.8
UNANSWERED_SHARE = 0.2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """An adapter: how much better it is, and what it cannot do any more."""

    name: str
    better_by: float = 0.0
    cites: float | None = None
    abstains: float | None = None
    broken_share: float = 0.0


PLANTED = (
    *(Planted(f"worse by {points}", -points / 100) for points in (20, 10, 5, 2)),
    Planted("equal"),
    *(Planted(f"better by {points}", points / 100) for points in (2, 5, 10, 20)),
    Planted("better by 10, never abstains", 0.1, abstains=0.0),
    Planted("better by 10, stops citing", 0.1, cites=0.0),
    Planted("better by 10, breaks the format on .3", 0.1, broken_share=0.3),
)


@dataclass(frozen=True)
class Rate:
    """How often an adapter was promoted and rejected."""

    criteria: str
    adapter: str
    questions: int
    churn: float
    repeats: int
    promoted: float
    rejected: float


def right_or_wrong(rng: np.random.Generator, n: int, better_by: float, churn: float) -> PairedScores:
    """Draw exact matches of both: the adapter gains on some questions, loses on others."""
    gains, losses = churn / 2 + max(better_by, 0), churn / 2 + max(-better_by, 0)
    champion = rng.random(n) < RIGHT
    gained = ~champion & (rng.random(n) < min(1.0, gains / (1 - RIGHT)))
    lost = champion & (rng.random(n) < min(1.0, losses / RIGHT))
    return PairedScores(champion.astype(float), ((champion & ~lost) | gained).astype(float))


def overlaps(rng: np.random.Generator, n: int, better_by: float, churn: float) -> PairedScores:
    """Draw token F1 of both, most of them equal: a mixture of right, half right and wrong answers."""
    champion = rng.choice([0.0, 0.4, 0.6, 1.0], n, p=[0.3, 0.2, 0.2, 0.3])
    other = rng.choice([0.0, 0.4, 0.6, 1.0], n, p=[0.3, 0.2, 0.2, 0.3])
    adapter = np.where(rng.random(n) < churn, other, champion)
    flipped = rng.random(n) < 2 * abs(better_by)  # the mean of the rest is .5, so each moves it by a half
    return PairedScores(champion, np.where(flipped, 1.0 if better_by > 0 else 0.0, adapter))


def broken(rng: np.random.Generator, scores: PairedScores, share: float) -> PairedScores:
    """Return the scores of an adapter of which this share of answers is unreadable."""
    return PairedScores(scores.incumbent, np.where(rng.random(len(scores)) < share, 0.0, scores.challenger))


def behaviour(rng: np.random.Generator, n: int, usual: float, now: float | None, churn: float) -> PairedScores:
    """Draw whether both cite, or abstain: as often as each other, on most of the same questions, or as `now` says."""
    champion = rng.random(n) < usual
    redrawn = rng.random(n) < (churn / 2 if now is None else 1.0)
    adapter = np.where(redrawn, rng.random(n) < (usual if now is None else now), champion)
    return PairedScores(champion.astype(float), adapter.astype(float))


def facts(rng: np.random.Generator, n: int, one: Planted, churn: float) -> Mapping[str, PairedScores]:
    target = broken(rng, right_or_wrong(rng, n, one.better_by, churn), one.broken_share)
    elsewhere = broken(rng, overlaps(rng, 250, 0.0, churn), one.broken_share)
    return {EXACT_MATCH.name: target, TOKEN_F1_ELSEWHERE.name: elsewhere}


def grounded(rng: np.random.Generator, n: int, one: Planted, churn: float) -> Mapping[str, PairedScores]:
    return {
        TOKEN_F1_ELSEWHERE.name: broken(rng, overlaps(rng, n, one.better_by, churn), one.broken_share),
        CITES.name: broken(rng, behaviour(rng, n, CITED, one.cites, churn), one.broken_share),
        ABSTAINS.name: behaviour(rng, round(n * UNANSWERED_SHARE), ABSTAINED, one.abstains, churn),
    }


Scored = Callable[[np.random.Generator, int, Planted, float], Mapping[str, PairedScores]]
KINDS: Mapping[Criteria, Scored] = {Criteria.FACTS: facts, Criteria.GROUNDED: grounded}


def rate(criteria: Criteria, one: Planted, n: int, churn: float, repeats: int, policy: GatePolicy) -> Rate:
    seeds = ([list(KINDS).index(criteria), PLANTED.index(one), n, seed] for seed in range(repeats))
    scored = (KINDS[criteria](np.random.default_rng(seed), n, one, churn) for seed in seeds)
    verdicts = Counter(str(judge(scores, policy, criteria).verdict) for scores in scored)
    shares = (verdicts[kind] / repeats for kind in ("promote", "reject"))
    return Rate(str(criteria), one.name, n, churn, repeats, *shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 retrainings of each adapter instead of 400")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    started, policy = time.perf_counter(), gate_policy(Settings.model_construct())
    repeats = 40 if options.quick else 400
    rates = [
        rate(criteria, one, n, churn, repeats, policy)
        for churn in CHURNS
        for criteria in KINDS
        for one in PLANTED
        if criteria is not Criteria.FACTS or (one.cites, one.abstains) == (None, None)
        for n in (SIZES if churn == CHURNS[0] else SIZES[1:2])
    ]
    seconds = time.perf_counter() - started
    if options.json:
        print(json.dumps({"rates": [asdict(each) for each in rates], "seconds": seconds}))
        return
    print("criteria  adapter                                questions  churn  promoted  rejected  repeats")
    for each in rates:
        print(
            f"{each.criteria:9} {each.adapter:38} {each.questions:9}  {each.churn:5g}  {each.promoted:8.3f}"
            f"  {each.rejected:8.3f}  {each.repeats:7}"
        )
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
