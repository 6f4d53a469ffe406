"""Drift between a reference window and the current one: corpus, query, retrieval and quality signals.

Each signal ends as "ok", "drift" or "not enough data", and names the action that drift asks for; where it has to differ
on several days, as "waits" before (persistence.py):

| signal            | kind      | drifts when                                               | action                   |
|-------------------|-----------|-----------------------------------------------------------|--------------------------|
| documents         | corpus    | share of documents changed, new, gone >= `corpus_share`  | retrain                  |
| questions         | query     | MMD or crowding¹ of the embeddings, permutation test      | retrain                  |
| top_similarity    | retrieval | mean similarity of the best passage fell, permutation     | recalibrate, or reindex² |
| abstention_share  | quality   | abstentions became more frequent, Fisher's exact test     | curate                   |
| thumbs_down_share | quality   | thumbs down among votes became more frequent, Fisher      | curate, or roll back³    |

¹ The larger of the two, each in its standard deviations: the first finds that the mixture of topics moved, the second
a new topic (neighbourhoods.py). ² Where the questions drifted too, they explain the fall, and the similarity floor
wants recalibrating; a fall on the old questions means that the index lost something. ³ Where another adapter began to
serve in between.

False alarms. The tests form one family: Holm's step-down procedure (Holm 1979) over the p-values that could be computed
keeps the chance of any false alarm at `alpha`, however the signals depend on each other. A signal's `threshold` is the
level that Holm held its p-value against. The corpus signal is a census, not a sample: it has a share, a threshold and
no p-value. `alpha` is that of one measurement: benchmarks/drift_errors.py counts false alarms of a year of daily ones
that must agree on three days, and what is found of real questions; `benchmarks/drift_power.py` does so for simulated
ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragloop.learning.monitoring.neighbourhoods import largest, scans

Floats = NDArray[np.floating]


class SignalKind(StrEnum):
    """What a signal looks at."""

    CORPUS = "corpus"
    QUERY = "query"
    RETRIEVAL = "retrieval"
    QUALITY = "quality"


class SignalState(StrEnum):
    """Whether a signal drifted."""

    OK = "ok"
    DRIFT = "drift"
    NOT_ENOUGH_DATA = "not enough data"
    WAITS = "waits"
    """It differs, on fewer days in a row than it takes."""


class SignalAction(StrEnum):
    """What drift asks for."""

    NONE = "none"
    REINDEX = "reindex"
    CURATE = "curate"
    RETRAIN = "retrain"
    ROLL_BACK = "roll back"
    RECALIBRATE = "recalibrate"


OK, DRIFT, NOT_ENOUGH_DATA, _ = SignalState


@dataclass(frozen=True)
class DriftPolicy:
    """When a difference counts. Below 100 questions a window decides nothing (simulated at 384 dimensions). `days`: on
    so many in a row, see persistence.py."""

    alpha: float
    corpus_share: float
    min_questions: int
    min_answers: int
    min_votes: int
    permutations: int
    max_questions: int
    """Per window: the kernel matrix grows with the square. More questions are sampled, without replacement."""
    seed: int
    days: int

    def __post_init__(self) -> None:
        _require(self.days >= 1, f"days must be at least 1, found {self.days}")
        _require(0 < self.alpha < 1, f"alpha must lie between 0 and 1, found {self.alpha}")
        _require(0 < self.corpus_share <= 1, f"corpus_share must lie in (0, 1], found {self.corpus_share}")
        counts = (self.min_questions, self.min_answers, self.min_votes)
        _require(min(counts) >= 2, f"minimum counts must be at least 2, found {counts}")
        _require(self.max_questions >= 2, f"max_questions must be at least 2, found {self.max_questions}")
        # The smallest p-value is 1 / (permutations + 1); Holm's first step over four tests must be within its reach.
        smallest = 4 / (self.permutations + 1)
        _require(smallest <= self.alpha, f"{self.permutations} permutations never reach alpha {self.alpha}")


@dataclass(frozen=True, eq=False)
class Window:
    """What was seen in one stretch of time. Rows need not match between the arrays.

    `documents` maps document ids to revisions at the end of the window, None where no snapshot was kept. `embeddings`
    has shape (n, d), one row per question; `similarities` (n,) holds the cosine of the best passage; `abstained` (n,)
    and `thumbs_down` (votes,) hold truth values. Rows with a value that is not finite are left out of the counts.
    """

    documents: Mapping[str, str] | None = None
    embeddings: Floats = field(default_factory=lambda: np.zeros((0, 1), dtype=np.float32))
    similarities: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    abstained: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    thumbs_down: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        _require(self.embeddings.ndim == 2, f"embeddings must have shape (n, d), found {self.embeddings.shape}")
        for name in ("similarities", "abstained", "thumbs_down"):
            shape = getattr(self, name).shape
            _require(len(shape) == 1, f"{name} must have shape (n,), found {shape}")


@dataclass(frozen=True)
class Signal:
    """One measured difference. `statistic` and `p_value` are None where there was not enough data; `days` are those in
    a row on which it differed."""

    name: str
    kind: SignalKind
    statistic: float | None
    p_value: float | None
    threshold: float
    n_reference: int
    n_current: int
    state: SignalState
    action: SignalAction
    days: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", SignalKind(self.kind))
        object.__setattr__(self, "state", SignalState(self.state))
        object.__setattr__(self, "action", SignalAction(self.action))
        names_action = self.action != SignalAction.NONE
        _require((self.state == DRIFT) == names_action, "drift names an action, and nothing else does")


@dataclass(frozen=True)
class DriftReport:
    """The signals of one measurement, in the order of the table above."""

    signals: tuple[Signal, ...]

    @property
    def drifted(self) -> tuple[Signal, ...]:
        return tuple(signal for signal in self.signals if signal.state == DRIFT)

    @property
    def actions(self) -> tuple[SignalAction, ...]:
        """What the drifted signals ask for, each once, in order."""
        return tuple(dict.fromkeys(signal.action for signal in self.drifted))


@dataclass(frozen=True)
class _Test:
    """A comparison before it is decided; `p_value` is None where there was not enough data."""

    name: str
    kind: SignalKind
    statistic: float | None
    p_value: float | None
    n_reference: int
    n_current: int


def measure(reference: Window, current: Window, policy: DriftPolicy, *, champion_changed: bool = False) -> DriftReport:
    """Compare two windows. `champion_changed`: another adapter (or none) serves in `current` than in `reference`.

    Raises ValueError where the embeddings of the two windows have different dimensions.
    """
    tests = (
        _questions(reference.embeddings, current.embeddings, policy),
        _top_similarity(reference.similarities, current.similarities, policy),
        _share("abstention_share", reference.abstained, current.abstained, policy.min_answers),
        _share("thumbs_down_share", reference.thumbs_down, current.thumbs_down, policy.min_votes),
    )
    levels = _holm([test.p_value for test in tests], policy.alpha)
    questions_drifted = tests[0].p_value is not None and tests[0].p_value <= levels[0]
    actions = (
        SignalAction.RETRAIN,
        SignalAction.RECALIBRATE if questions_drifted else SignalAction.REINDEX,
        SignalAction.CURATE,
        SignalAction.ROLL_BACK if champion_changed else SignalAction.CURATE,
    )
    corpus = _documents(reference.documents, current.documents, policy.corpus_share)
    return DriftReport((corpus, *map(_decide, tests, levels, actions)))


def _decide(test: _Test, level: float, action: SignalAction) -> Signal:
    enough, drifted = test.p_value is not None, test.p_value is not None and test.p_value <= level
    return Signal(
        name=test.name,
        kind=test.kind,
        statistic=test.statistic,
        p_value=test.p_value,
        threshold=level,
        n_reference=test.n_reference,
        n_current=test.n_current,
        state=DRIFT if drifted else OK if enough else NOT_ENOUGH_DATA,
        action=action if drifted else SignalAction.NONE,
    )


def _holm(p_values: Sequence[float | None], alpha: float) -> list[float]:
    """Return the level that each p-value is held against; rejected are those at or below theirs.

    Once a p-value exceeds its level, all larger ones stay at that level: they are not rejected either.
    """
    levels = [alpha] * len(p_values)
    computed = sorted((p_value, position) for position, p_value in enumerate(p_values) if p_value is not None)
    level = 0.0
    stopped = False
    for rank, (p_value, position) in enumerate(computed):
        level = level if stopped else alpha / (len(computed) - rank)
        stopped = stopped or p_value > level
        levels[position] = level
    return levels


def _documents(before: Mapping[str, str] | None, after: Mapping[str, str] | None, threshold: float) -> Signal:
    """Share of the documents of either side whose revision changed, or that appeared or vanished."""
    n_reference, n_current = len(before or ()), len(after or ())
    either = set(before or ()) | set(after or ())
    share = None
    # An empty reference is the time before the first index: everything would look new.
    if before and after is not None:
        share = sum(before.get(document_id) != after.get(document_id) for document_id in either) / len(either)
    drifted = share is not None and share >= threshold
    state = DRIFT if drifted else NOT_ENOUGH_DATA if share is None else OK
    action = SignalAction.RETRAIN if drifted else SignalAction.NONE
    return Signal("documents", SignalKind.CORPUS, share, None, threshold, n_reference, n_current, state, action)


def _questions(reference: Floats, current: Floats, policy: DriftPolicy) -> _Test:
    """Measure how the windows differ as wholes, and where current questions crowd; tested by permutation.

    As wholes by the squared maximum mean discrepancy with an RBF kernel (Gretton et al. 2012).
    """
    kept = [np.asarray(rows, dtype=np.float64)[np.isfinite(rows).all(axis=1)] for rows in (reference, current)]
    counts = (len(kept[0]), len(kept[1]))
    if min(counts) < policy.min_questions:
        return _Test("questions", SignalKind.QUERY, None, None, *counts)
    if reference.shape[1] != current.shape[1]:
        raise ValueError(
            f"reference embeddings have {reference.shape[1]} dimensions, current ones {current.shape[1]}: "
            "embed both windows with the same embedder"
        )
    rng = np.random.default_rng(policy.seed)
    sampled = [_sample(rows, policy.max_questions, rng) for rows in kept]
    weights = _relabelled(len(sampled[0]), len(sampled[1]), policy.permutations, rng)
    order = rng.permutation(weights.shape[1])  # so that equal questions are neighbours in no order of the windows
    kernel, weights = _kernel(np.concatenate(sampled)[order]), weights[:, order]
    discrepancies = np.einsum("bn,bn->b", weights @ kernel, weights)
    differences = largest([discrepancies, *scans(kernel, weights < 0)])
    return _Test("questions", SignalKind.QUERY, float(differences[0]), _p_value(differences), *counts)


def _sample(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    return rows if len(rows) <= most else rows[np.sort(rng.choice(len(rows), most, replace=False))]


def _kernel(rows: Floats) -> Floats:
    """Return the RBF kernel whose width is the median distance between two different rows (the median heuristic)."""
    norms = np.einsum("nd,nd->n", rows, rows)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * (rows @ rows.T), 0.0)
    apart = squared[np.triu_indices(len(rows), 1)]
    # Rounding leaves distances near 1e-16 between equal rows; they tell nothing about the width.
    apart = apart[apart > 1e-12]
    width = float(np.median(apart)) if len(apart) else 1.0
    return np.asarray(np.exp(-squared / (2 * width)))


def _relabelled(n_reference: int, n_current: int, permutations: int, rng: np.random.Generator) -> Floats:
    """Return weights of shape (1 + permutations, n): the observed labels, then shuffled ones. Each row sums to 0."""
    observed = np.repeat([1 / n_reference, -1 / n_current], [n_reference, n_current])
    shuffled = rng.permuted(np.tile(observed, (permutations, 1)), axis=1)
    return np.concatenate([observed[None, :], shuffled])


def _p_value(statistics: Floats) -> float:
    """Share of relabellings at least as extreme as the observed first one, itself counted (Phipson & Smyth 2010)."""
    observed = statistics[0]
    return float(np.mean(statistics >= observed - 1e-12 * max(1.0, abs(observed))))


def _top_similarity(reference: Floats, current: Floats, policy: DriftPolicy) -> _Test:
    """Measure how far the mean similarity of the best passage fell, by permutation. A rise is no drift."""
    kept = [np.asarray(values, dtype=np.float64)[np.isfinite(values)] for values in (reference, current)]
    counts = (len(kept[0]), len(kept[1]))
    if min(counts) < policy.min_questions:
        return _Test("top_similarity", SignalKind.RETRIEVAL, None, None, *counts)
    rng = np.random.default_rng(policy.seed)
    pooled = np.concatenate(kept)
    falls = [kept[0].mean() - kept[1].mean()]
    for _ in range(policy.permutations):
        part = rng.permutation(pooled)[: counts[0]].sum()
        falls.append(part / counts[0] - (pooled.sum() - part) / counts[1])
    return _Test("top_similarity", SignalKind.RETRIEVAL, float(falls[0]), _p_value(np.array(falls)), *counts)


def _share(name: str, reference: NDArray[np.bool_], current: NDArray[np.bool_], least: int) -> _Test:
    """Measure how much the share of true values rose, by Fisher's exact test, one-sided. A fall is no drift."""
    counts = (len(reference), len(current))
    if min(counts) < least:
        return _Test(name, SignalKind.QUALITY, None, None, *counts)
    true = (int(np.count_nonzero(reference)), int(np.count_nonzero(current)))
    rise = true[1] / counts[1] - true[0] / counts[0]
    return _Test(name, SignalKind.QUALITY, rise, _fisher(true[0], counts[0], true[1], counts[1]), *counts)


def _fisher(true_before: int, n_before: int, true_after: int, n_after: int) -> float:
    """Return the chance of at least `true_after` of all the true values in the second sample, margins fixed
    (hypergeometric)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n_before + n_after + 1)))])

    def choose(n: int, k: NDArray[np.int_]) -> Floats:
        return np.asarray(logs[n] - logs[k] - logs[n - k])

    true = true_before + true_after
    counts = np.arange(true_after, min(true, n_after) + 1)
    terms = choose(n_after, counts) + choose(n_before, true - counts)
    total = choose(n_before + n_after, np.array([true]))
    return min(1.0, float(np.exp(terms - total).sum()))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
