"""What `ragloop watch --index` tells of a batch that it applied: a line, and where Prefect is named, what a flow would.

That is a flow run that has ended, and the event that documents became searchable too late. The index has the changes by
then: where Prefect is away, that is said, and nothing waits for it.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.corpus.sync.report import left_out
from ragloop.errors import NotFoundError, UnavailableError
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi, named_api
from ragloop.wording import counted, done_in_part

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.corpus.sync.report import SyncReport

log = logging.getLogger(__name__)
_PATIENCE_S = 2.0
"""How long applying waits for a Prefect that is busy."""


def note(
    app: "App",
    config: Path | None,
    report: "SyncReport",
    messages: int,
    sources: Sequence[str],
) -> None:
    """Tell of one batch, which so many messages led to; of a folder no message tells."""
    counts = {name: getattr(report, name) for name in ("added", "updated", "renamed", "deleted", "failed")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing changed"
    led = f"; {counted(messages, 'message')}" if messages else ""
    outcome = f"{summary}{led} in {report.seconds:.2f} s"
    log.info("%s: %s", ", ".join(sources), outcome)
    for problem in report.problems:
        log.warning("problem: %s", problem)
    if os.environ.get("PREFECT_API_URL") and (messages or any(counts.values()) or not report.complete):
        name = f"watch {', '.join(sources)} · {'' if report.complete else 'in part · '}{summary}"
        api = named_api(app.settings.home, _PATIENCE_S)
        end = "COMPLETED" if report.complete else "FAILED"
        message = outcome if report.complete else done_in_part(outcome, left_out(report))
        try:
            run = record(api, Names.of(app.settings), name, end, message)
            ring_if_late(api, app, config, report, run)
        except (UnavailableError, NotFoundError) as error:
            log.warning("not reported as a flow run: %s", error)


def record(api: PrefectApi, names: Names, name: str, end: str, message: str) -> str:
    """Note a flow run that has ended; returns its id.

    It is made in its last state: of one that is made as running, a kill before the next call would leave it running.
    """
    flow = api.call("POST", "/flows/", {"name": "index-changes"})["id"]
    ended = {"type": end, "name": end.capitalize(), "message": message}
    run = api.call("POST", "/flow_runs/", {"flow_id": flow, "name": name, "tags": names.tags, "state": ended})
    return str(run["id"])


def ring_if_late(api: PrefectApi, app: "App", config: Path | None, report: "SyncReport", run: str) -> None:
    """Emit what a flow that applied this batch would have emitted."""
    from ragloop.corpus.sync.freshness import freshness, lateness

    found = freshness(report.changes, 60 * app.settings.freshness.objective_minutes)
    if event := lateness(found, app.settings.home, config):
        of_run = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}
        resource = Names.of(app.settings).home_resource(event.home)
        api.emit(event.name, resource, {**event.payload, "flow_run_id": run}, [of_run])
