"""`ragloop log`: show or export logged answers."""

from pathlib import Path
from typing import Annotated

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say, write

log = typer.Typer(no_args_is_help=True, help="Show or export logged answers and feedback.")


@log.command("tail")
def tail(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of answers.")] = 10, json: Json = False
) -> None:
    """Show the newest answers, newest last."""
    newest = open_app().journal.newest(count).to_pylist()
    if json:
        print_json({"interactions": newest})
        return
    rows = [{**one, "id": one["interaction_id"][:SHOWN], "asked": one["asked_at"]} for one in newest]
    print_table("Answers", rows, ["id", "asked", "lane", "question", "answer"])
    if not rows:
        write("no answers yet: `ragloop ask` logs one")


@log.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write: Parquet (.parquet) or JSON lines (.jsonl).")],
    json: Json = False,
) -> None:
    """Write every logged answer, with its feedback, to a file."""
    rows = open_app().learning.export_log(file)
    print_json({"rows": rows, "file": str(file)}) if json else say(f"wrote {rows:,} answers to {file}")
