"""What an operator sees of documents and of the store; see tasks/reporting.py for what is never shown."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import runtime
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from ragloop.corpus.sync.report import left_out
from ragloop.wording import done_in_part
from tasks.pictures import lag_histogram
from tasks.reporting import MOST_ROWS, bullets, end, markdown_table, paragraphs, plain

if TYPE_CHECKING:
    from ragloop.backup import BackupReport
    from ragloop.corpus.changes.drain import Drained
    from ragloop.corpus.maintain import Upkeep
    from ragloop.corpus.sync.freshness import Freshness
    from ragloop.corpus.sync.report import SyncReport

_MIB = 2**20
_WORST, _RUNS = 20, 12
"""Documents that are shown of those not read as a whole, and runs of the trend."""
_FEW_SOURCES = 3
"""More names than this do not fit into the name of a run."""

# --- sync ------------------------------------------------------------------------------------------------------------

_CHANGES = ("added", "updated", "renamed", "deleted", "failed")


def publish_sync(report: "SyncReport", freshness: "Freshness") -> None:
    """Publish the counts, the problems, how late documents became searchable, and which documents changed."""
    figures = {name: value for name, value in asdict(report).items() if isinstance(value, int | float)}
    noted = [*report.notices, *left_out(report)]
    table = markdown_table(("", ""), figures.items())
    parts = (sync_summary(report), bullets(noted), _quality(report), _lateness(freshness), table)
    markdown = paragraphs("# Sync", *parts)
    create_markdown_artifact(markdown, key="sync-report", description="What the last sync did.")
    columns = ("change", "source", "key", "was", "chunks", "embedded")
    rows = [plain({name: getattr(change, name) for name in columns}) for change in report.changes[:MOST_ROWS]]
    shown = f"The first {len(rows):,} of {len(report.changes):,} changed documents."
    if rows:
        create_table_artifact(rows, key="sync-changes", description=shown)


def _quality(report: "SyncReport") -> str:
    """Show how many documents were not read as a whole, which, and the trend of the last runs.

    What is missing of one stays in the store, as a reason does: it may quote the document.
    """
    counts = {
        "quarantined": report.quarantined,
        "read in part": len(report.read_in_part),
        "without text": len(report.without_text),
        "files passed over": report.passed_over.count,
    }
    worst = _worst(report)
    documents = markdown_table(("document", "quality", "parts not read"), worst) if worst else ""
    which = "`ragloop documents show DOCUMENT` says what was not read of one, and why." if worst else ""
    passed = f"Passed over: {report.passed_over}." if report.passed_over.count else ""
    columns = ("at", "documents", "read_in_part", "without_text", "quarantined", "passed_over")
    rows = [tuple(getattr(one, name) for name in columns) for one in report.trend[:_RUNS]]
    trend = "" if not rows else markdown_table([one.replace("_", " ") for one in columns], rows)
    before = "The whole index, at the last runs that changed one of these counts:" if rows else ""
    return paragraphs(
        "## What was read", markdown_table(("", ""), counts.items()), documents, which, passed, before, trend
    )


def _worst(report: "SyncReport") -> list[tuple[str, str, int | None]]:
    """List the first documents that were not read as a whole, the worst first, and of how many parts that is said."""
    by_quality = {
        "quarantined": report.quarantine,
        "read in part": sorted(report.read_in_part, key=lambda one: -len(one.left_out)),
        "without text": report.without_text,
    }
    rows = [
        (one.key, quality, len(one.left_out) if quality == "read in part" else None)
        for quality, documents in by_quality.items()
        for one in documents
    ]
    return rows[:_WORST]


def _lateness(freshness: "Freshness") -> str:
    """Show the quantiles of the lag and their picture, where a document has one: a first index has none."""
    if not freshness.lags_s:
        return ""
    named = (("p50", 0.5), ("p95", 0.95), ("worst", 1.0))
    lags = ", ".join(f"{name} {freshness.quantile(share) / 60:,.1f}" for name, share in named)
    late = " **The p95 is beyond the objective.**" if freshness.late else ""
    lateness = (
        f"Minutes from the change of a document to its commit: {lags} (objective {freshness.objective_s / 60:g})."
    )
    return f"## Freshness\n\n{lateness}{late}\n\n{lag_histogram(freshness)}"


def sync_summary(*reports: "SyncReport") -> str:
    """Say what changed, in a few words, over the passes of one run."""
    counts = {change: sum(getattr(report, change) for report in reports) for change in _CHANGES}
    return ", ".join(f"{count} {change}" for change, count in counts.items() if count) or "nothing changed"


def end_of_sync(*passes: "SyncReport") -> State[Any]:
    """End as Completed where the index now holds what the sources hold; Failed, and why, where something was left out.

    A run that asked has a second pass, which decides; the summary is of both.
    """
    report, summary, name = passes[-1], sync_summary(*passes), _changed_sources(passes)
    if report.complete:
        return end(Completed(message=f"{summary}; {report.chunks_total} chunks"), summary, name)
    return _in_part(summary, left_out(report), name)


def _changed_sources(reports: "Sequence[SyncReport]") -> str:
    """Return the name of a run over every source once it has ended, if few of them changed; empty keeps the name."""
    changed = sorted({change.source for report in reports for change in report.changes})
    every = not runtime.flow_run.parameters.get("folder")
    return f"sync {', '.join(changed)}" if every and 0 < len(changed) <= _FEW_SOURCES else ""


def publish_changes(drained: "Drained", freshness: "Freshness") -> None:
    """Publish what the queues said, and which documents changed."""
    figures = {name: value for name, value in asdict(drained).items() if isinstance(value, int)}
    markdown = paragraphs("# Changes", changes_summary(drained), markdown_table(("", ""), figures.items()))
    create_markdown_artifact(markdown, key="changes-report", description="What the last events changed.")
    publish_sync(drained.report, freshness)


def changes_summary(drained: "Drained") -> str:
    """Say what changed and how many messages led to it, in a few words."""
    return f"{sync_summary(drained.report)}, {drained.messages} messages"


def end_of_changes(drained: "Drained") -> State[Any]:
    """End as Completed where everything that the queues said is applied; Failed, and why, where something was left out.

    What another writer kept from being received is not left out: nothing failed, and an alarm would call nobody to it.
    """
    summary = changes_summary(drained)
    waiting = f"{drained.busy}. The messages stay in the queue: `ragloop watch` rings for them." if drained.busy else ""
    if drained.complete:
        done = f"{summary}, another process writes" if waiting else summary
        return end(Completed(message=f"{done}: {waiting}" if waiting else done), done)
    return _in_part(summary, [*left_out(drained.report), *[waiting] * bool(waiting)])


def sync_name() -> str:
    """Return the name of a sync run while it runs: the folder, or every source."""
    folder = runtime.flow_run.parameters.get("folder")
    return f"sync {Path(folder).name if folder else 'every source'}"


# --- maintenance -----------------------------------------------------------------------------------------------------


def publish_upkeep(done: "Upkeep") -> None:
    """Publish every table before and after."""
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
    dropped = [f"The generation in {one} was dropped." for one in done.dropped]
    markdown = paragraphs(
        "# Maintenance", upkeep_summary(done), bullets([*done.problems, *dropped]), markdown_table(columns, rows)
    )
    create_markdown_artifact(markdown, key="maintenance-report", description="What the last maintenance did.")


def upkeep_summary(done: "Upkeep") -> str:
    """Say what went, in a few words."""
    return f"{done.versions_removed} old versions removed, {done.bytes_freed / _MIB:.1f} MiB freed"


def publish_backup(done: "BackupReport") -> None:
    """Publish what the backup holds, and what of it was copied."""
    facts = {
        "backup": done.backup_id,
        "place": done.place,
        "files": done.files,
        "MiB": done.bytes / _MIB,
        "files copied": done.files_copied,
        "MiB copied": done.bytes_copied / _MIB,
        "files verified": done.files_verified,
        "MiB verified": done.bytes_verified / _MIB,
        "files mended": len(done.mended),
        "files damaged": len(done.damaged),
        "backups removed": len(done.expired),
        "files removed": done.files_removed,
        "tries": done.tries,
        "seconds": done.seconds,
    }
    tables = [(one.name, one.version, one.rows, one.files, one.bytes / _MIB) for one in done.tables]
    markdown = paragraphs(
        "# Backup",
        backup_summary(done),
        bullets(done.problems),
        markdown_table(("", ""), facts.items()),
        markdown_table(("table", "version", "rows", "files", "MiB"), tables),
    )
    create_markdown_artifact(markdown, key="backup-report", description="The last backup.")


def backup_summary(done: "BackupReport | None") -> str:
    """Say what was backed up, in a few words."""
    if done is None:
        return "no backup is configured"
    return f"backup {done.backup_id}, {done.files_copied} of {done.files} files new"


def end_of_maintenance(done: "Upkeep", backup: "BackupReport | None", runs: int) -> State[Any]:
    """End as Completed where all of it was done; Failed, and why, where a table or an older backup is damaged."""
    summary = f"{upkeep_summary(done)}, {backup_summary(backup)}, {runs} runs removed"
    problems = [*done.problems, *(backup.problems if backup else ())]
    if not problems:
        return end(Completed(message=summary), summary)
    return _in_part(summary, problems)


def _in_part(summary: str, left_out: Sequence[str], name: str = "") -> State[Any]:
    return end(Failed(message=done_in_part(summary, left_out)), f"in part · {summary}", name)
