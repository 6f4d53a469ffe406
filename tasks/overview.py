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
_BUDGET_S = 10.0
"""How long a run waits for all that the overview asks of a server."""


def renew_overview(app: "App") -> None:
    """Renew the overview on the server that this process reports to.

    Where that cannot be done or takes long, no run fails or waits for it: the next one renews it.
    """
    from ragloop.orchestrator.overview.page import publish

    if (api := _api()) is None:
        return
    try:
        publish(api.within(_BUDGET_S), app)
    except (RagloopError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        # Also a disk that cannot be asked, and a server of another release, whose answers are made otherwise.
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


class AtTheEnd(TypedDict):
    """Options of a flow: what is done when it has ended."""

    on_completion: list[FlowStateHook[..., Any]]
    on_failure: list[FlowStateHook[..., Any]]


def at_the_end(*hooks: FlowStateHook[..., Any]) -> AtTheEnd:
    """Return the options of a flow that has these called when it has ended, however it ended."""
    return {"on_completion": [*hooks], "on_failure": [*hooks]}


OVERVIEW = at_the_end(renew_at_the_end)
