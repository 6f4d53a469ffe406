"""`ragloop advise`: RAG, fine-tuning, both or not yet, by what was measured."""

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say, write


def advise(json: Json = False) -> None:
    """Advise RAG, fine-tuning, both or not yet, by what was measured, and say what would change that.

    Measured are the rows to train on, how long documents rest, repeats, costs, latencies, the form of corrections,
    citations, labels, and how much of the documents is asked about, within topics.window_days.
    """
    found = open_app().advising.advise()
    if json:
        print_json(found.as_row())
        return
    write(f"{found.advice}: {found.why}")
    print_table("Factors", [one.as_row() for one in found.factors], ["name", "measured", "favours", "why"])
    for one in found.would_change:
        say(f"would change it: {one}")
