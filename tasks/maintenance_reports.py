"""What an operator sees of the nightly maintenance; see tasks/reporting.py for what is never shown."""

from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from ragloop.markdown import bullets, table
from ragloop.wording import counted
from tasks.reporting import end, in_part, publish

if TYPE_CHECKING:
    from ragloop.backup import BackupReport
    from ragloop.corpus.maintain import Upkeep
    from ragloop.orchestrator.names import Names

_MIB = 2**20


def publish_upkeep(names: "Names", done: "Upkeep") -> None:
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
    problems = bullets([*done.problems, *dropped])
    publish(names, "maintenance-report", upkeep_summary(done), problems, table(columns, rows))


def upkeep_summary(done: "Upkeep") -> str:
    """Say what went, in a few words."""
    return f"{done.versions_removed} old versions removed, {done.bytes_freed / _MIB:.1f} MiB freed"


def publish_backup(names: "Names", done: "BackupReport") -> None:
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
    publish(
        names,
        "backup-report",
        backup_summary(done),
        bullets(done.problems),
        table(("", ""), facts.items()),
        table(("table", "version", "rows", "files", "MiB"), tables),
    )


def backup_summary(done: "BackupReport | None") -> str:
    """Say what was backed up, in a few words."""
    if done is None:
        return "no backup is configured"
    return f"backup {done.backup_id}, {done.files_copied} of {counted(done.files, 'file')} new"


def end_of_maintenance(done: "Upkeep", backup: "BackupReport | None", runs: int, mirror: str) -> State[Any]:
    """End as Completed where all of it was done; Failed, and why, where a table or an older backup is damaged, or the
    mirror is left behind."""
    summary = f"{upkeep_summary(done)}, {backup_summary(backup)}, {counted(runs, 'run')} removed"
    problems = [*done.problems, *(backup.problems if backup else ()), *filter(None, [mirror])]
    if not problems:
        return end(Completed(message=summary), summary)
    return in_part(summary, problems)
