"""`ragloop sync`: make the index match its sources."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, progress, say
from ragloop.errors import UsageError
from ragloop.wording import few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragloop.corpus.sync.report import SyncReport


_NAMED = 20
_SENTENCES = 3
"""Most documents that are named, and most sentences on each: `ragloop documents` shows all."""


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

    Exit code 1 when something was left out: withheld deletes, quarantined documents, a missing source, or one that
    matches nothing.
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


def show_wanting(in_part: "Sequence[Mapping[str, Any]]", without_text: "Sequence[Mapping[str, Any]]") -> None:
    """Name documents that were read in part and what is missing, and those without text; some of them."""
    for one in in_part[:_NAMED]:
        for sentence in few(one["left_out"], _SENTENCES):
            say(f"read in part: {one['key']}: {sentence}")
    if len(in_part) > _NAMED:
        say(f"read in part: and {len(in_part) - _NAMED:,} more; `ragloop documents list --quality in-part` shows all")
    for name in few([one["key"] for one in without_text], _NAMED):
        say(f"without text: {name}")


def show_passed_over(passed: "Mapping[str, Any]") -> None:
    """Count the files that were passed over by suffix and by reason, and name those that are no documents; some."""
    if not passed["count"]:
        return
    from ragloop.corpus.sources.listing import PassedOver, Why

    unread = [one["key"] for one in passed["named"] if one["why"] in (Why.NO_PARSER, Why.NO_DOCUMENT)]
    left = sum(passed["suffixes"].values()) - len(unread[:_NAMED])
    more = f" and {left:,} more" if left else ""
    names = f" ({', '.join(unread[:_NAMED])}{more})" if unread else ""
    say(f"passed over: {PassedOver(**passed)}{names}")


def _show(report: "SyncReport") -> None:
    apart = ("changes", "problems", "notices", "active", "quarantine", "trend")
    whole = asdict(report)
    facts = {name: value for name, value in whole.items() if name not in apart}
    facts |= {name: len(facts[name]) for name in ("read_in_part", "without_text")}
    print_facts("Sync", {**facts, "passed_over": report.passed_over.count})
    for change in report.changes:
        if change.reason is not None:
            say(f"quarantined: {change.key}: {change.reason}")
    show_wanting(whole["read_in_part"], whole["without_text"])
    show_passed_over(whole["passed_over"])
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
