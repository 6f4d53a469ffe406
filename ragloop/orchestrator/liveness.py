"""What of the deployed flows of a home does nothing: schedules without runs, runs that nobody takes, silent triggers.

Prefect shows each of these as active. What is judged here is what followed: a run, an online worker, a firing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ragloop.config import Settings
from ragloop.errors import NotFoundError, RagloopError
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi, knows_a_server, named_api

_PLANNED_WITHIN = timedelta(seconds=90)
"""A server plans the runs of a new schedule within a minute."""
_TAKEN_WITHIN = timedelta(minutes=2)
_STARTED_WITHIN = timedelta(minutes=5)
_FIRES_WITHIN = timedelta(minutes=1)
_LOOK_EVERY_S = 30.0
"""How often `ragloop up` looks whether schedules, triggers and the worker do their work."""
_BUDGET_S = 2.0
"""How long `ragloop status` waits for all that is asked here."""
_RETRAIN_DUE = "ragloop.retrain.due"
_TRIGGERS = {"index-changes": "ragloop.source.changed", "retrain-adapter": _RETRAIN_DUE}
"""The events that start a flow by the trigger of its deployment in prefect.yaml."""
_SKEW = timedelta(seconds=10)
"""Clocks of who rings and of the server may differ by as much."""
_FAILED = "prefect.automation.action.failed"
_FIRINGS = ("prefect.automation.triggered", "prefect.automation.action.executed", _FAILED)
"""What the server emits of an automation that fires, each with its own id; others tell that it was changed."""

Deployment = Mapping[str, Any]
"""As the server keeps it, and the name of its flow."""


def prefect_report(settings: Settings) -> dict[str, Any] | None:
    """Return the address of the Prefect server that is named or runs for a home, and what of it stands still there.

    None where there is no such server. A server that does not answer is a problem and no error.
    """
    if not knows_a_server(settings.home):
        return None
    api = named_api(settings.home, patience_s=1.0)
    found: list[str] = []
    try:
        found += problems(api, Names.of(settings), _BUDGET_S)
    except RagloopError as error:
        found.append(str(error))
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:  # of another service, or of another release of Prefect
        found.append(f"{api.url} does not answer like a Prefect server ({type(error).__name__}: {error})")
    return {"url": api.url, "problems": found}


def problems(api: PrefectApi, names: Names, budget_s: float = 30.0) -> list[str]:
    """Return a sentence for everything of a home that does nothing on this server, the same for the same problem.

    Raises UnavailableError where the server does not answer.
    """
    end = time.monotonic() + budget_s
    deployments = _deployments(api, names)
    if not deployments:
        return [f"none of the flows of {names.name} is deployed: run `ragloop deploy`"]
    checks: tuple[Callable[[PrefectApi, Names, list[Deployment]], Iterator[str]], ...] = (
        _workers,
        _waiting,
        _plans,
        _triggers,
    )
    found: list[str] = []
    for check in checks:
        if time.monotonic() > end:
            return [*found, f"the server answers too slowly to check the rest within {budget_s:g} s"]
        found += check(api, names, deployments)
    return found


def _deployments(api: PrefectApi, names: Names) -> list[Deployment]:
    """Return the deployments of a home by the names of their flows."""
    ours = {"deployments": {"tags": {"all_": [names.tag]}}}
    found: list[Deployment] = api.call("POST", "/deployments/filter", ours)
    flows = {one["id"]: one["name"] for one in api.call("POST", "/flows/filter", ours)} if found else {}
    return sorted(
        ({**one, "flow": flows.get(one["flow_id"], one["name"])} for one in found), key=lambda one: one["flow"]
    )


def _workers(api: PrefectApi, names: Names, deployments: list[Deployment]) -> Iterator[str]:
    """Yield the pools of deployments that no worker serves."""
    for pool in sorted({str(one["work_pool_name"]) for one in deployments if one.get("work_pool_name")}):
        try:
            workers = api.call("POST", f"/work_pools/{quote(pool, safe='')}/workers/filter", {})
        except NotFoundError:
            workers = []
        if not any(one.get("status") == "ONLINE" for one in workers):
            yield f"no worker serves the pool {pool}: its runs wait until one is started"


def _waiting(api: PrefectApi, names: Names, deployments: list[Deployment]) -> Iterator[str]:
    """Yield deployments whose runs are due and are not taken, or are taken and do not start."""
    now = datetime.now(UTC)
    due = {"next_scheduled_start_time": {"before_": (now - _TAKEN_WITHIN).isoformat()}}
    taken = {"expected_start_time": {"before_": (now - _STARTED_WITHIN).isoformat()}}
    flows = {one["id"]: one["flow"] for one in deployments}
    for state, late, happened in (
        (
            "SCHEDULED",
            due,
            "are due but waiting: no worker takes them (is the pool, its queue or the worker paused?)",
        ),
        ("PENDING", taken, "were taken by a worker and do not start: its log says why"),
    ):
        wanted = {"state": {"type": {"any_": [state]}}, "tags": {"all_": [names.tag]}, **late}
        runs = api.call("POST", "/flow_runs/filter", {"flow_runs": wanted})
        for flow in sorted({flows[one["deployment_id"]] for one in runs if one["deployment_id"] in flows}):
            yield f"runs of {flow} {happened}"


def _plans(api: PrefectApi, names: Names, deployments: list[Deployment]) -> Iterator[str]:
    """Yield the deployments with a schedule that no planned run follows."""
    for one in deployments:
        schedules = one.get("schedules") or []
        active = [schedule for schedule in schedules if schedule["active"]]
        if schedules and (one.get("paused") or not active):
            yield f"the schedule of {one['flow']} is paused"
        elif any(_age(schedule["created"]) > _PLANNED_WITHIN for schedule in active) and not _planned(api, one):
            yield f"no run of {one['flow']} is planned on its active schedule: the server's scheduler does nothing"


def _planned(api: PrefectApi, deployment: Deployment) -> int:
    wanted = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    return int(api.call("POST", "/flow_runs/count", wanted))


def _triggers(api: PrefectApi, names: Names, deployments: list[Deployment]) -> Iterator[str]:
    """Yield the triggers that are not there, are disabled, did not follow their event, or fire in vain."""
    for one in deployments:
        event = _TRIGGERS.get(one["flow"])
        if event is None:
            continue
        related = api.call("GET", f"/automations/related-to/prefect.deployment.{one['id']}")
        there = [trigger for trigger in related if event in trigger["trigger"].get("expect", ())]
        enabled = [trigger for trigger in there if trigger["enabled"]]
        if not enabled:
            state = "disabled" if there else "missing: deploy again"
            yield f"the trigger of {one['flow']} is {state}; {event} starts nothing"
        for trigger in enabled:
            yield from _silent(api, names, trigger, event)


def _silent(api: PrefectApi, names: Names, trigger: Mapping[str, Any], event: str) -> Iterator[str]:
    """Say of a trigger that its newest event was followed by no firing, or by one whose run could not be made."""
    since = {"since": trigger["created"], "until": (datetime.now(UTC) - _FIRES_WITHIN).isoformat()}
    of_home = {"id": [names.home]} if event == _RETRAIN_DUE else {"id_prefix": [names.sources]}
    rung = _newest(api, {"event": {"name": [event]}, "resource": of_home, "occurred": since})
    if rung is None:
        return
    after = (datetime.fromisoformat(rung["occurred"]) - _SKEW).isoformat()
    own = {"id": [f"prefect.automation.{trigger['id']}"]}
    fired = _newest(api, {"event": {"name": list(_FIRINGS)}, "resource": own, "occurred": {"since": after}})
    if fired is None:
        yield f"{event} was emitted and the trigger {trigger['name']!r} did not fire: the server's triggers do nothing"
    elif fired["event"] == _FAILED:
        reason = fired["payload"].get("reason", "no reason given")
        yield f"the trigger {trigger['name']!r} fires, but its action fails: {reason}"


def _newest(api: PrefectApi, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    events = api.call("POST", "/events/filter", {"filter": {**wanted, "order": "DESC"}, "limit": 1})["events"]
    return events[0] if events else None


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(moment)


def standing_still(api: PrefectApi, names: Names) -> Iterator[list[str]]:
    """Yield what began or ceased to stand still since the last look; nothing between looks."""
    known: set[str] = set()
    looked = time.monotonic()
    while True:
        if time.monotonic() - looked < _LOOK_EVERY_S:
            yield []
            continue
        try:
            found = set(problems(api, names))
        except RagloopError:  # a server that has died is reported by its process, a busy one is asked again
            found = known
        yield [f"problem: {one}" for one in sorted(found - known)] + [
            f"no longer: {one}" for one in sorted(known - found)
        ]
        known, looked = found, time.monotonic()
