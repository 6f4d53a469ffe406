"""`ragloop retrain`: train an adapter, judge it, promote it."""

from ragloop.cli.judged import show_report
from ragloop.cli.mirrors import follow_mirror
from ragloop.cli.options import Json, RecipeName, open_app
from ragloop.cli.output import say
from ragloop.cli.progress import progress


def retrain(recipe: RecipeName = "", json: Json = False) -> None:
    """Train an adapter on the log, compare it with the champion, and promote it if the evidence suffices.

    It learns from logged answers that were voted up or corrected, and from those of dataset.teachers that their
    passages bear out. The champion serves meanwhile. A promotion holds from the next question on; `ragloop adapters
    rollback` undoes it. After ctrl-C, a retraining on the same examples goes on from the last checkpoint.

    Exit code 0 whatever is decided: rejecting an adapter is no failure.
    """
    app = open_app()
    for warning in app.learning.retraining.warnings():
        say(f"warning: {warning}")
    with progress("train", "steps") as advance:
        report = app.learning.retraining.run(lambda p: advance(p.step, p.steps, f"loss {p.loss:.3f}"), recipe)
    follow_mirror(app)
    show_report(report, json=json)
