"""`ragloop dataset`: build datasets from logged answers, show one, compare two."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import LAST, dataset_id
from ragloop.cli.options import Json, RecipeName, open_app
from ragloop.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from ragloop.learning.examples.datasets import Dataset

dataset = typer.Typer(no_args_is_help=True, help="Build datasets from logged answers, show and compare them.")
_FEW = 10
Id = Annotated[str, typer.Argument(metavar="DATASET", help="Its id, the beginning of it, or last.")]


@dataset.command("build")
def build(recipe: RecipeName = "", json: Json = False) -> None:
    """Write the eligible examples of the log as a dataset, and show why the others were left out."""
    made = open_app().learning.retraining.build_dataset(recipe)
    if json:
        print_json(asdict(made))
        return
    facts = asdict(made)
    _print_funnel(facts.pop("funnel"))
    print_facts("Dataset", facts)


@dataset.command("show")
def show(
    which: Id = LAST,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows that are shown.")] = _FEW,
    json: Json = False,
) -> None:
    """Show a dataset: its recipe, its numbers, why answers are not in it, and its first rows."""
    app = open_app()
    found = app.learning.retraining.parts.dataset(dataset_id(app, which))
    facts = {
        "dataset_id": found.dataset_id,
        "recipe": found.recipe,
        "train": found.train.num_rows,
        "eval": found.eval.num_rows,
    }
    shown = _rows(found, rows)
    if json:
        print_json({**facts, "funnel": found.funnel, "rows": shown})
        return
    _print_funnel(found.funnel)
    print_table("Rows", shown, ["side", "question", "answer", "passages", "weight"])
    print_facts("Dataset", facts)


@dataset.command("diff")
def diff(
    which: Id = LAST,
    before: Annotated[
        str, typer.Option("--with", metavar="DATASET", help="The other dataset; default the one built before.")
    ] = "",
    json: Json = False,
) -> None:
    """Show which rows came, went or changed since another dataset."""
    from ragloop.learning.rows.comparing import difference

    app = open_app()
    parts = app.learning.retraining.parts
    now = dataset_id(app, which)
    other = dataset_id(app, before) if before else parts.dataset_before(now)
    found = difference(parts.dataset(now), parts.dataset(other))
    if json:
        print_json({"dataset_id": now, "with": other, **asdict(found)})
        return
    told = [
        {"row": what, "question": question}
        for what in ("came", "went", "changed")
        for question in getattr(found, what)[:_FEW]
    ]
    print_table(f"{now} since {other}", told, ["row", "question"])
    counts = {what: len(getattr(found, what)) for what in ("came", "went", "changed")}
    print_facts("Rows", {**counts, "same": found.same})


def _print_funnel(funnel: dict[str, int]) -> None:
    print_table("Left out", [{"reason": r, "answers": n} for r, n in funnel.items()], ["reason", "answers"])


def _rows(found: "Dataset", most: int) -> list[dict[str, Any]]:
    sides = (("train", found.train), ("eval", found.eval))
    return [
        {
            "side": side,
            "question": row["question"],
            "answer": row["answer"],
            "passages": len(row["passages"] or ()),
            "weight": len(row["interaction_ids"]),
        }
        for side, table in sides
        for row in table.to_pylist()
    ][:most]
