"""`ragloop adapters`: list, show, promote and roll back adapters."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli import ids
from ragloop.cli.options import Json, encodable, open_app, user
from ragloop.cli.output import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.registry import Adapter

AdapterId = Annotated[
    str, typer.Argument(help="Its id, as `ragloop adapters list` shows it, or its beginning; or last.")
]

adapters = typer.Typer(no_args_is_help=True, help="LoRA adapters: list, show, promote, roll back.")


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
def show(adapter_id: AdapterId, json: Json = False) -> None:
    """Show one adapter with its scores, its verdict and its training."""
    app = open_app()
    registry = app.registry
    adapter = registry.adapter(ids.adapter_id(app, encodable(adapter_id)))
    row = {**_row(adapter, registry.champion()), "metrics": adapter.evidence.as_row(), "history": registry.history()}
    if json:
        print_json(row)
        return
    print_facts(adapter.adapter_id, {k: v for k, v in row.items() if k not in ("metrics", "history")})
    print_facts("Measured", {k: v for k, v in row["metrics"].items() if k != "criteria"})


@adapters.command("promote")
def promote(
    adapter_id: AdapterId,
    reason: Annotated[str, typer.Option(help="Reason, kept in the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Make an adapter the champion, whatever the gate said, even if it is retired."""
    app = open_app()
    adapter = app.registry.promote(ids.adapter_id(app, encodable(adapter_id)), reason, by=user())
    print_json({"champion": adapter.adapter_id}) if json else say(f"champion: {adapter.adapter_id}")


@adapters.command("rollback")
def rollback(
    adapter_id: Annotated[
        str | None,
        typer.Argument(help="Adapter to roll back from; if it does not serve, nothing changes. Default: the champion."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason, kept in the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Bring back the previous champion, or the base model if there was none, and retire the current one."""
    from ragloop.registry import Request

    app = open_app()
    registry = app.registry
    wanted = Request(ids.adapter_id(app, encodable(adapter_id))) if adapter_id else None
    done = registry.rollback(reason, wanted, by=user())
    name = done.champion.adapter_id if done.champion else None
    for line in done.skipped:
        say(line)
    if json:
        retired = done.left if done.changed else None
        print_json({"champion": name, "retired": retired, "skipped": list(done.skipped), "changed": done.changed})
    elif done.changed:
        say(f"champion: {name or 'the base model'}; {done.left} is retired: no retraining promotes it again")
    else:
        say(f"nothing changed: {done.left} does not serve; champion: {name or 'the base model'}")


def _row(adapter: "Adapter", champion: "Adapter | None") -> dict[str, Any]:
    names = ("adapter_id", "created_at", "state", "verdict", "base", "dataset_id", "path", "sha256", "reasons")
    serves = champion is not None and champion.adapter_id == adapter.adapter_id
    shown = {name: getattr(adapter, name) for name in names}
    return {**shown, "verdict": adapter.verdict or "", "champion": serves}
