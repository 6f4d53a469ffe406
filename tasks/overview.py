"""Renew the overview of a home when a flow has ended, however it ended."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow, FlowStateHook
from prefect.logging import get_logger
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL

from ragloop.errors import RagloopError
from ragloop.orchestrator import access
from ragloop.orchestrator.prefect_api import PrefectApi
from tasks.running import open_app

if TYPE_CHECKING:
    from ragloop.app import App

log = get_logger("ragloop.overview")


def renew_overview(app: "App") -> None:
    """Renew the overview on the server that this process reports to; a run does not fail where that cannot be done."""
    from ragloop.orchestrator.overview.page import publish

    if (api := _api()) is None:
        return
    try:
        publish(api, app)
    except RagloopError as error:
        log.warning("the overview was not renewed: %s", error)


def _api() -> PrefectApi | None:
    """Return the API that Prefect is set to; None where it starts a server for each process."""
    url, key, auth = PREFECT_API_URL.value(), PREFECT_API_KEY.value(), PREFECT_API_AUTH_STRING.value()
    if not url:
        return None
    return PrefectApi(url, authorization=f"Bearer {key}" if key else access.basic(auth or ""))


def renew_at_the_end(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Renew the overview of the home that a run worked on."""
    named = (flow_run.parameters.get("home"), flow_run.parameters.get("config"))
    home, config = (Path(one) if one else None for one in named)
    try:
        renew_overview(open_app(home, config))
    except RagloopError as error:  # a run that names what it may not, or a store that is damaged: its state says so
        log.warning("the overview was not renewed: %s", error)


class Renewed(TypedDict):
    """Options of a flow."""

    on_completion: list[FlowStateHook[..., Any]]
    on_failure: list[FlowStateHook[..., Any]]


OVERVIEW: Renewed = {"on_completion": [renew_at_the_end], "on_failure": [renew_at_the_end]}
