"""Commands about learning: drift, dataset, retrain, evaluate, adapters."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.context import open_app
from ragloop.cli.corpus import Json
from ragloop.cli.output import print_facts, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ragloop.models.registry import Adapter

dataset = typer.Typer(no_args_is_help=True, help="Datasets of logged answers.")
adapters = typer.Typer(no_args_is_help=True, help="LoRA adapters: list, show, promote, roll back.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(drift)
    app.add_typer(dataset, name="dataset")
    app.command()(retrain)
    app.command()(evaluate)
    app.add_typer(adapters, name="adapters")


def drift(json: Json = False) -> None:
    """Measure drift of documents, questions, retrieval and quality, and say whether training is due."""
    from dataclasses import asdict

    measured = open_app().measure_drift()
    signals = [asdict(signal) for signal in measured.report.signals]
    if json:
        print_json({"signals": signals, "decision": asdict(measured.decision)})
        return
    print_table("Drift", signals, list(signals[0]))
    say(
        ("training is due: " if measured.decision.due else "training is not due: ")
        + " ".join(measured.decision.reasons)
    )


@dataset.command("build")
def build(json: Json = False) -> None:
    """Write the eligible examples of the log as a dataset, and say why the others are not eligible."""
    from dataclasses import asdict

    made = open_app().retraining.build_dataset()
    if json:
        print_json(asdict(made))
        return
    facts = asdict(made)
    print_table(
        "Left out", [{"reason": r, "answers": n} for r, n in facts.pop("funnel").items()], ["reason", "answers"]
    )
    print_facts("Dataset", facts)


def retrain(json: Json = False) -> None:
    """Train an adapter on the log, hold it against the champion, and promote it if the evidence says so."""
    from dataclasses import asdict

    app = open_app()
    for warning in app.retraining.warnings():
        say(f"warning: {warning}")
    with progress("train", "steps") as advance:
        report = app.retraining.run(lambda p: advance(p.step, p.steps, f"loss {p.loss:.3f}"))
    if json:
        print_json(asdict(report))
        return
    print_table(
        "Scores",
        [{"model": who, **scores} for who, scores in report.metrics.items()],
        ["model", *report.metrics["champion"]],
    )
    for reason in report.reasons:
        say(f"  {reason}")
    say(f"{report.verdict}: adapter {report.adapter_id} was {'promoted' if report.promoted else 'not promoted'}")


def evaluate(json: Json = False) -> None:
    """Hold the champion against the base model again, with the documents of today; it goes on serving.

    Exit code 1 where the gate would reject it now: `ragloop adapters rollback` brings back the one before it.
    """
    from dataclasses import asdict

    review = open_app().review()
    if json:
        print_json({**(asdict(review) if review else {"adapter_id": None}), "worse": bool(review and review.worse)})
    elif review is None:
        say("the base model serves; there is no champion to evaluate")
    else:
        rows = [{"model": who, **scores} for who, scores in review.scores.items()]
        print_table(f"Champion {review.adapter_id}", rows, list(rows[0]))
        for reason in (*review.verdict.reasons, *review.notes):
            say(f"  {reason}")
    if review and review.worse:
        raise typer.Exit(1)


@adapters.command("list")
def list_adapters(json: Json = False) -> None:
    """Show every adapter, oldest first, and which one serves."""
    registry = open_app().registry
    champion = registry.champion()
    rows = [_row(one, champion) for one in registry.adapters()]
    if json:
        print_json({"adapters": rows, "champion": champion.adapter_id if champion else None})
        return
    print_table("Adapters", rows, ["adapter_id", "created_at", "state", "verdict", "champion", "base", "dataset_id"])


@adapters.command("show")
def show(adapter_id: str, json: Json = False) -> None:
    """Show one adapter with its scores, its verdict and its training."""
    registry = open_app().registry
    adapter = registry.adapter(adapter_id)
    row = {**_row(adapter, registry.champion()), "metrics": adapter.metrics, "history": registry.history()}
    if json:
        print_json(row)
        return
    print_facts(adapter.adapter_id, {k: v for k, v in row.items() if k not in ("metrics", "history")})
    print_facts("Measured", {k: v for k, v in adapter.metrics.items() if k != "criteria"})


@adapters.command("promote")
def promote(
    adapter_id: str,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Make an adapter the champion, whatever the gate said and also when it is retired."""
    adapter = open_app().registry.promote(adapter_id, reason)
    print_json({"champion": adapter.adapter_id}) if json else say(f"champion: {adapter.adapter_id}")


@adapters.command("rollback")
def rollback(
    adapter_id: Annotated[
        str | None, typer.Argument(help="The adapter to roll back from; nothing is done where it does not serve.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Bring back the champion before the present one, or the base model where there was none, and retire this one."""
    registry = open_app().registry
    done = registry.rollback_from(adapter_id or registry.champion_id(), reason)
    name = done.champion.adapter_id if done.champion else None
    for line in done.skipped:
        say(line)
    if json:
        retired = done.left if done.changed else None
        print_json({"champion": name, "retired": retired, "skipped": list(done.skipped), "changed": done.changed})
    elif done.changed:
        say(f"champion: {name or 'the base model'}; {done.left} is retired: no retraining promotes it again")
    else:
        say(f"nothing was changed: {done.left} does not serve; champion: {name or 'the base model'}")


def _row(adapter: "Adapter", champion: "Adapter | None") -> dict[str, Any]:
    names = ("adapter_id", "created_at", "state", "verdict", "base", "dataset_id", "path", "sha256", "reasons")
    serves = champion is not None and champion.adapter_id == adapter.adapter_id
    return {**{name: getattr(adapter, name) for name in names}, "champion": serves}
