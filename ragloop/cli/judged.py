"""How an adapter that was made and judged is shown."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from ragloop.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.learning.retraining import RetrainReport


def show_report(report: "RetrainReport", *, json: bool) -> None:
    """Show the scores of champion and candidate, and the verdict with its reasons."""
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
