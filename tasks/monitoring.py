"""Tasks about drift."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.events import emit_event

from tasks.reporting import publish_drift
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.learning.cadence import RetrainDecision
    from ragloop.learning.windows import DriftMeasurement

RETRAIN_DUE = "ragloop.retrain.due"
"""The event that the trigger of retrain-adapter in prefect.yaml waits for."""


@task(name="measure drift", **TRANSIENT_ONLY)
def measure_drift(home: Path | None, config: Path | None) -> "DriftMeasurement":
    """Compare the newest answers with the oldest since the last training, and decide whether training is due."""
    measured = open_app(home, config).measure_drift()
    publish_drift(measured)
    return measured


@task(name="ring for retraining", **TRANSIENT_ONLY)
def ring_for_retraining(decision: "RetrainDecision", home: Path | None, config: Path | None) -> None:
    """Emit the event that starts a retraining of this home."""
    place = str(open_app(home, config).settings.home.resolve())
    payload = {"home": place, "config": str(config.resolve()) if config else None, "reasons": list(decision.reasons)}
    emit_event(
        RETRAIN_DUE,
        resource={"prefect.resource.id": f"ragloop.home.{place}", "prefect.resource.name": place},
        payload=payload,
    )
