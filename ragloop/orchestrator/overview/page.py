"""The overview of a home: one artifact on its Prefect server, from which everything else is one click away.

Its address stays the same. Every flow renews it when it ends, and so do a question and `ragloop up`. It holds counts,
names of sources, ids and figures, and no text of a document or question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ragloop.answering.lanes import LANES
from ragloop.app import App
from ragloop.markdown import bullets, link, moment, paragraphs, table
from ragloop.orchestrator.liveness import deployments_of, problems
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.overview.of_store import of_store
from ragloop.orchestrator.prefect_api import PrefectApi
from ragloop.orchestrator.questions import OVERVIEW, OpenQuestion, open_questions, overview_id
from ragloop.registry import Standing
from ragloop.wording import counted, counted_with, first_few

_BUDGET_S = 5.0
"""How long a flow that has ended waits for what stands still."""
_REPORTS = (
    ("sync-report", "syncs"),
    ("sync-changes", "changed documents"),
    ("changes-report", "messages of queues"),
    ("question", "questions"),
    ("deletes", "decisions about deletes"),
    ("drift-report", "drift"),
    ("retrain-dataset", "training data"),
    ("retrain-training", "trainings"),
    ("retrain-gate", "verdicts"),
    ("champions", "champions"),
    ("golden-comparison", "answers to the golden questions"),
    ("maintenance-report", "maintenance"),
    ("backup-report", "backups"),
)
"""Kinds of artifacts, and what the pages of their keys are the history of."""
_OF_LANES = (("canary-report", "canaries"), ("champion-review", "reviews of the champion"))
"""Kinds of which each lane that needs an adapter has its own."""


def publish(api: PrefectApi, app: App) -> str:
    """Renew the overview of a home and return its address. Raises UnavailableError where the server does not answer."""
    home = app.settings.home
    names = Names.of(app.settings)
    seen = _Seen.of(api, names)
    state = app.status() if app.parts.place.exists() else None
    markdown = paragraphs(
        f"# {names.name}",
        f"{home.resolve()}, as of {moment(datetime.now(UTC))} UTC.",
        _waiting(app, seen, state),
        *(of_store(app, state, lambda kind: _page(f"artifacts/key/{names.artifact(kind)}")) if state else ()),
        _runs(seen),
        _reports(api, names),
    )
    said = {"data": markdown, "description": _in_short(seen, state)}
    if made := overview_id(api, names):
        api.call("PATCH", f"/artifacts/{made}", said)
    else:
        made = api.call("POST", "/artifacts/", {"key": names.artifact(OVERVIEW), "type": "markdown", **said})["id"]
    return api.page(f"artifacts/artifact/{made}")


@dataclass(frozen=True)
class _Seen:
    """What the server knows of a home: questions, what stands still, the next and the last run of each deployment."""

    questions: list[OpenQuestion]
    problems: list[str]
    deployments: list[Mapping[str, Any]]
    next: Mapping[str, Mapping[str, Any]]
    last: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, api: PrefectApi, names: Names) -> "_Seen":
        deployments = deployments_of(api, names)
        return cls(
            open_questions(api, names),
            problems(api, names, _BUDGET_S) if deployments else [],
            deployments,
            {one["id"]: run for one in deployments if (run := _run(api, one, "SCHEDULED", "EXPECTED_START_TIME_ASC"))},
            {one["id"]: run for one in deployments if (run := _run(api, one, "ended", "END_TIME_DESC"))},
        )


def _run(api: PrefectApi, deployment: Mapping[str, Any], state: str, sort: str) -> Mapping[str, Any] | None:
    """Return the first run of a deployment in one state, or the last that ended otherwise than by being cancelled."""
    states = ["COMPLETED", "FAILED", "CRASHED"] if state == "ended" else [state]
    wanted = {"deployments": {"id": {"any_": [deployment["id"]]}}, "flow_runs": {"state": {"type": {"any_": states}}}}
    runs = api.call("POST", "/flow_runs/filter", {**wanted, "sort": sort, "limit": 1})
    return runs[0] if runs else None


def _in_short(seen: _Seen, state: Mapping[str, Any] | None) -> str:
    """Say the state in a line: the history of the artifact reads as a story."""
    asked = [f"questions that wait: {len(seen.questions)}"] * bool(seen.questions)
    still = [f"problems: {len(seen.problems)}"] * bool(seen.problems)
    if state is None:
        return ", ".join([*asked, *still, "nothing is indexed yet"])
    serving = [str(Standing(**one)) for one in state["lanes"]]
    answering = f"answering: {first_few(serving, 2)}" if serving else "the base model answers"
    quarantined = [f"{state['quarantined']:,} quarantined"] * bool(state["quarantined"])
    return ", ".join([*asked, *still, counted(state["documents"], "document"), *quarantined, answering])


def _waiting(app: App, seen: _Seen, state: Mapping[str, Any] | None) -> str:
    """List what waits for a person: questions, what stands still, and what the last sync left out."""
    asked = [f"- {link(one.title, one.url)} {_until(one)}" for one in seen.questions]
    left = (state or {}).get("last_sync") or {}
    others = [*seen.problems, *left.get("problems", ())]
    if left.get("withheld_deletes") and not _decided_since(app, datetime.fromisoformat(left["at"])):
        others.append(f"{counted_with(left['withheld_deletes'], 'delete', 'is', 'are')} withheld: look at the source")
    if not asked and not others:
        return "**Nothing waits for you.**"
    return paragraphs("## Waits for you", "\n".join(filter(None, ["\n".join(asked), bullets(others)])))


def _until(question: OpenQuestion) -> str:
    return f"until {moment(question.deadline)} UTC" if question.deadline else "until it is answered"


def _decided_since(app: App, at: datetime) -> bool:
    """Return whether somebody decided about deletes after a sync withheld some."""
    from ragloop.corpus.sync.decided_deletes import decisions
    from ragloop.reports import Reports

    return any(one.at >= at for one in decisions(Reports(app.store)))


def _runs(seen: _Seen) -> str:
    """Show when each deployment runs next, and how its last run ended."""
    rows = []
    for one in seen.deployments:
        following, ended = seen.next.get(one["id"]), seen.last.get(one["id"])
        name = link(one["flow"], _page(f"deployments/deployment/{one['id']}"))
        last = link(ended["name"], _page(f"runs/flow-run/{ended['id']}")) if ended else None
        when = datetime.fromisoformat(following["expected_start_time"]) if following else None
        rows.append((name, when, last, datetime.fromisoformat(ended["end_time"]) if ended else None))
    return paragraphs("## Runs", table(("deployment", "next (UTC)", "last run", "ended (UTC)"), rows)) if rows else ""


def _reports(api: PrefectApi, names: Names) -> str:
    """Show the newest report of each kind by what it says, with the page of all of them."""
    keys = {names.artifact(kind): meaning for kind, meaning in _REPORTS}
    lanes = [name for name, lane in LANES.items() if lane.needs_adapter]
    keys |= {names.artifact(kind, one): f"{meaning} in {one}" for kind, meaning in _OF_LANES for one in lanes}
    wanted = {"artifacts": {"key": {"any_": list(keys)}}}
    newest = {one["key"]: one for one in api.call("POST", "/artifacts/latest/filter", wanted)}
    rows = [
        (
            link(meaning, _page(f"artifacts/key/{key}")),
            link(newest[key]["description"], _page(f"artifacts/artifact/{newest[key]['latest_id']}")),
            datetime.fromisoformat(newest[key]["updated"]),
        )
        for key, meaning in keys.items()
        if key in newest
    ]
    return paragraphs("## Reports", table(("all of a kind", "the newest says", "at (UTC)"), rows)) if rows else ""


def _page(path: str) -> str:
    """Return the address of a page of the UI that holds on any other page of it, under whatever name it is reached."""
    return f"/{path}"
