"""Compare the champions with the base model on a schedule, and measure the answers to the golden questions.

A champion may lose the place that it earned, and answers may get worse while documents change.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.learning_reports import end_of_review
from tasks.monitoring import compare_golden, review_champions
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="evaluate-champion", flow_run_name="evaluate champion", **OVERVIEW)
def evaluate_champion(home: GivenPath = None, config: GivenPath = None, compare_with: str = "") -> State[Any]:
    """Score the champion of each lane and the base model on the golden and the held-out questions, with the documents
    of today.

    If the gate would reject a champion now, the run says so and emits the event ragloop.champion.worse. The champion
    keeps serving until a person runs `roll-back`. The golden questions are also asked with the settings as they are: an
    artifact shows the answers, how they were before, and which questions are stale.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
        compare_with: Settings that differ, such as rerank=off,top_k=4, to ask the golden questions with as well.
    """
    reviews = review_champions(home, config)
    compare_golden(compare_with, home, config)
    return end_of_review(reviews)
