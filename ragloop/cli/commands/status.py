"""`ragloop status`: show what the store holds, and what stands still on Prefect."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ragloop.cli.commands.sources import show_sources
from ragloop.cli.commands.sync import show_passed_over, show_planted, show_wanting
from ragloop.cli.options import Json, is_verbose, open_app
from ragloop.cli.output import duration, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping


def status(json: Json = False) -> None:
    """Show what the store holds: documents, chunks, lag, answers, feedback, who serves and who is tried in each
    lane, last runs, last backup.

    If `ragloop up` runs for this home, or PREFECT_API_URL names a server, it also shows the questions that wait for an
    answer there, what stands still, and the address of the overview.
    """
    from ragloop.corpus.sync.source_states import SourceState
    from ragloop.orchestrator.liveness import prefect_report
    from ragloop.orchestrator.questions import OpenQuestion

    app = open_app()
    prefect = prefect_report(app.settings)
    report = {**app.status(), "prefect": prefect, "questions": prefect["questions"] if prefect else []}
    if json:
        print_json(report)
        return
    print_facts(f"ragloop in {app.settings.home}", _facts(report))
    show_sources([SourceState(**one) for one in report["sources"]])
    if report["quarantine"]:
        print_table("Quarantined", report["quarantine"], ["source", "key", "attempts", "reason"])
    show_wanting(report["read_in_part"], report["without_text"])
    show_planted(report["planted"])
    show_passed_over(report["passed_over"])
    for question in report["questions"]:
        say(f"question: {OpenQuestion(**question).sentence}")
    for problem in (prefect or {}).get("problems", ()):
        say(f"problem: {problem}")


def _facts(report: "Mapping[str, Any]") -> dict[str, Any]:
    """Choose what a person reads first; with -v everything that is known."""
    from ragloop.registry import Standing

    lag, kept = report["lag_s"], report["generations"]
    facts = {
        "documents": report["documents"],
        "chunks": report["chunks"],
        "lag": None if lag["p95"] is None else f"p50 {duration(lag['p50'])}, p95 {duration(lag['p95'])}",
        "quarantined": report["quarantined"] or None,
        "read_in_part": len(report["read_in_part"]) or None,
        "without_text": len(report["without_text"]) or None,
        "speaks_to_a_model": len(report["planted"]) or None,
        "answers": report["interactions"],
        "feedback": report["feedback"],
        "answering": "; ".join(str(Standing(**one)) for one in report["lanes"]) or "the base model",
        "last_sync": _when(report["last_sync"]),
        "last_drift": _when(report["last_drift"]),
        "last_backup": report["last_backup"],
        "unreadable_log_lines": report["unreadable_log_lines"] or None,
        "questions": len(report["questions"]) or None,
        "prefect": (report["prefect"] or {}).get("url"),
        "overview": (report["prefect"] or {}).get("overview"),
        "generations": ", ".join(f"{table} {state}" for table, state in kept.items()) if len(kept) > 1 else None,
    }
    return {**facts, "index": report["generation"]} if is_verbose() else facts


def _when(run: "Mapping[str, Any] | None") -> datetime | None:
    return datetime.fromisoformat(run["at"]) if run else None
