"""What an operator does with adapters by hand: promote one, or roll back to the champion before."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.learning import find_champion, make_champion, restore_champion
from tasks.learning_reports import end_of_promotion, end_of_rollback
from tasks.running import GivenPath


@flow(name="promote-adapter", flow_run_name="promote {adapter_id}")
def promote_adapter(
    adapter_id: str = "", reason: str = "by hand", home: GivenPath = None, config: GivenPath = None
) -> State[Any]:
    """Make an adapter the champion, whatever the gate said and also when it is retired.

    Questions after it are answered by it; those under way finish on the one before. `roll-back` undoes it.

    Args:
        adapter_id: The adapter, or the beginning of its id; retrain-adapter names it. Empty changes nothing.
        reason: Why; it is kept in the history of promotions.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    champion_id = find_champion(home, config)
    return end_of_promotion(make_champion(adapter_id, champion_id, reason, home, config))


@flow(name="roll-back", flow_run_name="roll back")
def roll_back(
    reason: str = "by hand", adapter_id: str = "", home: GivenPath = None, config: GivenPath = None
) -> State[Any]:
    """Bring back the champion before the present one, or the base model where there was none, and retire this one.

    A retired adapter is promoted by no retraining; `promote-adapter` undoes it. A run that is tried again rolls back
    once.

    Args:
        reason: Why; it is kept in the history of promotions.
        adapter_id: The adapter to roll back from; nothing is done where it does not serve any more. Empty takes the one
            that serves.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    champion_id = adapter_id or find_champion(home, config)
    return end_of_rollback(restore_champion(champion_id, reason, home, config))
