"""Tasks that measure, and the events of what they found, which automations and triggers wait for."""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import runtime, task
from prefect.events import emit_event
from prefect.logging import get_run_logger

from ragloop.errors import RagloopError
from ragloop.orchestrator.names import Names
from ragloop.records import HomeEvent
from tasks.golden_reports import publish_golden
from tasks.learning_reports import publish_canary, publish_drift, publish_history, publish_review
from tasks.mirrors import follow_mirror
from tasks.reporting import Progress
from tasks.running import TRANSIENT_ONLY, open_app, run_began

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
QUARANTINE_GROWS = "ragloop.quarantine.grows"
DISK_LOW = "ragloop.disk.low"
DEAD_LETTERS = "ragloop.dead-letters.wait"
"""The events that automations of flows/automations.json wait for."""


@task(name="measure drift", **TRANSIENT_ONLY)
def measure_drift(home: Path | None, config: Path | None) -> "DriftMeasurement":
    """Compare the newest answers with the oldest since the last training, and decide whether training is due."""
    from ragloop.learning.monitoring.windows import measurements

    app = open_app(home, config)
    measured = app.learning.measure_drift(str(runtime.task_run.id))  # tried again, it is one measurement
    publish_drift(Names.of(app.settings), measured, measurements(app.store))
    return measured


@task(name="watch canaries", **TRANSIENT_ONLY)
def watch_canaries(home: Path | None, config: Path | None) -> None:
    """Let canaries go on, end well or be rolled back, as what was logged of them says."""
    app = open_app(home, config)
    watched = app.learning.canary.act()
    for one in watched:
        publish_canary(Names.of(app.settings), one)
    if any(one.done for one in watched):
        publish_history(Names.of(app.settings), app.registry.history())
        follow_mirror(app)


@task(name="ring for retraining", **TRANSIENT_ONLY)
def ring_for_retraining(decision: "RetrainDecision", home: Path | None, config: Path | None) -> None:
    """Emit the event that starts a retraining of this home."""
    _ring(RETRAIN_DUE, open_app(home, config), config, {"reasons": list(decision.reasons)})


@task(name="review champions", **TRANSIENT_ONLY)
def review_champions(home: Path | None, config: Path | None) -> "list[Review]":
    """Hold the champion of each lane against the base model, and ring where the gate would reject it today."""
    from ragloop.learning.evaluation.review import reviews

    app = open_app(home, config)
    made = app.learning.reviews(str(runtime.task_run.id))  # tried again, they are the same reviews
    for review in made:
        of_lane = [one for one in reviews(app.store) if one["lane"] == review.lane]
        publish_review(Names.of(app.settings), review, of_lane)
        if review.worse:
            _ring(CHAMPION_WORSE, app, config, {"adapter": review.adapter_id, "reasons": list(review.verdict.reasons)})
    return made


@task(name="compare golden questions", **TRANSIENT_ONLY)
def compare_golden(compare_with: str, home: Path | None, config: Path | None) -> None:
    """Ask the golden questions of this home, where it has some, and publish the figures beside the earlier ones.

    With `compare_with`, they are asked with the settings that it changes as well.
    """
    from ragloop.learning.comparing.trend import kept_comparisons

    app = open_app(home, config)
    names = Names.of(app.settings)
    bar = Progress(names, "golden-progress", "golden questions")
    key = str(runtime.task_run.id)  # tried again, it is one comparison
    made = app.evaluation.report(
        compare_with or None, key, progress=lambda done, all_, _: bar.show(done, all_, "asked")
    )
    if made is not None:
        publish_golden(names, made, kept_comparisons(app.store))


def ring_alarms(report: "SyncReport", app: "App", config: Path | None) -> "Freshness":
    """Emit an event for each thing that a person should know of after a sync; return how late its documents were."""
    found = _ring_if_late(report, app, config)
    growth = _growth(report)
    if growth:
        _ring(QUARANTINE_GROWS, app, config, {"quarantined": report.quarantined, "more": growth})
    free_gb = shutil.disk_usage(app.settings.home).free / 1e9
    if free_gb < app.settings.maintenance.min_free_gb:
        _ring(DISK_LOW, app, config, {"free_gb": round(free_gb, 1)})
    if refused := _dead_letters(app):
        _ring(DEAD_LETTERS, app, config, {"messages": refused})
    return found


def _growth(report: "SyncReport") -> int:
    """Return how many documents this run added to the quarantine; the trend begins with a run that changed it."""
    began = run_began()
    if len(report.trend) < 2 or not began or datetime.fromisoformat(report.trend[0].at) < began.replace(microsecond=0):
        return 0
    return max(0, report.trend[0].quarantined - report.trend[1].quarantined)


def _dead_letters(app: "App") -> int:
    """Count messages in dead-letter queues; a queue that cannot be asked is for the run that drains it to report."""
    try:
        return sum(one.queue.refused() for one in app.corpus.watched())
    except RagloopError as error:
        get_run_logger().warning("the dead-letter queue was not looked at: %s", error)
        return 0


def _ring_if_late(report: "SyncReport", app: "App", config: Path | None) -> "Freshness":
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
