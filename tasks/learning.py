"""Tasks of a retraining. They exchange ids: datasets, adapters and answers stay in the store.

Each may be run again after a failure that came when its work was done already, and then does no more. What moves the
champion names from whom, and bears the id of its run: so it is done once, also where the whole run is tried again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger, runtime, task

from ragloop.orchestrator.names import Names
from tasks.approval import Decided
from tasks.learning_reports import (
    publish_dataset,
    publish_evaluation,
    publish_history,
    publish_training,
    publish_verdict,
)
from tasks.mirrors import follow_mirror
from tasks.reporting import Progress
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.learning.evaluation.gate import Verdict
    from ragloop.learning.steps.promote import Promotion
    from ragloop.registry import Adapter, Request, Rollback


@task(name="build dataset", **TRANSIENT_ONLY)
def build_dataset(rung_by: str, recipe: str, home: Path | None, config: Path | None) -> str:
    """Write the eligible examples of the log as a dataset of a recipe; returns its id. `rung_by` asked for it."""
    app = open_app(home, config)
    dataset = app.learning.retraining.build_dataset(recipe)
    publish_dataset(Names.of(app.settings), dataset, rung_by)
    return dataset.dataset_id


@task(name="train adapter", **TRANSIENT_ONLY)
def train_adapter(dataset_id: str, home: Path | None, config: Path | None) -> str:
    """Train an adapter in a process of its own; returns its id. Killed, it goes on from its newest checkpoint."""
    app = open_app(home, config)
    for warning in app.learning.retraining.warnings():
        get_run_logger().warning(warning)
    get_run_logger().info("training on dataset %s", dataset_id)
    names = Names.of(app.settings)
    bar = Progress(names, "training-progress", "steps")
    adapter_id = app.learning.retraining.train(dataset_id, lambda p: bar.show(p.step, p.steps, f"loss {p.loss:.3f}"))
    publish_training(names, adapter_id, app.registry.folder(app.registry.adapter(adapter_id)))
    return adapter_id


@task(name="evaluate adapter", **TRANSIENT_ONLY)
def evaluate_adapter(adapter_id: str, home: Path | None, config: Path | None) -> None:
    """Answer the golden and the held-out questions by champion and candidate; the answers are kept in the store."""
    get_run_logger().info("answering the golden and the held-out questions by the champion and %s", adapter_id)
    app = open_app(home, config)
    publish_evaluation(Names.of(app.settings), adapter_id, app.learning.retraining.evaluate(adapter_id))


@task(name="judge adapter", **TRANSIENT_ONLY)
def judge_adapter(adapter_id: str, home: Path | None, config: Path | None) -> "Verdict":
    """Hold the evaluation against the gate."""
    app = open_app(home, config)
    verdict = app.learning.retraining.judge(adapter_id)
    publish_verdict(Names.of(app.settings), adapter_id, verdict)
    return verdict


@task(name="promote adapter", **TRANSIENT_ONLY)
def promote_adapter(adapter_id: str, decided: Decided, home: Path | None, config: Path | None) -> "Promotion":
    """Make the adapter the champion if the verdict says so."""
    app = open_app(home, config)
    ended = app.learning.retraining.promote(adapter_id, decided.verdict, decided.approved)
    if ended.promoted:
        publish_history(Names.of(app.settings), app.registry.history())
    follow_mirror(app)
    return ended


@task(name="find champion", **TRANSIENT_ONLY)
def find_champion(adapter_id: str, home: Path | None, config: Path | None) -> str | None:
    """Return the id of the adapter that serves the lane of another one, None for the base model: what an operator acts
    from."""
    registry = open_app(home, config).registry
    return registry.champion_id(registry.adapter(adapter_id).lane)


@task(name="find the only champion", **TRANSIENT_ONLY)
def find_only_champion(home: Path | None, config: Path | None) -> str | None:
    """Return the id of the adapter that serves, None for the base model; where several do, a person names one."""
    return open_app(home, config).registry.aliases.only_champion()


@task(name="make champion", **TRANSIENT_ONLY)
def make_champion(
    adapter_id: str, champion_id: str | None, reason: str, name: str, home: Path | None, config: Path | None
) -> "Adapter":
    """Promote an adapter over the one that serves, as an operator asks."""
    app = open_app(home, config)
    adapter = app.registry.promote(adapter_id, reason, _request(champion_id), by=name)
    follow_mirror(app)
    publish_history(Names.of(app.settings), app.registry.history())
    return adapter


@task(name="restore champion", **TRANSIENT_ONLY)
def restore_champion(
    champion_id: str | None, reason: str, name: str, home: Path | None, config: Path | None
) -> "Rollback":
    """Roll back from an adapter, as an operator asks."""
    app = open_app(home, config)
    done = app.registry.rollback(reason, _request(champion_id), by=name)
    follow_mirror(app)
    publish_history(Names.of(app.settings), app.registry.history())
    return done


def _request(champion_id: str | None) -> "Request":
    """Return what this run asks for while `champion_id` serves; tried again, it is done once."""
    from ragloop.registry import Request

    return Request(champion_id, str(runtime.flow_run.id))
