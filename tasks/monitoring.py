"""Tasks that measure, and the events of what they found, which automations and triggers wait for."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import runtime, task
from prefect.events import emit_event

from ragloop.orchestrator.names import Names
from ragloop.records import HomeEvent
from tasks.learning_reports import publish_drift, publish_review
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.sync.freshness import Freshness
    from ragloop.corpus.sync.report import SyncReport
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.monitoring.cadence import RetrainDecision
    from ragloop.learning.monitoring.windows import DriftMeasurement

RETRAIN_DUE = "ragloop.retrain.due"
"""The event that the trigger of retrain-adapter in prefect.yaml waits for."""
CHAMPION_WORSE = "ragloop.champion.worse"
"""The event that an automation of flows/automations.json waits for."""


@task(name="measure drift", **TRANSIENT_ONLY)
def measure_drift(home: Path | None, config: Path | None) -> "DriftMeasurement":
    """Compare the newest answers with the oldest since the last training, and decide whether training is due."""
    from ragloop.learning.monitoring.windows import measurements

    app = open_app(home, config)
    measured = app.learning.measure_drift(str(runtime.task_run.id))  # tried again, it is one measurement
    publish_drift(measured, measurements(app.store))
    return measured


@task(name="ring for retraining", **TRANSIENT_ONLY)
def ring_for_retraining(decision: "RetrainDecision", home: Path | None, config: Path | None) -> None:
    """Emit the event that starts a retraining of this home."""
    _ring(RETRAIN_DUE, open_app(home, config), config, {"reasons": list(decision.reasons)})


@task(name="review champion", **TRANSIENT_ONLY)
def review_champion(home: Path | None, config: Path | None) -> "Review | None":
    """Hold the champion against the base model, and ring where the gate would reject it today."""
    from ragloop.learning.evaluation.review import reviews

    app = open_app(home, config)
    review = app.learning.review(str(runtime.task_run.id))  # tried again, it is one review
    if review is not None:
        publish_review(review, reviews(app.store))
    if review is not None and review.worse:
        figures = {"adapter": review.adapter_id, "reasons": list(review.verdict.reasons)}
        _ring(CHAMPION_WORSE, app, config, figures)
    return review


def ring_if_late(report: "SyncReport", app: "App", config: Path | None) -> "Freshness":
    """Return how late the documents of a sync became searchable; ring where that is beyond the objective."""
    from ragloop.corpus.sync.freshness import freshness, lateness

    found = freshness(report.changes, 60 * app.settings.freshness.objective_minutes)
    if event := lateness(found, app.settings.home, config):
        _emit(event, Names.of(app.settings))
    return found


def _ring(event: str, app: "App", config: Path | None, figures: Mapping[str, Any]) -> None:
    """Emit an event about a home."""
    _emit(HomeEvent(event, app.settings.home, config, figures), Names.of(app.settings))


def _emit(event: HomeEvent, names: Names) -> None:
    """Emit an event, from which the run that rang can be found."""
    payload = {**event.payload, "flow_run_id": str(runtime.flow_run.id)}
    emit_event(event.name, names.home_resource(event.home), payload=payload)
