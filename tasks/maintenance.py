"""Tasks of the nightly maintenance."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from ragloop.orchestrator.names import Names
from tasks.maintenance_reports import publish_backup, publish_upkeep
from tasks.reporting import Progress
from tasks.run_retention import remove_runs
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.backup import BackupReport
    from ragloop.corpus.maintain import Upkeep


@task(name="maintain tables", **TRANSIENT_ONLY)
def maintain_tables(home: Path | None, config: Path | None) -> "Upkeep":
    """Compact every table, remove old versions, drop what is past its retention."""
    app = open_app(home, config)
    done = app.corpus.maintain()
    publish_upkeep(Names.of(app.settings), done)
    app.learning.maintain()
    return done


@task(name="back up", **TRANSIENT_ONLY)
def back_up(home: Path | None, config: Path | None) -> "BackupReport | None":
    """Take a backup where the settings name a place for it; else None."""
    app = open_app(home, config)
    if not app.settings.backup.uri:
        return None
    bar = Progress(Names.of(app.settings), "backup-progress", "files")
    done = app.safekeeping.back_up(
        progress=lambda files, total, copied: bar.show(files, total, f"{copied / 2**20:,.1f} MiB")
    )
    publish_backup(Names.of(app.settings), done)
    return done


@task(name="remove old runs", **TRANSIENT_ONLY)
def remove_old_runs(home: Path | None, config: Path | None) -> int:
    """Remove runs of this home's deployments that ended before maintenance.run_retention_days; returns how many."""
    settings = open_app(home, config).settings
    days = settings.maintenance.run_retention_days
    return remove_runs(Names.of(settings), days) if days else 0
