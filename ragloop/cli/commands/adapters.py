"""`ragloop adapters`: list, show, promote, roll back, retire, merge, export and mirror adapters."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ragloop.cli import ids
from ragloop.cli.judged import show_report
from ragloop.cli.mirrors import follow_mirror
from ragloop.cli.options import Json, encodable, open_app, user
from ragloop.cli.output import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ragloop.records import LaneName
    from ragloop.registry import Adapter, Succession
    from ragloop.registry.mirroring.plan import MirrorPlan

ExportFormat = Literal["peft", "merged", "gguf"]
MergeMethod = Literal[
    "svd", "cat", "linear", "ties", "ties_svd", "dare_linear", "dare_linear_svd", "dare_ties", "dare_ties_svd",
    "magnitude_prune", "magnitude_prune_svd",
]  # fmt: skip
AdapterId = Annotated[
    str, typer.Argument(help="Its id, as `ragloop adapters list` shows it, or its beginning; or last.")
]

adapters = typer.Typer(
    no_args_is_help=True, help="LoRA adapters: list, show, promote, roll back, merge, export, mirror."
)


@adapters.command("list")
def list_adapters(json: Json = False) -> None:
    """Show every adapter, oldest first, and which one serves or is tried in each lane."""
    registry = open_app().registry
    by_lane = registry.aliases.by_lane()
    rows = [_row(one, by_lane) for one in registry.adapters()]
    if json:
        print_json({"adapters": rows, "champion": registry.champion_id(), "champions": registry.aliases.champions()})
        return
    print_table("Adapters", rows, ["adapter_id", "created_at", "recipe", "lane", "alias", "state", "verdict", "base"])


@adapters.command("show")
def show(adapter_id: AdapterId, json: Json = False) -> None:
    """Show one adapter with its scores, its verdict and its training."""
    app = open_app()
    registry = app.registry
    adapter = registry.adapter(ids.adapter_id(app, encodable(adapter_id)))
    history = registry.aliases.history(adapter.lane)
    row = {**_row(adapter, registry.aliases.by_lane()), "metrics": adapter.evidence.as_row(), "history": history}
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
    follow_mirror(app)


@adapters.command("merge")
def merge(
    adapter_ids: Annotated[list[str], typer.Argument(metavar="ADAPTER_ID...", help="Two adapters or more.")],
    method: Annotated[
        MergeMethod, typer.Option(help="PEFT's combination type; cat sums exactly, and their ranks, too.")
    ] = "svd",
    weight: Annotated[
        list[float] | None,
        typer.Option("--weight", help="Once for each adapter, in their order. Default: all alike."),
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="Share of the values that ties, dare and magnitude_prune keep. Default: 0.5.")
    ] = None,
    json: Json = False,
) -> None:
    """Merge adapters of one base model and one recipe into a new one, and compare it with the champion.

    It is not promoted: `ragloop adapters promote` does that. It rests on the documents of all of them. Merging the same
    ones again makes nothing new and compares again.

    Exit code 0 whatever the verdict is.
    """
    app = open_app()
    given = [ids.adapter_id(app, encodable(one)) for one in adapter_ids]
    report = app.learning.retraining.merge(given, method, weight or (), density)
    follow_mirror(app)
    show_report(report, json=json)


@adapters.command("export")
def export(
    adapter_id: AdapterId,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")],
    format: Annotated[
        ExportFormat, typer.Option("--format", help="By itself (peft, gguf), or merged into the base model.")
    ] = "peft",
    json: Json = False,
) -> None:
    """Write an adapter for other programs: PEFT's files, which vLLM loads too, a whole model of transformers, or the
    GGUF of an adapter, which llama.cpp and Ollama load beside their own copy of the base model.

    `ragloop.json` beside them says in which lane and by which recipe it is to be asked.
    """
    app = open_app()
    found = ids.adapter_id(app, encodable(adapter_id))
    files = app.learning.export_adapter(found, folder, format)
    told = {"adapter_id": found, "format": format, "folder": str(folder), "files": files}
    print_json(told) if json else say(f"{found} is in {folder}: {', '.join(files)}")


@adapters.command("retire")
def retire(
    adapter_id: AdapterId,
    reason: Annotated[str, typer.Option(help="Reason, kept in the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Retire an adapter that does not serve: no retraining promotes it, a person may."""
    from ragloop.registry import retire as retired

    app = open_app()
    adapter = retired(app.registry, ids.adapter_id(app, encodable(adapter_id)), reason, by=user())
    told = {"adapter_id": adapter.adapter_id, "lane": adapter.lane, "state": adapter.state}
    print_json(told) if json else say(f"{adapter.adapter_id} is retired")
    follow_mirror(app)


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
    follow_mirror(app)


@adapters.command("mirror")
def mirror(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    json: Json = False,
) -> None:
    """Make the mirror of registry.mirror hold what the registry keeps: add, move aliases, remove.

    Adapters that were retired, erased or are in the registry no more are removed from it. A run that was killed is
    completed. Exit code 1 where an adapter cannot be added.
    """
    mirroring = open_app().safekeeping.mirroring
    done = mirroring.look() if dry_run else mirroring.run()
    if json:
        print_json({"mirror": done.place, "dry_run": dry_run, **asdict(done.plan), "problems": list(done.problems)})
    else:
        for line in _shown(done.plan):
            say(line)
        change = "would change" if dry_run else "is now as the registry is"
        say(f"{done.place} {'is as the registry is: nothing to do' if done.plan.is_empty else change}")
    for problem in done.problems:
        say(f"problem: {problem}")
    if done.problems:
        raise typer.Exit(1)


def _shown(plan: "MirrorPlan") -> list[str]:
    """Return a line for each change of a mirror."""
    moved = [f"{one.alias} of {one.lane}: {one.adapter_id or 'none'}" for one in plan.moved]
    ids = (("added", plan.added), ("updated", plan.updated), ("moved", moved), ("removed", plan.removed))
    return [f"{what} {one}" for what, named in ids for one in named]


def _row(adapter: "Adapter", by_lane: "Mapping[LaneName, Succession]") -> dict[str, Any]:
    names = ("adapter_id", "created_at", "recipe", "lane", "state", "base", "dataset_id", "path", "sha256", "reasons")
    shown = {name: getattr(adapter, name) for name in names}
    alias = by_lane[adapter.lane].alias_of(adapter.adapter_id) if adapter.lane in by_lane else ""
    return {**shown, "verdict": adapter.verdict or "", "alias": alias, "champion": alias == "champion"}
