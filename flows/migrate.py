"""Plan which topics of the log move to another lane, and move them."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.cost_reports import report_costs
from tasks.migrating import approved_moves, move_topics, plan_moves
from tasks.migration_reports import end_of_migration
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="plan-migration", flow_run_name="plan migration", **OVERVIEW)
def plan_migration(home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Find the topics of the log, and move those that earned it to the next lane, a share of their questions at a time.

    Topics whose documents changed come back to base+rag without asking. With migration.approve this run asks before any
    topic moves up: a run of ask-operator inside it pauses. The artifacts `topics` and `costs` show what it rests on.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    planned = plan_moves(home, config)
    back = move_topics(planned, planned.downs, "plan-migration", home, config)
    approved = approved_moves(planned, home, config)
    up = move_topics(planned, approved.moves, approved.by, home, config)
    report_costs(home, config)
    return end_of_migration(back, up, approved.in_short)
