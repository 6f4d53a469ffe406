"""`ragloop evaluate`: compare the champion with the base model again."""

from dataclasses import asdict

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say


def evaluate(json: Json = False) -> None:
    """Compare the champion with the base model on the documents of today. The champion keeps serving.

    Exit code 1 if the gate would reject it now: `ragloop adapters rollback` brings back the previous champion.
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
