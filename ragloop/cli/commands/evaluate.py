"""`ragloop evaluate`: judge the champion again."""

from dataclasses import asdict

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say


def evaluate(json: Json = False) -> None:
    """Hold the champion against the base model again, with the documents of today; it goes on serving.

    Exit code 1 where the gate would reject it now: `ragloop adapters rollback` brings back the one before it.
    """
    review = open_app().learning.review()
    if json:
        print_json({**(asdict(review) if review else {"adapter_id": None}), "worse": bool(review and review.worse)})
    elif review is None:
        say("the base model serves; there is no champion to evaluate")
    else:
        rows = [{"model": who, **scores} for who, scores in review.scores.items()]
        print_table(f"Champion {review.adapter_id}", rows, list(rows[0]))
        for reason in (*review.verdict.reasons, *review.notes):
            say(f"  {reason}")
    if review and review.worse:
        raise typer.Exit(1)
