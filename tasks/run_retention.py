"""Old runs of a home's deployments leave Prefect, with their artifacts and logs.

Prefect 3.8 keeps every flow run for ever unless its server's own vacuum is set to remove them
(PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs), which then concerns the runs of all flows of that server,
whoever they belong to. So the runs of one home alone are removed here, through the API. The server removes the logs of
a run that is deleted, and task runs with it; of artifacts it leaves the rows, which are removed first. Events go by the
server's own retention (PREFECT_EVENTS_RETENTION_PERIOD, seven days by default).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging import get_logger

from ragloop.orchestrator.names import Names

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
log = get_logger("ragloop.runs")
_DOUBLE = "Deployment concurrency limit reached."
"""What Prefect says of a run that it cancels since another one of the deployment is under way."""
AT_ONCE = 50
"""The most that Prefect deletes in one request."""


def remove_runs(names: Names, days: float) -> int:
    """Remove the runs of a home that ended longer ago than `days`; returns how many.

    The tag of the home is on its deployments, and on runs without one: questions to operators, noted batches.
    """
    before = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    old = {"end_time": {"before_": before}, "state": {"type": {"any_": list(ENDED)}}}
    tagged = {"tags": {"all_": [names.tag]}}
    with get_client(sync_client=True) as client:
        of_deployments = _remove(client, {"flow_runs": old, "deployments": tagged})
        return of_deployments + _remove(client, {"flow_runs": {**old, **tagged}})


def remove_doubles(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Remove runs of the deployment of a run that were cancelled since it was under way: it did their work.

    They come from two watchers that ring for the same change. What a person cancelled stays.
    """
    if flow_run.deployment_id is None:
        return
    of_it = {"deployments": {"id": {"any_": [str(flow_run.deployment_id)]}}}
    cancelled = {"flow_runs": {"state": {"type": {"any_": ["CANCELLED"]}}}, "sort": "END_TIME_DESC", "limit": AT_ONCE}
    try:
        with get_client(sync_client=True) as client:
            found = _ask(client, "/flow_runs/filter", {**of_it, **cancelled})
            if ids := [one["id"] for one in found if one["state"]["message"] == _DOUBLE and not one["run_count"]]:
                _ask(client, "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": ids}}})
    except httpx.HTTPError as error:
        log.warning("runs that were cancelled at once stay until the next run ends: %s", error)


def _remove(client: SyncPrefectClient, wanted: Mapping[str, Any]) -> int:
    removed = 0
    while ids := [run["id"] for run in _ask(client, "/flow_runs/filter", {**wanted, "limit": AT_ONCE})]:
        _remove_artifacts(client, ids)
        gone = _ask(client, "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": ids}}})["deleted"]
        removed += len(gone)
        if not gone:  # another process removes the same ones
            break
    return removed


def _remove_artifacts(client: SyncPrefectClient, run_ids: list[str]) -> None:
    wanted = {"artifacts": {"flow_run_id": {"any_": run_ids}}, "limit": AT_ONCE}
    while found := _ask(client, "/artifacts/filter", wanted):
        for one in found:
            client.delete_artifact(one["id"])


def _ask(client: SyncPrefectClient, path: str, body: Mapping[str, Any]) -> Any:
    answer = client.request("POST", path, json=dict(body))  # type: ignore[arg-type]
    answer.raise_for_status()
    return answer.json()
