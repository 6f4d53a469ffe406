"""Compare the champion with the base model on a schedule: a champion may lose the place that it earned."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.learning_reports import end_of_review
from tasks.monitoring import review_champion
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="evaluate-champion", flow_run_name="evaluate champion", **OVERVIEW)
def evaluate_champion(home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Score the champion and the base model on the golden and the held-out questions, with the documents of today.

    If the gate would reject the champion now, the run says so and emits the event ragloop.champion.worse. The champion
    keeps serving until a person runs `roll-back`.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    return end_of_review(review_champion(home, config))
