"""`ragloop retrain`: train an adapter, judge it, promote it."""

from dataclasses import asdict

from ragloop.cli.mirrors import follow_mirror
from ragloop.cli.options import Json, RecipeName, open_app
from ragloop.cli.output import print_json, print_table, say
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
    if json:
        print_json({**asdict(report), "measures": report.measures})
        return
    print_table(
        "Scores",
        [{"model": who, **scores} for who, scores in report.metrics.items()],
        ["model", *report.metrics["champion"]],
    )
    for reason in report.reasons:
        say(f"  {reason}")
    done = "promoted" if report.promoted else "made a challenger" if report.tried else "not promoted"
    say(f"{report.verdict}: adapter {report.adapter_id} was {done}")
