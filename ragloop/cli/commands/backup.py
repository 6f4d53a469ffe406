"""`ragloop backup`: take a backup, list backups."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import BackupPlace, Json, encodable, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.cli.progress import progress
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.backup import BackupReport

_MIB = 2**20
_LISTED = ("backup_id", "created_at", "rows", "files", "bytes", "damaged_files", "place")
_TABLE = ("name", "version", "rows", "files", "bytes")
backup = typer.Typer(help="Take a backup of the store, or list backups.")


@backup.callback(invoke_without_command=True)
def take(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option("--to", help="A folder or s3://bucket/prefix for this store alone; default backup.uri."),
    ] = None,
    json: Json = False,
) -> None:
    """Take a backup: one state of all tables, the journal, datasets and adapters. Only new files are copied.

    A share of the existing files is read and verified. Exit code 1 when an older backup is damaged.
    """
    if context.invoked_subcommand:
        return
    app = open_app()
    with progress("backup", "files") as advance:
        done = app.safekeeping.back_up(
            to and encodable(to), lambda files, total, copied: advance(files, total, f"{copied / _MIB:,.1f} MiB copied")
        )
    print_json(asdict(done)) if json else _show(done)
    for problem in done.problems:
        say(f"problem: {problem}")
    if done.problems:
        raise typer.Exit(1)


def _show(done: "BackupReport") -> None:
    print_table(f"Backup {done.backup_id}", [asdict(one) for one in done.tables], _TABLE)
    copied = f"{counted(done.files_copied, 'file')} copied ({done.bytes_copied / _MIB:,.1f} MiB)"
    say(f"{counted(done.files, 'file')} ({done.bytes / _MIB:,.1f} MiB) in {done.place}, {copied}")
    say(f"{counted(done.files_verified, 'existing file')} verified ({done.bytes_verified / _MIB:,.1f} MiB)")
    for name in done.mended:
        say(f"mended: {name} was damaged and was copied again from the store")
    if done.expired:
        say(f"removed {counted(len(done.expired), 'older backup')} with {counted(done.files_removed, 'file')}")


@backup.command("list")
def list_(from_: BackupPlace = None, json: Json = False) -> None:
    """Show the backups, newest first, with the number of damaged files of each.

    Exit code 1 when a manifest is damaged.
    """
    backups = open_app().safekeeping.backups(from_ and encodable(from_))
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
