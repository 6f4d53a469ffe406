"""`ragloop sync`: make the index match its sources."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, progress, say
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.corpus.sync.report import SyncReport


def _folder(given: str) -> Path:
    """Return the path. An empty one, from an unset variable, would otherwise be the current folder."""
    if not given:
        raise UsageError("found an empty path, expected a folder; without an argument, every known source is synced")
    return Path(given)


def sync(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder to index. Default: every known source.", metavar="[DIR]", parser=_folder),
    ] = None,
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Apply the deletes that the safety check held back.")
    ] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Read quarantined documents again.")
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index again, beside the current one.")] = False,
    json: Json = False,
) -> None:
    """Make the index match its sources.

    Exit code 1 when something was left out: withheld deletes, quarantined documents, a missing source.
    """
    app = open_app()
    with progress("sync", "documents") as advance:
        report = app.corpus.sync(
            folder,
            rebuild=rebuild,
            confirm_deletes=confirm_deletes,
            retry_quarantined=retry_quarantined,
            progress=lambda done, total, embedded: advance(done, total, f"{embedded:,} chunks embedded"),
        )
    if json:
        print_json(asdict(report))
    else:
        _show(report)
    if not report.complete:
        raise typer.Exit(1)


def _show(report: "SyncReport") -> None:
    apart = ("changes", "problems", "notices", "active")
    facts = {name: value for name, value in asdict(report).items() if name not in apart}
    print_facts("Sync", facts)
    for change in report.changes:
        if change.reason is not None:
            say(f"quarantined: {change.key}: {change.reason}")
        for sentence in change.left_out:
            say(f"read in part: {change.key}: {sentence}")
        if change.is_without_text:
            say(f"without text: {change.key}")
    if any(report.active.values()):
        print_facts("Meanwhile, in the index that answered", report.active)
    for notice in report.notices:
        say(notice)
    for problem in report.problems:
        say(f"problem: {problem}")
    if report.withheld_deletes:
        say(
            f"{report.withheld_deletes} deletes are withheld: too many documents are gone to delete without asking. "
            "Check the source; `ragloop sync --confirm-deletes` applies them"
        )
    if report.quarantined:
        say(f"{report.quarantined} documents are quarantined; `ragloop status` shows why, --retry-quarantined retries")
