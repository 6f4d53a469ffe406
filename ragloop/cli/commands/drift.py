"""`ragloop drift`: measure drift, and say whether training is due."""

from dataclasses import asdict

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say


def drift(json: Json = False) -> None:
    """Measure drift of documents, questions, retrieval and quality, and say whether training is due.

    The newest logged answers are compared with the oldest since the last training. Where there are too few, a signal
    says so. The measurement is kept; `ragloop retrain` trains.
    """
    measured = open_app().learning.measure_drift()
    signals = [asdict(signal) for signal in measured.report.signals]
    if json:
        print_json({"signals": signals, "decision": asdict(measured.decision)})
        return
    print_table("Drift", signals, list(signals[0]))
    say(
        ("training is due: " if measured.decision.due else "training is not due: ")
        + " ".join(measured.decision.reasons)
    )
