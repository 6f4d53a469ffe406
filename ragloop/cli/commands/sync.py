"""`ragloop sync`: make the index match its sources."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, encodable, is_verbose, open_app, user
from ragloop.cli.output import duration, print_facts, print_json, say, write
from ragloop.cli.progress import SyncLine
from ragloop.errors import UsageError
from ragloop.wording import counted, counted_with, few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragloop.corpus.sync.report import SyncReport


_NAMED = 20
_FEW = 5
_SENTENCES = 3
"""Most documents that are named, files left out on purpose, and sentences on each: `ragloop documents` shows all."""


INTERRUPTED = 130
"""Exit code of a command that ctrl-C ended, as shells have it."""


def _folder(given: str) -> Path:
    """Return the path. An empty one, from an unset variable, would otherwise be the current folder; an address of a
    bucket, also a mistyped one, would be looked for as a folder."""
    if not given:
        raise UsageError("found an empty path, expected a folder; without an argument, every known source is synced")
    if _is_address(given) and not Path(given).exists():
        raise UsageError(
            f"found {given}, expected a folder; a bucket is added once with `ragloop sources add s3://BUCKET/PREFIX`, "
            "then `ragloop sync` indexes it"
        )
    return Path(given)


def _is_address(given: str) -> bool:
    """Return whether someone meant an address: a scheme, or S3 with a slash or a colon amiss."""
    scheme, found, _ = given.partition(":")
    return (bool(found) and scheme.isalnum()) or given.lower().startswith("s3/")


def _interrupted(line: SyncLine, folder: Path | None) -> str:
    """Say what is kept of a sync that was stopped, and how to go on."""
    again = " ".join(filter(None, ("ragloop sync", str(folder) if folder else "")))
    kept = f"{line.done:,} of {counted(line.to_read, 'document')} are searchable and stay so" if line.to_read else ""
    return f"stopped; {kept or 'nothing was changed yet'}. `{again}` goes on from here"


def sync(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder to index. Default: every known source.", metavar="[DIR]", parser=_folder),
    ] = None,
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Apply the deletes that the safety check held back.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why deletes are confirmed; kept in their history.")] = "",
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Read quarantined documents again.")
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index again, beside the current one.")] = False,
    json: Json = False,
) -> None:
    """Make the index match its sources.

    Exit code 1 when something was left out: withheld deletes, quarantined documents, a missing source, or one that
    matches nothing.
    """
    from ragloop.corpus.sync.decided_deletes import keep_confirmation

    line, app = SyncLine(), open_app()
    try:
        with line.shown():
            report = app.corpus.sync(
                folder,
                rebuild=rebuild,
                confirm_deletes=confirm_deletes,
                retry_quarantined=retry_quarantined,
                progress=line.progress,
                looking=line.looking,
            )
    except KeyboardInterrupt:
        say(_interrupted(line, folder))
        raise typer.Exit(INTERRUPTED) from None
    if confirm_deletes:
        keep_confirmation(app.store, report.changes, by=user(), reason=encodable(reason))
    if json:
        print_json(asdict(report))
    else:
        _show(report)
    if not report.complete:
        raise typer.Exit(1)


def show_wanting(in_part: "Sequence[Mapping[str, Any]]", without_text: "Sequence[Mapping[str, Any]]") -> None:
    """Name documents that were read in part and what is missing, and those without text; some of them."""
    for one in in_part[:_NAMED]:
        for sentence in few(one["left_out"], _SENTENCES):
            say(f"read in part: {one['key']}: {sentence}")
    if len(in_part) > _NAMED:
        say(f"read in part: and {len(in_part) - _NAMED:,} more; `ragloop documents list --quality in-part` shows all")
    for name in few([one["key"] for one in without_text], _NAMED):
        say(f"without text: {name}")


def show_planted(planted: "Sequence[Mapping[str, Any]]") -> None:
    """Name documents that speak to a model; some of them."""
    for one in planted[:_NAMED]:
        say(f"speaks to a model: {one['key']}, in {counted(one['planted'], 'place')}")
    if len(planted) > _NAMED:
        say(f"speaks to a model: and {len(planted) - _NAMED:,} more; `ragloop documents list --planted` shows all")


def show_passed_over(passed: "Mapping[str, Any]") -> None:
    """Count the files that were passed over by suffix and by reason, and name those that are no documents; some."""
    if not passed["count"]:
        return
    from ragloop.corpus.sources.listing import PassedOver, Why

    keys = {why: [one["key"] for one in passed["named"] if one["why"] == why] for why in Why}
    unread = keys[Why.NO_PARSER] + keys[Why.NO_DOCUMENT]
    left = sum(passed["suffixes"].values()) - len(unread[:_NAMED])
    more = f" and {left:,} more" if left else ""
    names = f" ({', '.join(unread[:_NAMED])}{more})" if unread else ""
    say(f"passed over: {PassedOver(**passed)}{names}")
    for why, count, setting in (
        (Why.EXCLUDED, passed["excluded"], "exclude"),
        (Why.IGNORED, passed.get("ignored", 0), "gitignore"),
    ):
        if named := keys[why][:_FEW]:
            more = f" and {count - len(named):,} more" if count > len(named) else ""
            say(f"  {why}: {', '.join(named)}{more} (sources.{setting})")


def summary(report: "SyncReport") -> str:
    """Write in one line what a sync did: 119 added, 1,779 chunks, 5 min 33 s."""
    names = ("added", "updated", "renamed", "deleted", "unchanged", "failed")
    done = [f"{count:,} {name}" for name in names if (count := getattr(report, name))]
    return ", ".join([*(done or ["no documents"]), counted(report.chunks_total, "chunk"), duration(report.seconds)])


def _show(report: "SyncReport") -> None:
    write(summary(report))
    whole = asdict(report)
    if is_verbose():
        apart = ("changes", "problems", "notices", "active", "quarantine", "trend")
        facts = {name: value for name, value in whole.items() if name not in apart}
        facts |= {name: len(facts[name]) for name in ("read_in_part", "without_text", "planted")}
        print_facts("Sync", {**facts, "passed_over": report.passed_over.count})
    if not (report.scanned or report.problems or report.deleted or report.suppressed):
        say("the source is empty: put documents into it and sync again, or name another folder")
    for change in report.changes:
        if change.reason is not None:
            say(f"quarantined: {change.key}: {change.reason}")
    show_wanting(whole["read_in_part"], whole["without_text"])
    show_planted(whole["planted"])
    show_passed_over(whole["passed_over"])
    if any(report.active.values()):
        print_facts("Meanwhile, in the index that answered", report.active)
    if report.suppressed:
        say(f"{counted(report.suppressed, 'document')} of the sources passed over, because erased (`ragloop erase`)")
    for notice in report.notices:
        say(notice)
    for problem in report.problems:
        say(f"problem: {problem}")
    if report.withheld_deletes:
        say(
            f"{counted_with(report.withheld_deletes, 'delete', 'is', 'are')} withheld: too many documents are gone to "
            "delete without asking. Check the source; `ragloop sync --confirm-deletes` applies them"
        )
    if report.quarantined:
        quarantined = counted_with(report.quarantined, "document", "is", "are")
        say(f"{quarantined} quarantined; `ragloop status` shows why, --retry-quarantined retries")
