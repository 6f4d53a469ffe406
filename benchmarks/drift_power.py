"""Claim: the question signal keeps its false alarms and finds a new topic of 10 % with 250 questions.

    python benchmarks/drift_power.py [--quick] [--json]

Questions are simulated as unit vectors of 384 dimensions around 20 topics (cosine between two questions of one topic
about 0.5, as all-MiniLM-L6-v2 gives). The reference window holds 500. In the shifted case a tenth of the current window
comes from one topic that the reference lacks. Two rates each: the signal alone (p <= alpha) and within its family of
four, as `measure` decides, the other three signals being at rest.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ragloop.app.policies import drift_policy
from ragloop.config import Settings
from ragloop.learning.monitoring.drift import DriftPolicy, Window, measure

DIMENSION, TOPICS, N_REFERENCE = 384, 20, 500


@dataclass(frozen=True)
class Rate:
    """How often the question signal rang, out of `repeats` simulated pairs of windows."""

    n_current: int
    new_topic_share: float
    repeats: int
    alone: float
    in_family: float


def questions(rng: np.random.Generator, centres: NDArray[np.float64], n: int, new_share: float) -> NDArray[np.float32]:
    """Shape (n, DIMENSION); the last centre is the new topic."""
    topics = rng.integers(TOPICS, size=n)
    topics[: round(n * new_share)] = TOPICS
    noise = rng.normal(size=(n, DIMENSION)) / np.sqrt(DIMENSION)
    rows = centres[topics] + noise
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def window(rng: np.random.Generator, centres: NDArray[np.float64], n: int, new_share: float = 0.0) -> Window:
    return Window(
        embeddings=questions(rng, centres, n, new_share),
        similarities=rng.beta(5, 2, n),
        abstained=rng.random(n) < 0.2,
        thumbs_down=rng.random(n) < 0.2,
    )


def rate(n_current: int, new_share: float, repeats: int, policy: DriftPolicy) -> Rate:
    alone = in_family = 0
    for seed in range(repeats):
        rng = np.random.default_rng([n_current, int(new_share * 100), seed])
        centres = rng.normal(size=(TOPICS + 1, DIMENSION)) / np.sqrt(DIMENSION)
        report = measure(window(rng, centres, N_REFERENCE), window(rng, centres, n_current, new_share), policy)
        signal = next(signal for signal in report.signals if signal.name == "questions")
        alone += signal.p_value is not None and signal.p_value <= policy.alpha
        in_family += signal.state == "drift"
    return Rate(n_current, new_share, repeats, alone / repeats, in_family / repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 repeats instead of 500")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    started = time.perf_counter()
    repeats = 100 if options.quick else 500
    policy = drift_policy(Settings.model_construct())
    rates = [rate(n, share, repeats, policy) for n in (100, 250) for share in (0.0, 0.1)]
    seconds = time.perf_counter() - started
    if options.json:
        print(json.dumps({"rates": [asdict(each) for each in rates], "seconds": seconds}))
        return
    print("questions  new topic  rang alone  rang in family  repeats")
    for each in rates:
        print(
            f"{each.n_current:9}  {each.new_topic_share:9.0%}  {each.alone:10.3f}  {each.in_family:14.3f}"
            f"  {each.repeats:7}"
        )
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
