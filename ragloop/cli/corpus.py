"""Commands about documents: sync, search, status."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.context import open_app
from ragloop.cli.output import print_facts, print_json, print_table, progress, say
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.corpus.report import SyncReport
    from ragloop.records import Passage

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def encodable(text: str) -> str:
    """An argument as text that UTF-8 can hold: bytes of the command line that are no text become question marks."""
    return text.encode("utf-8", "replace").decode()


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(sync)
    app.command()(search)
    app.command()(status)


def _folder(given: str) -> Path:
    """A path; as one, that of an unset variable would be the current folder."""
    if not given:
        raise UsageError("found an empty path, expected a folder; without an argument, every known source is synced")
    return Path(given)


def sync(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder to index; without it, every known source.", metavar="[DIR]", parser=_folder),
    ] = None,
    confirm_deletes: Annotated[bool, typer.Option("--confirm-deletes", help="Let withheld deletes through.")] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Read quarantined documents again.")
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index afresh, beside the present one.")] = False,
    json: Json = False,
) -> None:
    """Bring the index to the state of its sources.

    Exit code 1 when something was left out: deletes withheld, documents quarantined, a source that is not there.
    """
    from dataclasses import asdict

    app = open_app()
    with progress("sync", "documents") as advance:
        report = app.sync(
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
    from dataclasses import asdict

    apart = ("changes", "problems", "notices", "live")
    facts = {name: value for name, value in asdict(report).items() if name not in apart}
    print_facts("Sync", facts)
    for change in report.changes:
        if change["change"] == "failed":
            say(f"quarantined: {change['key']}: {change['reason']}")
    if any(report.live.values()):
        print_facts("Meanwhile, in the index that answered", report.live)
    for notice in report.notices:
        say(notice)
    for problem in report.problems:
        say(f"problem: {problem}")
    if report.withheld_deletes:
        say(
            f"{report.withheld_deletes} deletes are withheld: more documents are gone than a sync deletes unasked. "
            "Check the source; `ragloop sync --confirm-deletes` lets them through"
        )
    if report.quarantined:
        say(f"{report.quarantined} documents are quarantined; `ragloop status` says why, --retry-quarantined retries")


def search(
    query: str,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, max=1000, help="Number of passages; default retrieval.top_k.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the passages for a query, best first."""
    query = encodable(query)
    if not query.strip():
        raise UsageError("found an empty query; expected words to search for")
    passages = open_app().search(query, top_k).passages
    if json:
        print_json({"passages": [_passage(one) for one in passages]})
        return
    rows = [{**_passage(one), "text": " ".join(one.text.split())[:200]} for one in passages]
    print_table(f"Passages for {query!r}", rows, ["rank", "similarity", "uri", "heading", "text"])


def _passage(passage: "Passage") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(passage)


def status(json: Json = False) -> None:
    """Show what the store holds: documents, chunks, lag, answers, feedback, champion, what ran last, last backup.

    Where `ragloop up` runs for this home, or PREFECT_API_URL names a server, it says what stands still there too.
    """
    from ragloop.cli.liveness import prefect_report

    app = open_app()
    report = {**app.status(), "prefect": prefect_report(app.settings.home)}
    if json:
        print_json(report)
        return
    facts = {**report, **{name: (report[name] or {}).get("at") for name in ("last_sync", "last_drift")}}
    facts.pop("quarantine")
    facts["prefect"] = (report["prefect"] or {}).get("url")
    facts["generations"] = ", ".join(f"{table} {state}" for table, state in report["generations"].items())
    print_facts(f"ragloop in {app.settings.home}", facts)
    if report["quarantine"]:
        print_table("Quarantined", report["quarantine"], ["source", "key", "attempts", "reason"])
    for problem in (report["prefect"] or {}).get("problems", ()):
        say(f"problem: {problem}")
