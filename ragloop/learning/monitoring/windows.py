"""From the log to a drift report: which answers form the reference window and the current one, and what is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import ActiveIndex
from ragloop.corpus.index.vectors import VectorStore
from ragloop.journal import Journal, LogTable, RowIds
from ragloop.learning.examples.curation import counted_feedback
from ragloop.learning.monitoring.cadence import (
    BUDGET_DAYS,
    CadencePolicy,
    RetrainDecision,
    Spent,
    Trained,
    decide,
)
from ragloop.learning.monitoring.drift import DriftPolicy, DriftReport, Window, measure
from ragloop.learning.monitoring.neighbourhoods import SIZES
from ragloop.learning.monitoring.persistence import confirmed, differed_before
from ragloop.records import FeedbackKind
from ragloop.registry import Registry, VerdictKind
from ragloop.reports import Report, Reports
from ragloop.store import TIME, Store

SNAPSHOT = ("snapshot", "training")
"""Kind and subject of the report of all documents' revisions when the last training ended: the reference of the corpus
signal."""
DRIFT = "drift"
_COLUMNS = ["interaction_id", "asked_at", "question", "top_similarity", "abstained", "adapter", "generation"]
_FEEDBACK = ["interaction_id", "given_at", "kind"]


@dataclass(frozen=True)
class DriftMeasurement:
    """What was measured, and whether training is due."""

    report: DriftReport
    decision: RetrainDecision


@dataclass(frozen=True)
class ErasedAnswers:
    """How many answers an erasure removed from the log, and when."""

    at: datetime
    answers: int


def measure_drift(
    journal: Journal,
    registry: Registry,
    active: ActiveIndex,
    *,
    erased: Sequence[ErasedAnswers],
    window: int,
    new_eligible: int,
    drift: DriftPolicy,
    cadence: CadencePolicy,
    key: str = "",
) -> DriftMeasurement:
    """Compare the oldest answers since the last training with the newest ones, and decide.

    Where erasures took a topic out of the log, the oldest are those since: else what people go on asking would pass for
    a new topic. The report is kept, by `key` as Reports.append has it.
    """
    store = journal.store
    trained = last_trained(registry)
    answers, feedback = journal.tables()
    times, places = answers.order()
    gap = _gap(times, erased, window)
    since = max((one for one in (trained.last_at, gap and gap.at) if one), default=None)
    first, last = _ends(times, places, since, window)
    before, after = answers.take(first, _COLUMNS), answers.take(last, _COLUMNS)
    votes = _votes(feedback, pa.concat_tables([before, after])["interaction_id"])
    vectors = VectorStore(store, active.embedder, asked=True)
    generation = active.index.generation.fingerprint
    revisions = inventory.revisions(active.index)
    measured_now = measure(
        _window(before, votes, vectors, _snapshot(store), generation),
        _window(after, votes, vectors, revisions, generation),
        drift,
        champion_changed=_served(before) != _served(after),
    )
    # What was measured before is of another reference.
    kept = [one for one in Reports(store).history(DRIFT) if since is None or one.at > since]
    earlier = differed_before(store.now().date(), ((one.at, one.body["signals"]) for one in kept))
    report = confirmed(measured_now, earlier, drift.days)
    if _snapshot(store) is None:
        take_snapshot(store, revisions)
    decision = decide(
        report,
        now=store.now(),
        trained=trained,
        new_eligible=new_eligible,
        policy=cadence,
        spent=spent_on_training(registry, store.now()),
    )
    if gap and gap.at == since:
        decision = replace(decision, reasons=(*decision.reasons, _why_later(gap)))
    measured = DriftMeasurement(report, decision)
    body = {"decision": asdict(decision), "signals": [asdict(signal) for signal in report.signals]}
    Reports(store).append(Report(DRIFT, "", store.now(), body), key)
    return measured


def take_snapshot(store: Store, revisions: Mapping[str, str]) -> None:
    """Keep the revisions of all documents as the reference for the next measurement."""
    Reports(store).put(Report(*SNAPSHOT, store.now(), revisions))


def last_measurement(store: Store) -> dict[str, Any] | None:
    """Return the last drift report, with its time under `at`."""
    last = Reports(store).latest(DRIFT)
    return last.dated() if last else None


def measurements(store: Store) -> list[dict[str, Any]]:
    """Return all drift reports, oldest first, each with its time under `at`."""
    return [report.dated() for report in Reports(store).history(DRIFT)]


def last_trained(registry: Registry) -> Trained:
    """Return when the last training ended, whatever became of its adapter, and how many in a row were rejected; a merge
    is no training: it has learned nothing."""
    newest_first = sorted(
        (one for one in registry.adapters() if one.evidence.merge is None),
        key=lambda one: one.created_at,
        reverse=True,
    )
    rejected = takewhile(lambda one: one.verdict == VerdictKind.REJECT, newest_first)
    return Trained(newest_first[0].created_at if newest_first else None, sum(1 for _ in rejected))


def spent_on_training(registry: Registry, now: datetime) -> Spent:
    """Add up what the trainings of the last days took, as their adapters say."""
    took = [
        (one.created_at, one.evidence.training.seconds / 3600) for one in registry.adapters() if one.evidence.training
    ]
    recent = sum(hours for at, hours in took if at > now - timedelta(days=BUDGET_DAYS))
    return Spent(recent, max(took)[1] if took else 0.0)


def _snapshot(store: Store) -> Mapping[str, str] | None:
    found = Reports(store).latest(*SNAPSHOT)
    return found.body if found else None


def _gap(times: pa.ChunkedArray, erased: Sequence[ErasedAnswers], window: int) -> ErasedAnswers | None:
    """Return the newest erasure that, with those after it, took as much out of the log as a topic may have in a window;
    `answers` are theirs together. None where nobody would notice."""
    missing = 0
    for one in sorted(erased, key=lambda one: one.at, reverse=True):
        missing += one.answers
        left = pc.sum(pc.less_equal(times, pa.scalar(one.at, TIME))).as_py() or 0
        if missing and window * missing >= SIZES[0] * (left + missing):
            return ErasedAnswers(one.at, missing)
    return None


def _why_later(gap: ErasedAnswers) -> str:
    return (
        f"The reference begins after the erasure of {gap.at:%Y-%m-%d %H:%M} UTC: erasures removed {gap.answers:,} "
        "answers of the time before."
    )


def _ends(times: pa.ChunkedArray, places: RowIds, since: datetime | None, window: int) -> tuple[RowIds, RowIds]:
    """Return the places of the oldest answers after `since` and of the newest `window`, none in both.

    `times` and `places` are those of LogTable.order. The oldest ones are up to twice as many: what is compared with
    every window is worth to be known well.
    """
    if since is not None:
        places = places[pc.greater(times, pa.scalar(since, TIME)).fill_null(False).to_numpy()]
    size = min(window, len(places) // 2)
    return places[: min(2 * window, len(places) - size)], places[len(places) - size :]


def _votes(feedback: LogTable, answers: pa.ChunkedArray) -> dict[str, bool]:
    """Return whether the feedback that counts for these answers says that they were wrong; a correction does."""
    rows = feedback.take(feedback.places("interaction_id", pc.unique(answers)), _FEEDBACK)
    return {one: row["kind"] != FeedbackKind.UP for one, row in counted_feedback(rows.to_pylist()).items()}


def _window(
    rows: pa.Table,
    votes: Mapping[str, bool],
    vectors: VectorStore,
    documents: Mapping[str, str] | None,
    generation: str,
) -> Window:
    """Return the answers as a window; cosines of another generation's vectors and chunks are not comparable, and left
    out."""
    comparable = rows.filter(pc.equal(rows["generation"], generation))
    ids = rows["interaction_id"].to_pylist()
    return Window(
        documents=documents,
        embeddings=vectors.of_texts(rows["question"].to_pylist()),
        similarities=comparable["top_similarity"].cast(pa.float64()).to_numpy(),
        abstained=np.array(rows["abstained"].to_pylist(), dtype=np.bool_),
        thumbs_down=np.array([votes[one] for one in ids if one in votes], dtype=np.bool_),
    )


def _served(rows: pa.Table) -> frozenset[str | None]:
    return frozenset(rows["adapter"].to_pylist())
