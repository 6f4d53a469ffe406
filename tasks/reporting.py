"""What an operator sees: artifacts with the figures, progress, and the name and last state of a run.

Artifacts hold counts, keys, ids and scores. No text of a document and no question goes into one: Prefect's database
is outside the store, and an erasure does not reach it. So the reason why a document is quarantined stays in the store
as well: a parser may quote what it stumbled over.
"""

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

from tasks.pictures import drift_over_time, funnel, gate_intervals, lag_histogram, loss_curve, scores_over_time

if TYPE_CHECKING:
    from uuid import UUID

    from ragloop.backup import BackupReport
    from ragloop.corpus.changes import Drained
    from ragloop.corpus.freshness import Freshness
    from ragloop.corpus.sync import SyncReport
    from ragloop.corpus.upkeep import Upkeep
    from ragloop.learning.evaluation import EvalReport
    from ragloop.learning.gate import Verdict
    from ragloop.learning.retraining import DatasetSummary
    from ragloop.learning.review import Review
    from ragloop.learning.windows import DriftMeasurement
    from ragloop.models.registry import Adapter, Rollback

_MIB = 2**20
_MOST_ROWS = 500
"""Rows of a table artifact: the UI draws all of them at once."""


_FEW_SOURCES = 3
"""More names than this do not fit into the name of a run."""


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
        percent = round(100 * done / max(total, 1), 1)
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


def publish_sync(report: "SyncReport", freshness: "Freshness") -> None:
    """The counts, the problems, how late documents became searchable, and which documents changed."""
    figures = {name: value for name, value in asdict(report).items() if isinstance(value, int | float)}
    left_out = [*report.notices, *report.problems, *_left_out(report)]
    table = markdown_table(("", ""), figures.items())
    markdown = _paragraphs("# Sync", sync_summary(report), _list(left_out), _lateness(freshness), table)
    create_markdown_artifact(markdown, key="sync-report", description="What the last sync did.")
    columns = ("change", "source", "key", "was", "chunks", "embedded")
    rows = [{name: change[name] for name in columns} for change in report.changes[:_MOST_ROWS]]
    shown = f"The first {len(rows):,} of {len(report.changes):,} changed documents."
    if rows:
        create_table_artifact(rows, key="sync-changes", description=shown)


def _lateness(freshness: "Freshness") -> str:
    """The quantiles of the lag and their picture, where a document has one: a first index has none."""
    if not freshness.lags_s:
        return ""
    named = (("p50", 0.5), ("p95", 0.95), ("worst", 1.0))
    lags = ", ".join(f"{name} {freshness.quantile(share) / 60:,.1f}" for name, share in named)
    late = " **The p95 is beyond the objective.**" if freshness.late else ""
    told = f"Minutes from the change of a document to its commit: {lags} (objective {freshness.objective_s / 60:g})."
    return f"## Freshness\n\n{told}{late}\n\n{lag_histogram(freshness)}"


def sync_summary(*reports: "SyncReport") -> str:
    """What changed, in a few words, over the passes of one run."""
    counts = {change: sum(getattr(report, change) for report in reports) for change in _CHANGES}
    return ", ".join(f"{count} {change}" for change, count in counts.items() if count) or "nothing changed"


def _left_out(report: "SyncReport") -> list[str]:
    withheld = (
        f"{report.withheld_deletes} deletes are withheld: more documents are gone than a sync deletes unasked. "
        "Check the source; a run with confirm_deletes lets them through."
    )
    quarantined = (
        f"{report.quarantined} documents are quarantined and keep their last good revision; `ragloop status` shows why."
    )
    failed = f"{report.failed} documents cannot be read and keep their last good revision; `ragloop status` shows why."
    # A batch of changes counts what it failed to read, and not all that is in quarantine.
    unread = [quarantined] * bool(report.quarantined) or [failed] * bool(report.failed)
    return [withheld] * bool(report.withheld_deletes) + unread


def end_of_sync(*passes: "SyncReport") -> State[Any]:
    """Completed where the index now holds what the sources hold; Failed, and why, where something was left out.

    A run that asked has a second pass, which decides; what both did is told.
    """
    report, summary, name = passes[-1], sync_summary(*passes), _changed_sources(passes)
    if report.complete:
        return _end(Completed(message=f"{summary}; {report.chunks_total} chunks"), summary, name)
    left_out = " ".join([*report.problems, *_left_out(report)])
    return _end(Failed(message=f"done in part: {summary}. {left_out}"), f"in part · {summary}", name)


def _changed_sources(reports: "Sequence[SyncReport]") -> str:
    """The name of a run over every source once it has ended, if few of them changed; empty keeps the name."""
    changed = sorted({change["source"] for report in reports for change in report.changes})
    every = not runtime.flow_run.parameters.get("folder")
    return f"sync {', '.join(changed)}" if every and 0 < len(changed) <= _FEW_SOURCES else ""


