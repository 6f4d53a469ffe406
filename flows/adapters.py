"""Promote an adapter by hand, or roll back to the previous champion."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.learning import find_champion, find_only_champion, make_champion, restore_champion
from tasks.learning_reports import end_of_promotion, end_of_rollback
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="promote-adapter", flow_run_name="promote {adapter_id}", **OVERVIEW)
def promote_adapter(
    adapter_id: str = "",
    reason: str = "by hand",
    name: str = "",
    home: GivenPath = None,
    config: GivenPath = None,
) -> State[Any]:
    """Make an adapter the champion, whatever the gate said, even if it is retired.

    It answers the next question; questions under way finish on the previous champion. `roll-back` undoes it.

    Args:
        adapter_id: The adapter, or the beginning of its id, as retrain-adapter shows it. Empty changes nothing.
        reason: Why you do this; kept in the history of promotions.
        name: Who you are; kept in the history of promotions.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    champion_id = find_champion(adapter_id, home, config)
    return end_of_promotion(make_champion(adapter_id, champion_id, reason, name, home, config))


@flow(name="roll-back", flow_run_name="roll back", **OVERVIEW)
def roll_back(
    reason: str = "by hand",
    name: str = "",
    adapter_id: str = "",
    home: GivenPath = None,
    config: GivenPath = None,
) -> State[Any]:
    """Bring back the previous champion, or the base model if there was none, and retire the current one.

    No retraining promotes a retired adapter; `promote-adapter` undoes that. A run that is retried rolls back once.

    Args:
        reason: Why you do this; kept in the history of promotions.
        name: Who you are; kept in the history of promotions.
        adapter_id: The adapter to roll back from; if it no longer serves, nothing changes. Empty takes the one that
            serves; where several lanes have one, name it.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    champion_id = adapter_id or find_only_champion(home, config)
    return end_of_rollback(restore_champion(champion_id, reason, name, home, config))
