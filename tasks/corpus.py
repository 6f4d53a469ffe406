"""Tasks about documents."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from ragloop.orchestrator.names import Names
from tasks.allowed import accept_folder
from tasks.monitoring import ring_alarms
from tasks.reporting import Progress
from tasks.running import TRANSIENT_ONLY, open_app, run_began
from tasks.sync_reports import publish_changes, publish_sync

if TYPE_CHECKING:
    from ragloop.corpus.changes.drain import Drained
    from ragloop.corpus.sync.report import SyncReport


@task(name="sync sources", **TRANSIENT_ONLY)
def sync_sources(
    folder: Path | None,
    confirm_deletes: bool,
    retry_quarantined: bool,
    rebuild: bool,
    home: Path | None,
    config: Path | None,
    approved: frozenset[tuple[str, str]] = frozenset(),
) -> "SyncReport":
    """Bring the index to the state of its sources; the report names documents by key and holds no text."""
    app = open_app(home, config)
    names = Names.of(app.settings)
    bar = Progress(names, "sync-progress", "documents")
    accept_folder(app, folder)
    report = app.corpus.sync(
        folder,
        rebuild=rebuild,
        confirm_deletes=confirm_deletes,
        retry_quarantined=retry_quarantined,
        approved=approved,
        asked_at=run_began(),
        progress=lambda done, total, embedded: bar.show(done, total, f"{embedded:,} chunks embedded"),
    )
    publish_sync(names, report, ring_alarms(report, app, config))
    return report


@task(name="apply changes", **TRANSIENT_ONLY)
def apply_changes(home: Path | None, config: Path | None) -> "Drained":
    """Drain the queues of the configured buckets into the index that answers."""
    app = open_app(home, config)
    drained = app.corpus.changes.drain(app.corpus.watched())
    publish_changes(Names.of(app.settings), drained, ring_alarms(drained.report, app, config))
    return drained
