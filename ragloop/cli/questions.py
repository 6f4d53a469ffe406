"""Commands about questions: ask, feedback, log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.context import open_app
from ragloop.cli.corpus import Json, encodable
from ragloop.cli.output import print_json, print_table, say, write

if TYPE_CHECKING:
    from ragloop.records import Answer

log = typer.Typer(no_args_is_help=True, help="The log of answers and feedback.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(ask)
    app.command()(feedback)
    app.add_typer(log, name="log")


def ask(
    question: str,
    lane: Annotated[
        str | None, typer.Option(help="base+rag, adapter+rag or closed-book; by default answers.lane.")
    ] = None,
    json: Json = False,
) -> None:
    """Answer a question from the documents, citing them, or abstain. The answer is logged before it is shown."""
    answer = open_app().answerer.ask(encodable(question), lane and encodable(lane))
    if json:
        print_json(_answer(answer))
        return
    write(answer.answer)
    for one in answer.citations:
        write(f"  [{one.n}] {one.uri}:{one.start}-{one.end}  {one.heading}")
    if answer.note:
        say(answer.note)
    total = sum(answer.latency_ms.values())
    say(f"{answer.interaction_id} · {answer.lane} · {answer.adapter or answer.model} · {total:.0f} ms")


def _answer(answer: "Answer") -> dict[str, Any]:
    from dataclasses import asdict

    report = asdict(answer)
    report["latency_ms"] = {**answer.latency_ms, "total": round(sum(answer.latency_ms.values()), 2)}
    return report


def feedback(
    interaction_id: str,
    up: Annotated[bool, typer.Option("--up", help="The answer was right.")] = False,
    down: Annotated[bool, typer.Option("--down", help="The answer was wrong.")] = False,
    correction: Annotated[str | None, typer.Option(help="The right answer.")] = None,
    json: Json = False,
) -> None:
    """Say whether an answer was right, or what the right one is."""
    from ragloop.errors import UsageError

    if up + down + (correction is not None) != 1:
        raise UsageError("give one of --up, --down or --correction TEXT")
    kind = "up" if up else "down" if down else "correction"
    interaction_id, correction = encodable(interaction_id), correction and encodable(correction)
    feedback_id = open_app().journal.give_feedback(interaction_id, kind, correction)
    report = {"feedback_id": feedback_id, "interaction_id": interaction_id, "kind": kind}
    print_json(report) if json else say(f"noted {kind} for {interaction_id}")


@log.command("tail")
def tail(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of answers.")] = 10, json: Json = False
) -> None:
    """Show the newest answers, newest last."""
    rows = open_app().journal.interactions().slice(0)
    newest = rows.slice(max(0, rows.num_rows - count)).to_pylist()
    if json:
        print_json({"interactions": newest})
        return
    print_table("Answers", newest, ["interaction_id", "asked_at", "lane", "question", "answer"])


@log.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Parquet or JSON lines, by its suffix: .parquet or .jsonl.")],
    json: Json = False,
) -> None:
    """Write every logged answer, with its feedback, to a file."""
    rows = open_app().export_log(file)
    print_json({"rows": rows, "file": str(file)}) if json else say(f"wrote {rows:,} answers to {file}")
