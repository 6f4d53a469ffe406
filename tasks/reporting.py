"""What an operator sees: artifacts with the figures, progress, and the name and last state of a run.

Artifacts hold counts, keys, ids and scores. No text of a document and no question goes into one: Prefect's database
is outside the store, and an erasure does not reach it. So the reason why a document is quarantined stays in the store
as well: a parser may quote what it stumbled over.
"""

import base64
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
from prefect import get_client, runtime
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

if TYPE_CHECKING:
    from uuid import UUID

    from ragloop.corpus.changes import Drained
    from ragloop.corpus.sync import SyncReport
    from ragloop.learning.evaluation import EvalReport
    from ragloop.learning.gate import Verdict
    from ragloop.learning.retraining import DatasetSummary
    from ragloop.learning.windows import DriftMeasurement
    from ragloop.models.registry import Adapter, Rollback

_MOST_ROWS = 500
"""Rows of a table artifact: the UI draws all of them at once."""


class Progress:
    """A bar in the UI, moved at most once a second."""

    def __init__(self, key: str, unit: str) -> None:
        self._key, self._unit = key, unit
        self._artifact: UUID | None = None
        self._moved_at = 0.0

    def show(self, done: int, total: int, note: str) -> None:
        """Move the bar; it appears with the first call."""
        now = time.monotonic()
        if done < total and now - self._moved_at < 1:
            return
        self._moved_at = now
        percent = 100 * done / max(total, 1)
        described = f"{done:,} of {total:,} {self._unit}, {note}"
        try:
            self._move(percent, described)
        except httpx.HTTPError as error:
            # A server that is away must not stop the work that it is told of.
            get_run_logger().warning("the progress is not shown: %s", error)

    def _move(self, percent: float, described: str) -> None:
        if self._artifact is None:
            made = create_progress_artifact(percent, key=self._key, description=described)
            self._artifact = cast("UUID", made)  # a coroutine only where an event loop runs
        else:
            update_progress_artifact(self._artifact, percent, description=described)


# --- sync ------------------------------------------------------------------------------------------------------------

_CHANGES = ("added", "updated", "renamed", "deleted", "failed")


def publish_sync(report: "SyncReport") -> None:
    """The counts, the problems, and which documents changed."""
    figures = {name: value for name, value in asdict(report).items() if isinstance(value, int | float)}
    left_out = [*report.notices, *report.problems, *_left_out(report)]
    markdown = _paragraphs("# Sync", sync_summary(report), _list(left_out), markdown_table(("", ""), figures.items()))
    create_markdown_artifact(markdown, key="sync-report", description="What the last sync did.")
    columns = ("change", "source", "key", "was", "chunks", "embedded")
    rows = [{name: change[name] for name in columns} for change in report.changes[:_MOST_ROWS]]
    shown = f"The first {len(rows):,} of {len(report.changes):,} changed documents."
    if rows:
        create_table_artifact(rows, key="sync-changes", description=shown)


def sync_summary(report: "SyncReport") -> str:
    """What changed, in a few words."""
    counts = [f"{getattr(report, change)} {change}" for change in _CHANGES if getattr(report, change)]
    return ", ".join(counts) or "nothing changed"


def _left_out(report: "SyncReport") -> list[str]:
    withheld = (
        f"{report.withheld_deletes} deletes are withheld: more documents are gone than a sync deletes unasked. "
        "Check the source; a run with confirm_deletes lets them through."
    )
    quarantined = (
        f"{report.quarantined} documents are quarantined and keep their last good revision; `ragloop status` shows why."
    )
    return [withheld] * bool(report.withheld_deletes) + [quarantined] * bool(report.quarantined)


def end_of_sync(report: "SyncReport") -> State[Any]:
    """Completed where the index now holds what the sources hold; Failed, and why, where something was left out."""
    summary = sync_summary(report)
    if report.complete:
        return _end(Completed(message=f"{summary}; {report.chunks_total} chunks"), summary)
    left_out = " ".join([*report.problems, *_left_out(report)])
    return _end(Failed(message=f"done in part: {summary}. {left_out}"), f"in part · {summary}")


def publish_changes(drained: "Drained") -> None:
    """What the queues said, and which documents changed."""
    figures = {name: value for name, value in asdict(drained).items() if isinstance(value, int)}
    markdown = _paragraphs("# Changes", changes_summary(drained), markdown_table(("", ""), figures.items()))
    create_markdown_artifact(markdown, key="changes-report", description="What the last events brought.")
    publish_sync(drained.report)


def changes_summary(drained: "Drained") -> str:
    """What changed and how many messages told of it, in a few words."""
    return f"{sync_summary(drained.report)}, {drained.messages} messages"


def end_of_changes(drained: "Drained") -> State[Any]:
    """Completed where everything that the queues said is applied; Failed, and why, where something was left out."""
    summary = changes_summary(drained)
    if drained.complete:
        return _end(Completed(message=summary), summary)
    left_out = " ".join([*drained.report.problems, *_left_out(drained.report)])
    return _end(Failed(message=f"done in part: {summary}. {left_out}"), f"in part · {summary}")


# --- drift -----------------------------------------------------------------------------------------------------------


