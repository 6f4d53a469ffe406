"""`ragloop search`: the passages for a query."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, Labels, encodable, labels_of, open_app
from ragloop.cli.output import print_json, print_table, write
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.records import Passage


def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, max=1000, help="Number of passages; default retrieval.top_k.")
    ] = None,
    labels: Labels = None,
    json: Json = False,
) -> None:
    """Show the passages for a query, best first."""
    query = encodable(query)
    if not query.strip():
        raise UsageError("found an empty query; expected words to search for")
    passages = open_app().answering.search(query, top_k, labels_of(labels)).passages
    if json:
        print_json({"passages": [_passage(one) for one in passages]})
        return
    from ragloop.answering.places import place

    rows = [
        {
            **_passage(one),
            "where": place(one.uri, one.start, one.end, one.text),
            "text": " ".join(one.text.split())[:200],
        }
        for one in passages
    ]
    print_table(f"Passages for {query!r}", rows, ["rank", "similarity", "where", "heading", "text"])
    if not rows:
        write("no passage found")


def _passage(passage: "Passage") -> dict[str, Any]:
    return asdict(passage)