def publish_changes(drained: "Drained", freshness: "Freshness") -> None:
    """What the queues said, and which documents changed."""
    figures = {name: value for name, value in asdict(drained).items() if isinstance(value, int)}
    markdown = _paragraphs("# Changes", changes_summary(drained), markdown_table(("", ""), figures.items()))
    create_markdown_artifact(markdown, key="changes-report", description="What the last events brought.")
    publish_sync(drained.report, freshness)


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


def publish_drift(measured: "DriftMeasurement", measurements: Sequence[Mapping[str, Any]]) -> None:
    """Every signal with its figures, the decision with its reasons, and the measurements before it."""
    signals = [asdict(signal) for signal in measured.report.signals]
    columns = ("name", "state", "action", "statistic", "p_value", "threshold", "n_reference", "n_current")
    table = markdown_table(columns, ([one[name] for name in columns] for one in signals))
    picture, reasons = drift_over_time(measurements), _list(measured.decision.reasons)
    markdown = _paragraphs("# Drift", drift_summary(measured), reasons, picture, table)
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


def publish_dataset(dataset: "DatasetSummary", rung_by: str) -> None:
    """How many rows there are, why answers of the log are not among them, and which run asked for the training."""
    facts = {"dataset": dataset.dataset_id, "rows": dataset.rows, "train": dataset.train, "eval": dataset.eval}
    left_out = markdown_table(("left out", "answers"), dataset.funnel.items())
    picture = funnel(dataset.rows, dataset.funnel)
    rang = f"Started by what [this run]({run_link(rung_by)}) found." if rung_by else ""
    markdown = _paragraphs("# Dataset", rang, markdown_table(("", ""), facts.items()), picture, left_out)
    create_markdown_artifact(markdown, key="retrain-dataset", description="What the adapter is trained on.")


def publish_training(adapter_id: str, folder: Path) -> None:
    """The loss curve, and what training cost."""
    from ragloop.models.lora import read_result

    result = read_result(folder)
    names = ("rows", "tokens", "tokens_per_s", "training_seconds", "cpu_seconds", "rss_peak_mb", "final_loss", "seed")
    facts = markdown_table(("", ""), ((name, getattr(result, name)) for name in names))
    markdown = _paragraphs(f"# Training of {adapter_id}", loss_curve(result.loss_curve), facts)
    create_markdown_artifact(markdown, key="retrain-training", description=f"Loss curve of {adapter_id}.")


def publish_evaluation(adapter_id: str, report: "EvalReport") -> None:
    """Mean scores of champion and candidate."""
    rows = [{"model": who, **scores} for who, scores in report.metrics.items()]
    create_table_artifact(rows, key="retrain-scores", description=f"Champion and {adapter_id} on the same questions.")


def publish_verdict(adapter_id: str, verdict: "Verdict") -> None:
    """The criteria of the gate with their intervals, and the reasons."""
    picture, table = gate_intervals(verdict.criteria), criteria_table(verdict)
    title, who = f"# Gate: {verdict.verdict}", f"Adapter {adapter_id}."
    markdown = _paragraphs(title, who, _list(verdict.reasons), picture, table)
    create_markdown_artifact(markdown, key="retrain-gate", description=f"{verdict.verdict}: {adapter_id}.")


def criteria_table(verdict: "Verdict") -> str:
    """The criteria of the gate with their bounds; how many pairs would decide, where one is undecided."""
    undecided = any(one.needed_n is not None for one in verdict.criteria)
    columns = ("name", "state", "estimate", "low", "high", "threshold", "n", *["needed_n"] * undecided)
    return markdown_table(columns, ([getattr(one, name) for name in columns] for one in verdict.criteria))


def end_of_retraining(adapter_id: str, verdict: "Verdict", promoted: bool) -> State[Any]:
    """Completed whatever the verdict: to reject is what the gate is for."""
    did = "promoted" if promoted else "not promoted"
    message = f"{verdict.verdict}: adapter {adapter_id} was {did}. {' '.join(verdict.reasons)}"
    return _end(Completed(message=message), f"{adapter_id} · {verdict.verdict}")


def publish_review(review: "Review", reviews: Sequence[Mapping[str, Any]]) -> None:
    """The scores of champion and base model, today and over time, and what the gate would say."""
    scores = [{"model": who, **figures} for who, figures in review.scores.items()]
    table = markdown_table(list(scores[0]), (list(row.values()) for row in scores))
    title = f"# Champion {review.adapter_id}: {_standing(review)}"
    undo = "`roll-back`, a deployment, brings back the champion before it." if review.worse else ""
    reasons = _list([*review.verdict.reasons, *review.notes])
    pictures = scores_over_time(reviews), gate_intervals(review.verdict.criteria)
    markdown = _paragraphs(title, undo, reasons, *pictures, table)
    create_markdown_artifact(markdown, key="champion-review", description=f"{review.adapter_id}: {_standing(review)}.")


