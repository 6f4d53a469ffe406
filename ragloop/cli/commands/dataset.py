"""`ragloop dataset`: build datasets from logged answers."""

from dataclasses import asdict

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, print_table

dataset = typer.Typer(no_args_is_help=True, help="Build datasets from logged answers.")


@dataset.command("build")
def build(json: Json = False) -> None:
    """Write the eligible examples of the log as a dataset, and show why the others were left out."""
    made = open_app().learning.retraining.build_dataset()
    if json:
        print_json(asdict(made))
        return
    facts = asdict(made)
    print_table(
        "Left out", [{"reason": r, "answers": n} for r, n in facts.pop("funnel").items()], ["reason", "answers"]
    )
    print_facts("Dataset", facts)
