"""`ragloop keys`: who may call the service."""

from typing import Annotated

import typer

from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_json, print_table, say, write
from ragloop.keys import USUAL, Key, Role

keys = typer.Typer(no_args_is_help=True, help="Make, list or revoke the keys of callers of the service.")


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what calls with it.")],
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL", help="A label whose documents it sees; may be given several times."),
    ] = None,
    roles: Annotated[
        list[Role] | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help=f"What it may do: {', '.join(Role)}; default {', '.join(USUAL)}. May be given several times.",
        ),
    ] = None,
    links: Annotated[
        bool, typer.Option("--links", help="End answers with numbered links, for clients that show text only.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once: the store keeps its SHA-256."""
    app = open_app()
    app.parts.made_store()
    made = app.keys.create(
        encodable(name), [encodable(one) for one in labels or ()], roles or USUAL, inline_links=links
    )
    if json:
        print_json({"key": made.secret, **_described(made.key)})
        return
    write(made.secret)
    say(f"the key of {made.key.name}; it is not shown again. Callers send it as `Authorization: Bearer KEY`")


@keys.command("list")
def list_keys(json: Json = False) -> None:
    """Show the keys, those included that were revoked."""
    rows = [_described(one) for one in open_app().keys.all()]
    if json:
        print_json({"keys": rows})
        return
    print_table("Keys", rows, ["key_id", "name", "labels", "roles", "inline_links", "created_at", "revoked_at"])
    if not rows:
        write("no keys yet: `ragloop keys create NAME` makes one")


@keys.command("revoke")
def revoke(name: Annotated[str, typer.Argument(help="Name or id of the key.")], json: Json = False) -> None:
    """Revoke a key: from now on it is refused."""
    key = open_app().keys.revoke(encodable(name))
    print_json(_described(key)) if json else say(f"revoked the key {key.name} ({key.key_id})")


def _described(key: Key) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "labels": sorted(key.labels),
        "roles": sorted(key.roles),
        "inline_links": key.inline_links,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