def publish_drift(measured: "DriftMeasurement") -> None:
    """Every signal with its figures, and the decision with its reasons."""
    signals = [asdict(signal) for signal in measured.report.signals]
    columns = ("name", "state", "action", "statistic", "p_value", "threshold", "n_reference", "n_current")
    table = markdown_table(columns, ([one[name] for name in columns] for one in signals))
    markdown = _paragraphs("# Drift", drift_summary(measured), _list(measured.decision.reasons), table)
    create_markdown_artifact(markdown, key="drift-report", description="The last measurement and its decision.")
    create_table_artifact(signals, key="drift-signals", description="Signals of the last measurement.")


def drift_summary(measured: "DriftMeasurement") -> str:
    """How many signals drifted, and whether training is due."""
    drifted, signals = measured.report.drifted, measured.report.signals
    due = "training is due" if measured.decision.due else "training is not due"
    return f"{len(drifted)} of {len(signals)} signals drifted, {due}"


def end_of_drift(measured: "DriftMeasurement") -> State[Any]:
    """Completed: that something drifted is a result, not a failure."""
    summary = drift_summary(measured)
    return _end(Completed(message=f"{summary}. {' '.join(measured.decision.reasons)}"), summary)


# --- retraining ------------------------------------------------------------------------------------------------------


def publish_dataset(dataset: "DatasetSummary") -> None:
    """How many rows there are, and why answers of the log are not among them."""
    facts = {"dataset": dataset.dataset_id, "rows": dataset.rows, "train": dataset.train, "eval": dataset.eval}
    funnel = markdown_table(("left out", "answers"), dataset.funnel.items())
    markdown = _paragraphs("# Dataset", markdown_table(("", ""), facts.items()), funnel)
    create_markdown_artifact(markdown, key="retrain-dataset", description="What the adapter is trained on.")


def publish_training(adapter_id: str, folder: Path) -> None:
    """The loss curve, and what training cost."""
    from ragloop.models.lora import read_result

    result = read_result(folder)
    names = ("rows", "tokens", "tokens_per_s", "training_seconds", "cpu_seconds", "rss_peak_mb", "final_loss", "seed")
    facts = markdown_table(("", ""), ((name, getattr(result, name)) for name in names))
    markdown = _paragraphs(f"# Training of {adapter_id}", loss_curve(result.loss_curve), facts)
    create_markdown_artifact(markdown, key="retrain-training", description=f"Loss curve of {adapter_id}.")


def loss_curve(points: Sequence[Mapping[str, float]]) -> str:
    """The curve as a Markdown image; the UI shows images of `data:` addresses and strips inline SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([point["step"] for point in points], [point["loss"] for point in points], color="#1f6feb", linewidth=1)
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    axes.grid(alpha=0.3)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return f"![loss by step](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})"


def publish_evaluation(adapter_id: str, report: "EvalReport") -> None:
    """Mean scores of champion and candidate."""
    rows = [{"model": who, **scores} for who, scores in report.metrics.items()]
    create_table_artifact(rows, key="retrain-scores", description=f"Champion and {adapter_id} on the same questions.")


def publish_verdict(adapter_id: str, verdict: "Verdict") -> None:
    """The criteria of the gate with their intervals, and the reasons."""
    columns = ("name", "state", "estimate", "low", "high", "threshold", "n", "needed_n")
    criteria = [asdict(criterion) for criterion in verdict.criteria]
    table = markdown_table(columns, ([one[name] for name in columns] for one in criteria))
    markdown = _paragraphs(f"# Gate: {verdict.verdict}", f"Adapter {adapter_id}.", _list(verdict.reasons), table)
    create_markdown_artifact(markdown, key="retrain-gate", description=f"{verdict.verdict}: {adapter_id}.")


def end_of_retraining(adapter_id: str, verdict: "Verdict", promoted: bool) -> State[Any]:
    """Completed whatever the verdict: to reject is what the gate is for."""
    did = "promoted" if promoted else "not promoted"
    message = f"{verdict.verdict}: adapter {adapter_id} was {did}. {' '.join(verdict.reasons)}"
    return _end(Completed(message=message), f"{adapter_id} · {verdict.verdict}")


def publish_history(history: Sequence[Mapping[str, Any]]) -> None:
    """Every change of the champion, newest first."""
    rows = [{**change, "adapter_id": change["adapter_id"] or "the base model"} for change in reversed(history)]
    columns = ("at", "kind", "adapter_id", "reason")
    table = [{name: str(row[name]) for name in columns} for row in rows[:_MOST_ROWS]]
    create_table_artifact(table, key="champions", description="Who served since when, and why.")


def end_of_promotion(adapter: "Adapter") -> State[Any]:
    """Completed: the adapter serves."""
    return _end(Completed(message=f"{adapter.adapter_id} is the champion"), "done")


def end_of_rollback(done: "Rollback") -> State[Any]:
    """Completed, with who serves now and what was passed over."""
    serves = done.champion.adapter_id if done.champion else "the base model"
    message = f"{serves} serves; {done.retired} is retired. {' '.join(done.skipped)}".strip()
    return _end(Completed(message=message), f"to {serves}")


# --- names, states, Markdown -----------------------------------------------------------------------------------------


def sync_name() -> str:
    """The name of a sync run while it runs: the folder, or every source."""
    folder = runtime.flow_run.parameters.get("folder")
    return f"sync {Path(folder).name if folder else 'every source'}"


def _end(state: State[Any], summary: str) -> State[Any]:
    """The last state of the run that this is called in, whose name then also tells how it ended."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, name=f"{runtime.flow_run.name} · {summary}")
    return state


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown; numbers keep four digits."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
