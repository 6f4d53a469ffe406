"""`ragloop index`: the generations of the index."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.index.generation import Generation

from contextlib import suppress

index = typer.Typer(
    no_args_is_help=True, help="The generations of the index: what answers, what is built, what is kept."
)


@index.command("list")
def list_(json: Json = False) -> None:
    """Show the generations, newest first: live answers, building and ready do not yet, retired and refused did."""
    rows = _described(open_app())
    if json:
        print_json({"generations": rows})
        return
    print_table("Generations", rows, ["fingerprint", "state", "documents", "chunks", "chunker", "embedder", "table"])


@index.command()
def cutover(
    generation: Annotated[
        str | None, typer.Argument(help="Fingerprint or table; by default what is ready, else what was refused.")
    ] = None,
    json: Json = False,
) -> None:
    """Let a complete generation answer, in one commit. Its documents are those of its last sync until the next."""
    _switched(*open_app().generations.cut_over_to(generation and encodable(generation)), json)


@index.command()
def rollback(json: Json = False) -> None:
    """Let the generation that answered before answer again; the present one is refused until you cut over to it.

    Its documents are those of the last sync before the cut-over, until the next sync.
    """
    _switched(*open_app().generations.roll_back(), json)


def _switched(live: "Generation", was: "Generation", json: bool) -> None:
    if json:
        print_json({"live": live.fingerprint, "table": live.table, "was": was.fingerprint, "was_table": was.table})
        return
    say(f"{live} answers, {was} did; `ragloop sync` brings its documents up to date")


def _described(app: "App") -> list[dict[str, Any]]:
    """Every generation; without counts where its table is dropped or cannot be read."""
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
