"""`ragloop restore`: bring a backup back."""

from dataclasses import asdict
from typing import Annotated

import typer

from ragloop.cli.ids import LAST
from ragloop.cli.options import BackupPlace, Json, encodable, open_app
from ragloop.cli.output import print_facts, print_json, print_table, say
from ragloop.cli.progress import progress

_MIB = 2**20
_TABLE = ("name", "version", "rows", "files", "bytes")


def restore(
    backup_id: Annotated[str, typer.Argument(help="Id of the backup, or its beginning; or latest (last).")] = "latest",
    from_: BackupPlace = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the existing store.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify the backup and show what it holds; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a backup back. Every file of it is verified before anything is changed.

    Answers, feedback, adapters and promotions newer than the backup are kept; --dry-run shows what is lost. First stop
    every process that uses the store. The same command completes a restore that was killed. What was erased since the
    backup is erased again.
    """
    app = open_app()
    with progress("restore", "files") as advance:
        done = app.safekeeping.restore(
            from_ and encodable(from_),
            "latest" if backup_id == LAST else encodable(backup_id),
            replace=replace,
            dry_run=dry_run,
            progress=lambda files, total, written: advance(files, total, f"{written / _MIB:,.1f} MiB written"),
        )
    restored = open_app()
    again = [] if dry_run else restored.erasing.erase_what_returned()
    mirror = "" if dry_run else restored.safekeeping.mirror_after_restore()
    erased = [one.certificate_id for one in again]
    if json:
        print_json({**asdict(done), "erased_again": erased, "mirror": mirror})
        return
    print_table(f"Backup {done.backup_id}", [asdict(one) for one in done.tables], _TABLE)
    apart = ("tables", "backup_id", "place", "kept", "gone", "unreadable")
    facts = {name: value for name, value in asdict(done).items() if name not in apart}
    print_facts(f"{'Verified' if dry_run else 'Restored'}, {done.place}", facts)
    for what, rows in (("kept", done.kept), ("gone", done.gone)):
        if rows:
            say(f"newer than the backup and {what}: " + ", ".join(f"{n:,} of {table}" for table, n in rows.items()))
    for table, why in done.unreadable.items():
        say(f"newer rows of {table} are lost, because it cannot be read: {why}")
    if again:
        say(f"the backup had what was erased since: it was erased again, certificate {', '.join(erased)}")
    for one in again:
        if not one.is_done:
            say(f"something of it is left: `ragloop erase verify {one.certificate_id}` says where")
    if mirror:
        say(mirror)
    say("nothing was changed" if dry_run else "run `ragloop sync` to update the index from its sources")
