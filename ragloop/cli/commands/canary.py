"""`ragloop canary`: adapters that answer a share of the live questions before they become the champion."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli import ids
from ragloop.cli.mirrors import follow_mirror
from ragloop.cli.options import Json, encodable, open_app, user
from ragloop.cli.output import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.learning.canary.watching import Watched
    from ragloop.registry import Challenger

Reason = Annotated[str, typer.Option(help="Reason, kept in the history.")]

canary = typer.Typer(no_args_is_help=True, help="Challengers: an adapter answers a share of the live questions first.")


@canary.command("status")
def status(json: Json = False) -> None:
    """Show each canary: its share, what was counted on both sides, and what would be decided now. Changes nothing."""
    app = open_app()
    rows = [_row(one) for one in app.learning.canary.look()]
    history = [one for one in app.registry.aliases.history() if one["alias"] == "challenger"]
    if json:
        print_json({"canaries": rows, "history": history})
        return
    if not rows:
        say("no canary is under way")
    for row in rows:
        print_facts(row["adapter_id"], {name: value for name, value in row.items() if name != "measured"})
        print_table("Bad outcomes", row["measured"], list(row["measured"][0]))


@canary.command("start")
def start(adapter_id: Annotated[str, typer.Argument(help="Its id, or its beginning.")], json: Json = False) -> None:
    """Let an adapter answer the first share of the questions of its lane, whatever the gate said."""
    app = open_app()
    share = app.settings.canary.shares[0]
    tried = app.learning.canary.canaries.start(ids.adapter_id(app, encodable(adapter_id)), share, "by hand", user())
    told = {"adapter_id": tried.adapter_id, "lane": tried.lane, "share": tried.now.share, "against": tried.against}
    print_json(told) if json else say(
        f"{tried.adapter_id} answers {tried.now.share:g} of the questions in {tried.lane}"
    )
    follow_mirror(app)


@canary.command("watch")
def watch(json: Json = False) -> None:
    """Decide on each canary and do it: a larger share, the promotion, or the rollback.

    `ragloop serve` does so after every few answers and votes, and check-drift once a day.
    """
    app = open_app()
    rows = [_row(one) for one in app.learning.canary.act()]
    follow_mirror(app)
    if json:
        print_json({"canaries": rows})
        return
    for row in rows or ():
        say(f"{row['adapter_id']}: {row['action']}{'' if row['done'] else ' (nothing changed)'}. {row['reasons'][0]}")
    if not rows:
        say("no canary is under way")


@canary.command("stop")
def stop(
    adapter_id: Annotated[str | None, typer.Argument(help="The challenger. Default: the only one.")] = None,
    retire: Annotated[bool, typer.Option("--retire", help="Retire it: no retraining tries it again.")] = False,
    reason: Reason = "by hand",
    json: Json = False,
) -> None:
    """End a canary: the champion answers every question again. The challenger stays in the registry."""
    app = open_app()
    canaries = app.learning.canary.canaries
    tried = _meant(app, adapter_id)
    changed = (canaries.roll_back if retire else canaries.stop)(tried, reason, user())
    follow_mirror(app)
    if json:
        print_json({"adapter_id": tried.adapter_id, "lane": tried.lane, "changed": changed, "retired": retire})
        return
    say(f"the canary of {tried.adapter_id} has ended" if changed else "nothing changed: it had ended already")


def _meant(app: "App", adapter_id: str | None) -> "Challenger":
    from ragloop.errors import NotFoundError

    wanted = ids.adapter_id(app, encodable(adapter_id)) if adapter_id else None
    found = [one for one in app.learning.canary.canaries.under_way() if wanted in (None, one.adapter_id)]
    if len(found) != 1:
        raise NotFoundError(f"found {len(found)} canaries, expected one; `ragloop canary status` shows all")
    return found[0]


def _row(watched: "Watched") -> dict[str, Any]:
    tried, decision = watched.challenger, watched.decision
    return {
        "adapter_id": tried.adapter_id,
        "lane": tried.lane,
        "share": tried.now.share,
        "since": tried.since,
        "against": tried.against,
        "action": watched.action,
        "next_share": decision.share,
        "reasons": list(watched.reasons),
        "e_value_worse": decision.evidence,
        "done": watched.done,
        "measured": [asdict(one) for one in decision.measured],
    }
