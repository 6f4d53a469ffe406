"""`ragloop index`: the generations of the index."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli import ids
from ragloop.cli.options import Json, encodable, is_verbose, open_app
from ragloop.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.index.generations.generation import Generation

index = typer.Typer(no_args_is_help=True, help="Generations of the index: list, cut over, roll back.")


@index.command("list")
def list_(json: Json = False) -> None:
    """Show the generations, newest first. One is active and answers; retired ones answered before."""
    rows = _described(open_app())
    if json:
        print_json({"generations": rows})
        return
    columns = ["fingerprint", "state", "documents", "chunks", "created_at", "chunker", "embedder", "table"]
    print_table("Generations", rows, columns if is_verbose() else columns[:5])


@index.command()
def cutover(
    generation: Annotated[
        str | None,
        typer.Argument(
            help="Fingerprint or its beginning, table name, or last. Default: what is ready, else what was rolled back."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Let a complete generation answer from now on. Its documents are those of its last sync."""
    from ragloop.corpus.index.generations.switches import cut_over_to

    app = open_app()
    wanted = ids.fingerprint(app, encodable(generation)) if generation else None
    _switched(*cut_over_to(app.generations, wanted), json)


@index.command()
def rollback(json: Json = False) -> None:
    """Let the previous generation answer again. The current one is refused until you cut over to it.

    The documents are those of its last sync; run `ragloop sync` to update them.
    """
    from ragloop.corpus.index.generations.switches import roll_back

    _switched(*roll_back(open_app().generations), json)


def _switched(active: "Generation", was: "Generation", json: bool) -> None:
    if json:
        print_json(
            {"active": active.fingerprint, "table": active.table, "was": was.fingerprint, "was_table": was.table}
        )
        return
    say(f"{active} answers now instead of {was}; `ragloop sync` updates its documents")


def _described(app: "App") -> list[dict[str, Any]]:
    """Describe every generation; without counts if its table was dropped or cannot be read."""
    from ragloop.corpus.index import inventory
    from ragloop.corpus.index.table import Index
    from ragloop.errors import StoreDamagedError

    generations = app.generations
    rows = []
    for known in generations.all():
        made, counts = known.generation, {"documents": None, "chunks": None}
        with suppress(StoreDamagedError):
            counts = inventory.counts(Index(app.store, made)) if generations.is_held(known) else counts
        rows.append(
            {
                "fingerprint": made.fingerprint,
                "table": made.table,
                "state": known.state,
                "documents": counts["documents"],
                "chunks": counts["chunks"],
                "parser": made.parser,
                "chunker": made.chunker,
                "embedder": made.embedder,
                "created_at": known.created_at,
                "cut_over_at": known.cut_over_at,
            }
        )
    return rows
