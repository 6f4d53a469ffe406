"""Commands that keep a store in order and safe: maintain, backup, backup list, restore."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.context import open_app
from ragloop.cli.corpus import Json, encodable
from ragloop.cli.output import print_facts, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ragloop.backup import BackupReport

_MIB = 2**20
_LISTED = ("backup_id", "created_at", "rows", "files", "bytes", "damaged_files", "place")
_TABLE = ("name", "version", "rows", "files", "bytes")
backup = typer.Typer(help="Take a backup of the store, and list those there are.")
From = Annotated[
    str | None, typer.Option("--from", help="A folder or s3://bucket/prefix with backups; default backup.uri.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(maintain)
    app.add_typer(backup, name="backup")
    app.command()(restore)


def maintain(json: Json = False) -> None:
    """Compact every table, remove old versions, and let go of generations and vectors whose time has come.

    Exit code 1 when a table cannot be read.
    """
    app = open_app()
    with progress("maintain", "tables") as advance:
        done = app.maintain(advance)
    if json:
        print_json({**asdict(done), "versions_removed": done.versions_removed, "bytes_freed": done.bytes_freed})
    else:
        rows = [asdict(one) for one in done.tables]
        print_table("Tables", rows, ["name", "rows", "files_before", "files", "bytes", "versions_removed"])
        say(f"{done.versions_removed:,} old versions removed, {done.bytes_freed / _MIB:,.1f} MiB freed")
    for problem in done.problems:
        say(f"problem: {problem}")
    if done.problems:
        raise typer.Exit(1)


@backup.callback(invoke_without_command=True)
def take(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option("--to", help="A folder or s3://bucket/prefix of this store's own; default backup.uri.")
    ] = None,
    json: Json = False,
) -> None:
    """Take a backup: one state of all tables, the journal, datasets and adapters. Files that are there are not copied.

    A share of the files that are there is read and verified. Exit code 1 when an older backup is damaged.
    """
    if context.invoked_subcommand:
        return
    app = open_app()
    with progress("backup", "files") as advance:
        done = app.back_up(
            to and encodable(to), lambda files, total, copied: advance(files, total, f"{copied / _MIB:,.1f} MiB copied")
        )
    print_json(asdict(done)) if json else _show(done)
    for problem in done.problems:
        say(f"problem: {problem}")
    if done.problems:
        raise typer.Exit(1)


def _show(done: "BackupReport") -> None:
    print_table(f"Backup {done.backup_id}", [asdict(one) for one in done.tables], _TABLE)
    copied = f"{done.files_copied:,} files copied ({done.bytes_copied / _MIB:,.1f} MiB)"
    say(f"{done.files:,} files ({done.bytes / _MIB:,.1f} MiB) in {done.place}, {copied}")
    say(f"{done.files_verified:,} files that were there verified ({done.bytes_verified / _MIB:,.1f} MiB)")
    for name in done.mended:
        say(f"mended: {name} was damaged, and copied again from the store")
    if done.expired:
        say(f"let go of {len(done.expired)} older backups, {done.files_removed:,} files removed")


@backup.command("list")
def list_(from_: From = None, json: Json = False) -> None:
    """Show the backups, newest first, and of each how many of its files were found damaged.

    Exit code 1 when the manifest of one is damaged.
    """
    backups = open_app().backups(from_ and encodable(from_))
    marked = backups.marked()
    rows: list[dict[str, Any]] = [
        {
            "backup_id": one.backup_id,
            "created_at": one.created_at,
            "rows": sum(table.rows for table in one.tables),
            "files": len(one.entries),
            "bytes": one.size,
            "place": one.place,
            "damaged_files": sum(one.backup_id in found.backups for found in marked),
        }
        for one in backups.all()
    ]
    damaged = backups.damaged()
    if json:
        print_json({"backups": rows, "damaged": damaged})
    else:
        print_table(f"Backups in {backups.files}", rows, _LISTED)
    for one in damaged:
        say(f"problem: {one}")
    if damaged:
        raise typer.Exit(1)


def restore(
    backup_id: Annotated[str, typer.Argument(help="The id, or the beginning of it; or latest.")] = "latest",
    from_: From = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in place of the store that is there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify the backup and say what it holds; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a backup back. Every file of it is verified before anything is changed.

    Answers, feedback, adapters and promotions that are newer than the backup are kept; --dry-run says what goes.
    End what reads and writes the store before. A restore that is killed is completed by the same command.
    """
    app = open_app()
    with progress("restore", "files") as advance:
        done = app.restore(
            from_ and encodable(from_),
            encodable(backup_id),
            replace=replace,
            dry_run=dry_run,
            progress=lambda files, total, written: advance(files, total, f"{written / _MIB:,.1f} MiB written"),
        )
    if json:
        print_json(asdict(done))
        return
    print_table(f"Backup {done.backup_id}", [asdict(one) for one in done.tables], _TABLE)
    apart = ("tables", "backup_id", "place", "kept", "gone", "unreadable")
    facts = {name: value for name, value in asdict(done).items() if name not in apart}
    print_facts(f"{'Verified' if dry_run else 'Restored'}, {done.place}", facts)
    for what, rows in (("kept", done.kept), ("gone", done.gone)):
        if rows:
            say(f"newer than the backup and {what}: " + ", ".join(f"{n:,} of {table}" for table, n in rows.items()))
    for table, why in done.unreadable.items():
        say(f"nothing newer is kept of {table}, which cannot be read: {why}")
    say("nothing was changed" if dry_run else "`ragloop sync` brings the index up to its sources")
