"""What an operator sees of a sync and of drained queues; see tasks/reporting.py for what is never shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import runtime
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from ragloop.corpus.sync.report import ChangeKind, left_out
from ragloop.markdown import bullets, duration, link, moment, number, paragraphs, table
from ragloop.wording import counted, counted_with
from tasks.approval import NOT_ASKED, Deletes
from tasks.pictures import lag_histogram
from tasks.reporting import MOST_ROWS, end, in_part, plain, publish

if TYPE_CHECKING:
    from ragloop.corpus.changes.drain import Drained
    from ragloop.corpus.sync.freshness import Freshness
    from ragloop.corpus.sync.report import Change, QualityCounts, SyncReport
    from ragloop.orchestrator.names import Names

_MIB = 2**20
_WORST, _RUNS, _LINKED = 20, 12, 30
"""Documents that are shown of those not read as a whole, runs of the trend, and changed documents in the report."""
_FEW_SOURCES = 3
"""More names than this do not fit into the name of a run."""
_DOCUMENTS = "sync-changes"
"""The kind of artifact that names changed documents."""
_IN_PART = "; something was left out"
_CHANGES = ("added", "updated", "renamed", "deleted", "failed")


# --- a sync ----------------------------------------------------------------------------------------------------------


def publish_sync(names: "Names", report: "SyncReport", freshness: "Freshness") -> None:
    """Publish what changed, the problems, how late documents became searchable, and which documents changed."""
    left = left_out(report)
    for source in _sources([report]):
        get_run_logger().info("%s: %s", source, _of_source(report, source))
    for problem in left:
        get_run_logger().warning(problem)
    parts = (bullets([*left, *report.notices]), _by_source(report), _lateness(freshness), _changed(names, report))
    publish(names, "sync-report", _told(report), *parts, _quality(report), _cost(report))
    columns = ("change", "source", "key", "was", "chunks", "embedded")
    rows = [plain({name: getattr(change, name) or "" for name in columns}) for change in report.changes[:MOST_ROWS]]
    if rows:
        shown = f"{sync_summary(report)}: the first {len(rows):,} of {counted(len(report.changes), 'document')}"
        create_table_artifact(rows, key=names.artifact(_DOCUMENTS), description=shown)


def sync_summary(*reports: "SyncReport") -> str:
    """Say what changed, in a few words, over the passes of one run."""
    counts = {change: sum(getattr(report, change) for report in reports) for change in _CHANGES}
    return ", ".join(f"{count:,} {change}" for change, count in counts.items() if count) or "nothing changed"


def _told(report: "SyncReport") -> str:
    """Say what changed, what it took, and whether something was left out."""
    chunks = (
        f"{counted(report.chunks_total, 'chunk')}, " if report.chunks_total else ""
    )  # what came by events counts none
    took = f"{chunks}{counted(report.commits, 'commit')}, {number(report.seconds)} seconds"
    return f"{sync_summary(report)}; {took}{_IN_PART * (not report.complete)}"


def _of_source(report: "SyncReport", source: str) -> str:
    of_it = [one for one in report.changes if one.source == source]
    counts = Counter(one.change for one in of_it)
    embedded = sum(one.embedded for one in of_it)
    done = [f"{counts[kind]:,} {kind}" for kind in ChangeKind if counts[kind]]
    return f"{', '.join(done)}; {counted(embedded, 'chunk')} embedded"


def _by_source(report: "SyncReport") -> str:
    """Show what became of documents of each source that changed."""
    kinds = [kind for kind in ChangeKind if any(one.change is kind for one in report.changes)]
    counts = Counter((one.source, one.change) for one in report.changes)
    rows = [(source, *(counts[source, kind] or None for kind in kinds)) for source in _sources([report])]
    return table(("source", *kinds), rows) if rows else ""


def _changed(names: "Names", report: "SyncReport") -> str:
    """Show the first documents that changed, with a link where a browser can open them."""
    first = [one for one in report.changes if one.change is not ChangeKind.WITHHELD][:_LINKED]
    if not first:
        return ""
    renamed = any(one.was for one in first)
    columns = ("change", "document", *["was"] * renamed, "chunks", "embedded")
    rows = [(one.change, _document(one), *[one.was] * renamed, one.chunks, one.embedded) for one in first]
    left = len(report.changes) - len(first)
    more = f"And {left:,} more; the artifact `{names.artifact(_DOCUMENTS)}` names up to {MOST_ROWS}." if left else ""
    return paragraphs("## Documents", table(columns, rows), more)


def _document(change: "Change") -> str:
    opens = change.uri.startswith(("https://", "http://")) and not set(change.uri) & set("()<> ")
    return link(change.key, change.uri) if opens else change.key


def _lateness(freshness: "Freshness") -> str:
    """Show the quantiles of the lag and their picture, where a document has one: a first index has none."""
    if not freshness.lags_s:
        return ""
    named = (("median", 0.5), ("p95", 0.95), ("longest", 1.0))
    lags = ", ".join(f"{name} {duration(freshness.quantile(share))}" for name, share in named)
    late = " **The p95 is beyond the objective.**" if freshness.late else ""
    objective = number(freshness.objective_s / 60)
    lateness = f"From the change of a document to its commit: {lags} (objective {objective} minutes).{late}"
    return paragraphs("## Freshness", lateness, lag_histogram(freshness))


def _quality(report: "SyncReport") -> str:
    """Show which documents were not read as a whole, and how the counts moved.

    What is missing of one stays in the store, as a reason does: it may quote the document.
    """
    worst = _worst(report)
    documents = table(("document", "quality", "parts not read"), worst) if worst else ""
    which = "`ragloop documents show DOCUMENT` says what was not read of one, and why." if worst else ""
    speaking = [(one.key, one.planted) for one in sorted(report.planted, key=lambda one: -one.planted)[:_WORST]]
    planted = table(("document that speaks to a model", "places"), speaking) if speaking else ""
    passed = f"Passed over: {report.passed_over}." if report.passed_over.count else ""
    return paragraphs("## What was read", documents, which, planted, passed, _trend(report.trend))


def _trend(runs: "Sequence[QualityCounts]") -> str:
    """Show the counts of the last runs that changed them, each beside its difference to the run before."""
    if not runs:
        return ""
    names = [one.name for one in fields(runs[0]) if one.name != "at"]
    rows = [
        (moment(now.at), *(_moved(getattr(now, name), getattr(before, name) if before else None) for name in names))
        for now, before in zip(runs, [*runs[1:], None], strict=True)
    ]
    columns = ("at (UTC)", *(name.replace("_", " ") for name in names))
    return paragraphs("The whole index, after each run that changed one of these counts:", table(columns, rows[:_RUNS]))


def _moved(now: int, before: int | None) -> str:
    return f"{now:,}" if before is None or now == before else f"{now:,} ({now - before:+,})"


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


def _cost(report: "SyncReport") -> str:
    """Show what the run did and what it took."""
    rows = [
        ("documents listed", report.scanned),
        ("documents unchanged", report.unchanged),
        ("documents read", report.documents_read),
        ("MiB read", report.bytes_read / _MIB),
        ("chunks in the index", report.chunks_total),
        ("chunks embedded", report.chunks_embedded),
        ("chunks reused", report.chunks_reused),
        ("commits", report.commits),
        ("seconds", report.seconds),
        ("of which embedding", report.embed_seconds),
    ]
    return paragraphs("## What it took", table(("", ""), [row for row in rows if row[1]]))


def end_of_sync(*passes: "SyncReport", answer: Deletes = NOT_ASKED) -> State[Any]:
    """End as Completed where the index now holds what the sources hold; Failed, and why, where something was left out.

    A run that asked has a second pass where deletes were approved; the summary is of both. What a person refused to
    delete is not left out.
    """
    report, name = passes[-1], _changed_sources(passes)
    report = replace(report, withheld_deletes=report.withheld_deletes - len(answer.refused))
    summary = " · ".join(filter(None, [sync_summary(*passes), answer.in_short]))
    if report.complete:
        told = (
            f"; {counted_with(len(answer.refused), 'delete', 'was', 'were')} {answer.outcome}" if answer.refused else ""
        )
        message = f"{sync_summary(*passes)}; {counted(report.chunks_total, 'chunk')}{told}"
        return end(Completed(message=message), summary, name)
    return in_part(summary, left_out(report), name)


def _changed_sources(reports: "Sequence[SyncReport]") -> str:
    """Return the name of a run over every source once it has ended, if few of them changed; empty keeps the name."""
    changed = _sources(reports)
    every = not runtime.flow_run.parameters.get("folder")
    return f"sync {', '.join(changed)}" if every and 0 < len(changed) <= _FEW_SOURCES else ""


def _sources(reports: "Sequence[SyncReport]") -> list[str]:
    return sorted({change.source for report in reports for change in report.changes})


def sync_name() -> str:
    """Return the name of a sync run while it runs: the folder, or every source."""
    folder = runtime.flow_run.parameters.get("folder")
    return f"sync {Path(folder).name if folder else 'every source'}"


# --- queues ----------------------------------------------------------------------------------------------------------


def publish_changes(names: "Names", drained: "Drained", freshness: "Freshness") -> None:
    """Publish what the queues said, and which documents changed."""
    rows = [
        ("messages", drained.messages),
        ("objects named", drained.objects),
        ("objects of no source", drained.foreign),
        ("messages that are no notification", drained.refused),
        ("messages kept, since their source fails", drained.kept),
        ("messages that SQS did not delete", drained.undeleted),
        ("messages received again", drained.received_again),
    ]
    publish(names, "changes-report", changes_summary(drained), table(("", ""), rows), _waiting(drained))
    publish_sync(names, drained.report, freshness)


def changes_summary(drained: "Drained") -> str:
    """Say what changed and how many messages led to it, in a few words."""
    return f"{sync_summary(drained.report)}, {counted(drained.messages, 'message')}"


def end_of_changes(drained: "Drained") -> State[Any]:
    """End as Completed where everything that the queues said is applied; Failed, and why, where something was left out.

    What another writer kept from being received is not left out: nothing failed, and an alarm would call nobody to it.
    """
    summary, waiting = changes_summary(drained), _waiting(drained)
    if drained.complete:
        done = f"{summary}, another process writes" if waiting else summary
        return end(Completed(message=f"{done}: {waiting}" if waiting else done), done)
    return in_part(summary, [*left_out(drained.report), *[waiting] * bool(waiting)])


def _waiting(drained: "Drained") -> str:
    return f"{drained.busy}. The messages stay in the queue: `ragloop watch` rings for them." if drained.busy else ""
