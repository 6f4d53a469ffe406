"""`ragloop advise`: RAG, fine-tuning, both or not yet, by what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say, write
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.migration.advice import Advice


def advise(
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the costs by questions a month, as SVG.")
    ] = None,
    json: Json = False,
) -> None:
    """Advise RAG, fine-tuning, both or not yet, by what was measured, and say what would change that.

    Measured are the rows to train on, how long documents rest, repeats, costs, latencies, the form of corrections,
    citations, labels, and how much of the documents is asked about, within topics.window_days. --plot draws what a
    month would cost in each lane with more or fewer questions.
    """
    found = open_app().advising.advise()
    if plot:
        _draw(found, plot)
    if json:
        print_json(found.as_row())
        return
    write(f"{found.advice}: {found.why}")
    print_table("Factors", [one.as_row() for one in found.factors], ["name", "measured", "favours", "why"])
    for one in found.would_change:
        say(f"would change it: {one}")


def _draw(found: "Advice", plot: Path) -> None:
    from ragloop.migration.costs.what_if import as_svg

    drawn = as_svg(found.break_even)
    if not drawn:
        say("no picture is drawn: " + ("; ".join(one.told for one in found.break_even) or "nothing was measured"))
        return
    try:
        plot.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {plot}: {error.strerror}; name another file") from None