def _standing(review: "Review") -> str:
    if review.worse:
        return "no longer earns its place"
    return "holds its place" if review.verdict.verdict == "promote" else "can be neither confirmed nor rejected"


def end_of_review(review: "Review | None") -> State[Any]:
    """Completed: that the champion is worse than the base model is a result; an event tells of it as well."""
    if review is None:
        return _end(Completed(message="the base model serves; there is no champion to evaluate"), "no champion")
    message = f"{review.adapter_id} {_standing(review)}. {' '.join(review.verdict.reasons)}"
    return _end(Completed(message=message), f"{review.adapter_id} {_standing(review)}")


def publish_history(history: Sequence[Mapping[str, Any]]) -> None:
    """Every change of the champion, newest first."""
    table = [
        {
            "at": f"{change['at']:%Y-%m-%d %H:%M}",
            "kind": change["kind"],
            "adapter": change["adapter_id"] or "the base model",
            "reason": change["reason"],
        }
        for change in list(reversed(history))[:_MOST_ROWS]
    ]
    create_table_artifact(table, key="champions", description="Who served since when, and why.")


def end_of_promotion(adapter: "Adapter") -> State[Any]:
    """Completed: the adapter serves."""
    return _end(Completed(message=f"{adapter.adapter_id} is the champion"), "done")


def end_of_rollback(done: "Rollback") -> State[Any]:
    """Completed, with who serves now and what was passed over."""
    serves = done.champion.adapter_id if done.champion else "the base model"
    message = f"{serves} serves; {done.retired} is retired. {' '.join(done.skipped)}".strip()
    return _end(Completed(message=message), f"to {serves}")


# --- maintenance -----------------------------------------------------------------------------------------------------


def publish_upkeep(done: "Upkeep") -> None:
    """Every table before and after."""
    columns = ("table", "rows", "files before", "files", "MiB before", "MiB", "versions removed")
    rows = [
        (
            one.name,
            one.rows,
            one.files_before,
            one.files,
            one.bytes_before / _MIB,
            one.bytes / _MIB,
            one.versions_removed,
        )
        for one in done.tables
    ]
    dropped = [f"The generation in {one} was let go." for one in done.dropped]
    markdown = _paragraphs(
        "# Maintenance", upkeep_summary(done), _list([*done.problems, *dropped]), markdown_table(columns, rows)
    )
    create_markdown_artifact(markdown, key="maintenance-report", description="What the last maintenance did.")


def upkeep_summary(done: "Upkeep") -> str:
    """What went, in a few words."""
    return f"{done.versions_removed} old versions removed, {done.bytes_freed / _MIB:.1f} MiB freed"


def publish_backup(done: "BackupReport") -> None:
    """What the backup holds, and what of it was copied."""
    facts = {
        "backup": done.backup_id,
        "place": done.place,
        "files": done.files,
        "MiB": done.bytes / _MIB,
        "files copied": done.files_copied,
        "MiB copied": done.bytes_copied / _MIB,
        "backups let go": len(done.expired),
        "files removed": done.files_removed,
        "tries": done.tries,
        "seconds": done.seconds,
    }
    tables = [(one.name, one.version, one.rows, one.files, one.bytes / _MIB) for one in done.tables]
    markdown = _paragraphs(
        "# Backup",
        backup_summary(done),
        _list(done.problems),
        markdown_table(("", ""), facts.items()),
        markdown_table(("table", "version", "rows", "files", "MiB"), tables),
    )
    create_markdown_artifact(markdown, key="backup-report", description="The last backup.")


def backup_summary(done: "BackupReport | None") -> str:
    """What was backed up, in a few words."""
    if done is None:
        return "no backup is configured"
    return f"backup {done.backup_id}, {done.files_copied} of {done.files} files new"


def end_of_maintenance(done: "Upkeep", backup: "BackupReport | None", runs: int) -> State[Any]:
    """Completed where all of it was done; Failed, and why, where a table or an older backup is damaged."""
    summary = f"{upkeep_summary(done)}, {backup_summary(backup)}, {runs} runs removed"
    problems = [*done.problems, *(backup.problems if backup else ())]
    if not problems:
        return _end(Completed(message=summary), summary)
    return _end(Failed(message=f"done in part: {summary}. {' '.join(problems)}"), f"in part · {summary}")


# --- names, states, Markdown -----------------------------------------------------------------------------------------


def sync_name() -> str:
    """The name of a sync run while it runs: the folder, or every source."""
    folder = runtime.flow_run.parameters.get("folder")
    return f"sync {Path(folder).name if folder else 'every source'}"


def _end(state: State[Any], summary: str, name: str = "") -> State[Any]:
    """The last state of the run that this is called in, whose name then also tells how it ended."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, name=f"{name or runtime.flow_run.name} · {summary}")
    return state


def run_link(run_id: str) -> str:
    """Where the UI shows a run, from any of its pages."""
    return f"/runs/flow-run/{run_id}"


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
