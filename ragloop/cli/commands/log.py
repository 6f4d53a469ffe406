"""`ragloop log`: show or export logged answers, and import those of other services."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, print_table, say, write
from ragloop.cli.progress import progress
from ragloop.errors import UsageError
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.traffic.importing import ImportReport

log = typer.Typer(no_args_is_help=True, help="Show, export or import logged answers and feedback.")
FORMATS = ("auto", "jsonl", "otel", "openinference", "langfuse", "langsmith", "mlflow")
_DONE_IN_PART = 1


@log.command("tail")
def tail(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of answers.")] = 10, json: Json = False
) -> None:
    """Show the newest answers, newest last."""
    newest = open_app().journal.newest(count).to_pylist()
    if json:
        print_json({"interactions": newest})
        return
    rows = [{**one, "id": one["interaction_id"][:SHOWN], "asked": one["asked_at"]} for one in newest]
    print_table("Answers", rows, ["id", "asked", "lane", "question", "answer"])
    if not rows:
        write("no answers yet: `ragloop ask` logs one")


@log.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write: Parquet (.parquet) or JSON lines (.jsonl).")],
    json: Json = False,
) -> None:
    """Write every logged answer, with its feedback, to a file."""
    rows = open_app().learning.export_log(file)
    print_json({"rows": rows, "file": str(file)}) if json else say(f"wrote {counted(rows, 'answer')} to {file}")


@log.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="File that another service wrote: JSON, JSON lines, Parquet, or gzip.")],
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be logged, and log nothing.")] = False,
    json: Json = False,
) -> None:
    """Log the questions and answers of another service, with the documents that they rest on.

    The same file may be imported again: each answer counts once.
    """
    if format not in FORMATS:
        raise UsageError(f"found the format {format!r}, expected one of {', '.join(FORMATS)}")
    with progress("reading", "MB") as advance:
        report = open_app().traffic.import_file(
            file, format, dry_run=dry_run, progress=lambda done, total: advance(done >> 20, total >> 20, "")
        )
    print_json(_as_json(report)) if json else _show(report, file)
    if report.skipped:
        raise typer.Exit(_DONE_IN_PART)


def _as_json(report: "ImportReport") -> dict[str, object]:
    problems = [{"place": one.place, "reason": one.reason} for one in report.problems]
    return {**vars(report), "verdicts": dict(report.verdicts), "reasons": dict(report.reasons), "problems": problems}


def _show(report: "ImportReport", file: Path) -> None:
    counts = {
        "answers": report.rows,
        "votes": report.votes,
        "passages tied to a document": report.tied,
        "passages of no known document": report.untied,
        "records skipped": report.skipped,
    }
    title = f"{file}: nothing was logged, this would be" if report.dry_run else f"{file}: logged"
    print_facts(title, counts)
    if verdicts := {one: count for one, count in report.verdicts.items() if count}:
        print_facts("Passages by verdict", verdicts)
    for one in report.problems:
        say(f"skipped {one.place}: {one.reason}")
