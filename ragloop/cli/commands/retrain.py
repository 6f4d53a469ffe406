"""`ragloop retrain`: train an adapter, judge it, promote it."""

from dataclasses import asdict

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.cli.progress import progress


def retrain(json: Json = False) -> None:
    """Train an adapter on the log, compare it with the champion, and promote it if the evidence suffices.

    It learns from logged answers that were voted up or corrected. The champion serves meanwhile. A promotion holds from
    the next question on; `ragloop adapters rollback` undoes it. After ctrl-C, a retraining on the same examples goes on
    from the last checkpoint.

    Exit code 0 whatever is decided: rejecting an adapter is no failure.
    """
    app = open_app()
    for warning in app.learning.retraining.warnings():
        say(f"warning: {warning}")
    with progress("train", "steps") as advance:
        report = app.learning.retraining.run(lambda p: advance(p.step, p.steps, f"loss {p.loss:.3f}"))
    if json:
        print_json(asdict(report))
        return
    print_table(
        "Scores",
        [{"model": who, **scores} for who, scores in report.metrics.items()],
        ["model", *report.metrics["champion"]],
    )
    for reason in report.reasons:
        say(f"  {reason}")
    say(f"{report.verdict}: adapter {report.adapter_id} was {'promoted' if report.promoted else 'not promoted'}")
