"""`ragloop review`: write the answers that a person should look at to a file, and log what the person said of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, say
from ragloop.wording import counted

review = typer.Typer(no_args_is_help=True, help="Look at answers in a file, and log what was found.")
_DONE_IN_PART = 1


@review.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write, JSON lines.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Most answers.")] = 50,
    json: Json = False,
) -> None:
    """Write the answers that tell most when a person looks at them, the first of them most.

    Fill in `verdict` (up or down) or `correction` (the right answer), leave both empty where you are not sure, and
    import the file.
    """
    rows = open_app().learning.export_review(file, count)
    print_json({"rows": rows, "file": str(file)}) if json else say(f"wrote {counted(rows, 'answer')} to {file}")


@review.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="File that `ragloop review export` wrote, edited.")], json: Json = False
) -> None:
    """Log the verdicts and corrections of a file; what the log has already is not logged again."""
    found = open_app().learning.import_review(file)
    if json:
        print_json(asdict(found))
    else:
        facts = asdict(found)
        for problem in facts.pop("problems"):
            say(f"warning: {problem}")
        print_facts("Review", facts)
    if found.problems:
        raise typer.Exit(_DONE_IN_PART)
