"""Turn the log into an adapter, and promote it if the evidence suffices."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.approval import ask_about_promotion
from tasks.learning import build_dataset, evaluate_adapter, judge_adapter, promote_adapter, train_adapter
from tasks.learning_reports import end_of_retraining
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="retrain-adapter", flow_run_name="retrain", **OVERVIEW)
def retrain_adapter(
    home: GivenPath = None, config: GivenPath = None, rung_by: str = "", recipe: str = ""
) -> State[Any]:
    """Curate the log, train an adapter, compare it with the champion, and promote it if the evidence suffices.

    The champion serves until the last step. With retrain.approve_promotion this run asks before that step: a run of
    ask-operator inside it pauses. Ends as Completed whatever the gate says: rejecting an adapter is not a failure.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
        rung_by: Id of the flow run that asked for this one; the artifact links to it.
        recipe: What is learned: facts, grounded, style, distill or preference. Empty takes training.recipe.
    """
    dataset_id = build_dataset(rung_by, recipe, home, config)
    adapter_id = train_adapter(dataset_id, home, config)
    evaluate_adapter(adapter_id, home, config)
    verdict = judge_adapter(adapter_id, home, config)
    decided = ask_about_promotion(adapter_id, verdict, home, config)
    return end_of_retraining(adapter_id, promote_adapter(adapter_id, decided, home, config), decided.in_short)
