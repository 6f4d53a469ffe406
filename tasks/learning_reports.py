"""What an operator sees of drift, training and adapters; see tasks/reporting.py for what is never shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from ragloop.printable import printable
from tasks.pictures import drift_over_time, funnel, gate_intervals, loss_curve, scores_over_time
from tasks.reporting import MOST_ROWS, bullets, end, markdown_table, paragraphs, run_link

if TYPE_CHECKING:
    from ragloop.learning.evaluation.gate import Verdict
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.evaluation.run import EvalReport
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.steps.dataset import DatasetSummary
    from ragloop.learning.steps.promote import Promotion
    from ragloop.registry import Adapter, Rollback

# --- drift -----------------------------------------------------------------------------------------------------------


def publish_drift(measured: "DriftMeasurement", measurements: Sequence[Mapping[str, Any]]) -> None:
    """Publish every signal with its figures, the decision with its reasons, and the measurements before it."""
    signals = [asdict(signal) for signal in measured.report.signals]
    columns = ("name", "state", "action", "statistic", "p_value", "threshold", "n_reference", "n_current")
    table = markdown_table(columns, ([one[name] for name in columns] for one in signals))
    picture, reasons = drift_over_time(measurements), bullets(measured.decision.reasons)
    markdown = paragraphs("# Drift", drift_summary(measured), reasons, picture, table)
    create_markdown_artifact(markdown, key="drift-report", description="The last measurement and its decision.")
    create_table_artifact(signals, key="drift-signals", description="Signals of the last measurement.")


def drift_summary(measured: "DriftMeasurement") -> str:
    """Say how many signals drifted, and whether training is due."""
    drifted, signals = measured.report.drifted, measured.report.signals
    due = "training is due" if measured.decision.due else "training is not due"
    return f"{len(drifted)} of {len(signals)} signals drifted, {due}"


def end_of_drift(measured: "DriftMeasurement") -> State[Any]:
    """End as completed: that something drifted is a result, not a failure."""
    summary = drift_summary(measured)
    return end(Completed(message=f"{summary}. {' '.join(measured.decision.reasons)}"), summary)


# --- retraining ------------------------------------------------------------------------------------------------------


def publish_dataset(dataset: "DatasetSummary", rung_by: str) -> None:
    """Publish how many rows there are, why answers of the log are not among them, and which run asked for it."""
    facts = {"dataset": dataset.dataset_id, "rows": dataset.rows, "train": dataset.train, "eval": dataset.eval}
    left_out = markdown_table(("left out", "answers"), dataset.funnel.items())
    picture = funnel(dataset.rows, dataset.funnel)
    rang = f"Started by what {run_link(rung_by, 'this run')} found." if rung_by else ""
    markdown = paragraphs("# Dataset", rang, markdown_table(("", ""), facts.items()), picture, left_out)
    create_markdown_artifact(markdown, key="retrain-dataset", description="What the adapter is trained on.")


def publish_training(adapter_id: str, folder: Path) -> None:
    """Publish the loss curve, and what training cost."""
    from ragloop.models.training.process import read_result

    result = read_result(folder)
    names = ("rows", "tokens", "tokens_per_s", "training_seconds", "cpu_seconds", "rss_peak_mb", "final_loss", "seed")
    facts = markdown_table(("", ""), ((name, getattr(result, name)) for name in names))
    markdown = paragraphs(f"# Training of {adapter_id}", loss_curve(result.loss_curve), facts)
    create_markdown_artifact(markdown, key="retrain-training", description=f"Loss curve of {adapter_id}.")


def publish_evaluation(adapter_id: str, report: "EvalReport") -> None:
    """Mean scores of champion and candidate."""
    rows = [{"model": who, **scores} for who, scores in report.metrics.items()]
    create_table_artifact(rows, key="retrain-scores", description=f"Champion and {adapter_id} on the same questions.")


def publish_verdict(adapter_id: str, verdict: "Verdict") -> None:
    """Publish the criteria of the gate with their intervals, and the reasons."""
    picture, table = gate_intervals(verdict.criteria), criteria_table(verdict)
    title, who = f"# Gate: {verdict.verdict}", f"Adapter {adapter_id}."
    markdown = paragraphs(title, who, bullets(verdict.reasons), picture, table)
    create_markdown_artifact(markdown, key="retrain-gate", description=f"{verdict.verdict}: {adapter_id}.")


def criteria_table(verdict: "Verdict") -> str:
    """Return the criteria of the gate with their bounds; how many pairs would decide, where one is undecided."""
    undecided = any(one.needed_n is not None for one in verdict.criteria)
    columns = ("name", "state", "estimate", "low", "high", "threshold", "n", *["needed_n"] * undecided)
    return markdown_table(columns, ([getattr(one, name) for name in columns] for one in verdict.criteria))


def end_of_retraining(adapter_id: str, ended: "Promotion") -> State[Any]:
    """End as completed, whatever the verdict: to reject is what the gate is for."""
    verdict, did = ended.verdict, "promoted" if ended.promoted else "not promoted"
    message = f"{verdict.verdict}: adapter {adapter_id} was {did}. {' '.join(verdict.reasons)}"
    return end(Completed(message=message), f"{adapter_id} · {verdict.verdict}")


def publish_review(review: "Review", reviews: Sequence[Mapping[str, Any]]) -> None:
    """Publish the scores of champion and base model, today and over time, and what the gate would say."""
    scores = [{"model": who, **figures} for who, figures in review.scores.items()]
    table = markdown_table(list(scores[0]), (list(row.values()) for row in scores))
    title = f"# Champion {review.adapter_id}: {_standing(review)}"
    undo = "`roll-back`, a deployment, brings back the previous champion." if review.worse else ""
    reasons = bullets([*review.verdict.reasons, *review.notes])
    pictures = scores_over_time(reviews), gate_intervals(review.verdict.criteria)
    markdown = paragraphs(title, undo, reasons, *pictures, table)
    create_markdown_artifact(markdown, key="champion-review", description=f"{review.adapter_id}: {_standing(review)}.")


def _standing(review: "Review") -> str:
    if review.worse:
        return "no longer earns its place"
    return "holds its place" if review.confirmed else "can be neither confirmed nor rejected"


def end_of_review(review: "Review | None") -> State[Any]:
    """End as completed: that the champion is worse than the base model is a result; an event reports it as well."""
    if review is None:
        return end(Completed(message="the base model serves; there is no champion to evaluate"), "no champion")
    message = f"{review.adapter_id} {_standing(review)}. {' '.join(review.verdict.reasons)}"
    return end(Completed(message=message), f"{review.adapter_id} {_standing(review)}")


def publish_history(history: Sequence[Mapping[str, Any]]) -> None:
    """Publish every change of the champion, newest first."""
    table = [
        {
            "at": f"{change['at']:%Y-%m-%d %H:%M}",
            "kind": change["kind"],
            "adapter": change["adapter_id"] or "the base model",
            "reason": printable(change["reason"]),
        }
        for change in list(reversed(history))[:MOST_ROWS]
    ]
    create_table_artifact(table, key="champions", description="Who served since when, and why.")


def end_of_promotion(adapter: "Adapter") -> State[Any]:
    """End as completed: the adapter serves."""
    return end(Completed(message=f"{adapter.adapter_id} is the champion"), "done")


def end_of_rollback(done: "Rollback") -> State[Any]:
    """End as completed, with who serves now and what was passed over; also where there was nothing to do any more."""
    serves = done.champion.adapter_id if done.champion else "the base model"
    if not done.changed:
        return end(Completed(message=f"{done.left} does not serve, {serves} does; nothing was changed"), "nothing done")
    message = f"{serves} serves; {done.left} is retired. {' '.join(done.skipped)}".strip()
    return end(Completed(message=message), f"to {serves}")
