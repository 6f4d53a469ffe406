"""What paired answers showed of a lane on a topic, kept as reports of figures."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

import numpy as np

from ragloop.learning.evaluation.gate import mean_bounds
from ragloop.migration.routes.pairing import Trial
from ragloop.migration.routes.planning import Evidence, Paired
from ragloop.records import LaneName
from ragloop.reports import Report, Reports
from ragloop.store import Store

PAIRED = "paired answers"
TRIAL = "trial"
"""Kind of the reports of what trials took."""
_SEED = 0


def paired(differences: Sequence[float], confidence: float) -> Paired:
    """Return the mean of score differences with its bounds, each at `confidence`; see gate.mean_bounds."""
    if not differences:
        return Paired(0, 0.0, -1.0, 1.0)
    low, high = mean_bounds(differences, -1, 1, confidence, _SEED)
    return Paired(len(differences), float(np.mean(differences)), low, high)


def keep(store: Store, topic_id: str, lane: LaneName, adapter_id: str, found: Paired) -> None:
    """Keep what was shown, in place of what was shown before."""
    Reports(store).put(Report(PAIRED, _subject(topic_id, lane, adapter_id), store.now(), asdict(found)))


def keep_trial(store: Store, topic_id: str, trial: Trial) -> None:
    """Keep what a trial took, beside the earlier ones: it is in no log, and costs as much as answers do."""
    body = {"answers": trial.answers, "seconds": trial.seconds, "charged_usd": trial.charged_usd}
    Reports(store).append(Report(TRIAL, topic_id, store.now(), body))


def drop(store: Store, topic_ids: Collection[str]) -> None:
    """Drop what was shown of topics."""
    for topic_id, lane, adapter_id in evidence(store):
        if topic_id in topic_ids:
            Reports(store).drop(_subject(topic_id, lane, adapter_id), PAIRED)


def evidence(store: Store) -> Evidence:
    """Return all that was shown."""
    found = {}
    for one in Reports(store).history(PAIRED):
        topic_id, lane, adapter_id = one.subject.split(":")
        found[topic_id, LaneName(lane), adapter_id] = Paired(**one.body)
    return found


def _subject(topic_id: str, lane: LaneName, adapter_id: str) -> str:
    return f"{topic_id}:{lane}:{adapter_id}"
