"""`ragloop status`: show what the store holds, and what stands still on Prefect."""

from ragloop.cli.commands.sync import show_passed_over, show_wanting
from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, print_table, say


def status(json: Json = False) -> None:
    """Show what the store holds: documents, chunks, lag, answers, feedback, champion, last runs, last backup.

    If `ragloop up` runs for this home, or PREFECT_API_URL names a server, it also shows what stands still there.
    """
    from ragloop.orchestrator.liveness import prefect_report

    app = open_app()
    report = {**app.status(), "prefect": prefect_report(app.settings)}
    if json:
        print_json(report)
        return
    facts = {**report, **{name: (report[name] or {}).get("at") for name in ("last_sync", "last_drift")}}
    facts.pop("quarantine")
    facts |= {name: len(report[name]) for name in ("read_in_part", "without_text")}
    facts["passed_over"] = report["passed_over"]["count"]
    facts["prefect"] = (report["prefect"] or {}).get("url")
    facts["generations"] = ", ".join(f"{table} {state}" for table, state in report["generations"].items())
    print_facts(f"ragloop in {app.settings.home}", facts)
    if report["quarantine"]:
        print_table("Quarantined", report["quarantine"], ["source", "key", "attempts", "reason"])
    show_wanting(report["read_in_part"], report["without_text"])
    show_passed_over(report["passed_over"])
    for problem in (report["prefect"] or {}).get("problems", ()):
        say(f"problem: {problem}")
