"""`ragloop feedback`: log whether an answer was right."""

from typing import Annotated

import typer

from ragloop.cli import ids
from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_json, say
from ragloop.errors import UsageError
from ragloop.records import FeedbackKind


def feedback(
    interaction_id: Annotated[
        str, typer.Argument(help="Id of the answer, as `ragloop ask` prints it, or its beginning; or last.")
    ],
    up: Annotated[bool, typer.Option("--up", help="The answer was right.")] = False,
    down: Annotated[bool, typer.Option("--down", help="The answer was wrong.")] = False,
    correction: Annotated[str | None, typer.Option(help="The right answer.")] = None,
    json: Json = False,
) -> None:
    """Log whether an answer was right, or log the right answer: adapters are trained on it."""
    if up + down + (correction is not None) != 1:
        raise UsageError("give one of --up, --down or --correction TEXT")
    kind = FeedbackKind.UP if up else FeedbackKind.DOWN if down else FeedbackKind.CORRECTION
    app = open_app()
    interaction_id, correction = (
        ids.interaction_id(app, encodable(interaction_id)),
        correction and encodable(correction),
    )
    feedback_id = app.journal.give_feedback(interaction_id, kind, correction)
    report = {"feedback_id": feedback_id, "interaction_id": interaction_id, "kind": kind}
    print_json(report) if json else say(f"logged {kind} for {interaction_id[: ids.SHOWN]}")
