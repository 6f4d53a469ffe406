"""Measure drift on a schedule, decide, and ring for retraining."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.learning_reports import end_of_drift
from tasks.monitoring import measure_drift, ring_for_retraining, watch_canaries
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="check-drift", flow_run_name="measure drift", **OVERVIEW)
def check_drift(home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Measure drift of documents, questions, retrieval and quality, and ring for retraining if it is due.

    Ringing emits the event ragloop.retrain.due, which starts the deployment retrain-adapter. First, canaries go on or
    are rolled back, as their answers and votes say.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    watch_canaries(home, config)
    measured = measure_drift(home, config)
    if measured.decision.due:
        ring_for_retraining(measured.decision, home, config)
    return end_of_drift(measured)
