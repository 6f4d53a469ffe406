"""What of a home a person looks for on its Prefect server: open questions, and the address of its overview."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi

FLOW = "ask-operator"
"""The flow whose runs are questions; their tags say which home asks."""
OVERVIEW = "overview"
"""The kind of artifact that the overview of a home is."""


@dataclass(frozen=True)
class OpenQuestion:
    """A question that nobody has answered: since when it is asked, until when, and where it is answered."""

    title: str
    since: str
    deadline: str | None
    url: str

    @property
    def sentence(self) -> str:
        """Say what is asked, until when, and where to answer."""
        until = f" until {datetime.fromisoformat(self.deadline):%Y-%m-%d %H:%M} UTC" if self.deadline else ""
        return f"{self.title} waits for an answer{until}: Resume in the menu of {self.url}"

    def as_row(self) -> dict[str, Any]:
        """Return the fields as JSON shows them."""
        return asdict(self)


def open_questions(api: PrefectApi, names: Names) -> list[OpenQuestion]:
    """Return the questions of a home, oldest first. Raises UnavailableError where the server does not answer."""
    paused = {"state": {"type": {"any_": ["PAUSED"]}}, "tags": {"all_": [names.tag]}}
    wanted = {"flows": {"name": {"any_": [FLOW]}}, "flow_runs": paused}
    return [_question(api, run) for run in api.call("POST", "/flow_runs/filter", {**wanted, "sort": "START_TIME_ASC"})]


def _question(api: PrefectApi, run: dict[str, Any]) -> OpenQuestion:
    details = run["state"]["state_details"]
    return OpenQuestion(
        run["name"], run["state"]["timestamp"], details.get("pause_timeout"), api.page(f"runs/flow-run/{run['id']}")
    )


def overview_address(api: PrefectApi, names: Names) -> str | None:
    """Return the address of the overview of a home; None where nobody has made it yet."""
    made = overview_id(api, names)
    return api.page(f"artifacts/artifact/{made}") if made else None


def overview_id(api: PrefectApi, names: Names) -> str | None:
    """Return the id of the overview of a home; None where nobody has made it yet."""
    # Of a key, /artifacts/KEY/latest would return the id of the collection of its artifacts.
    wanted = {"artifacts": {"key": {"any_": [names.artifact(OVERVIEW)]}}, "sort": "CREATED_DESC", "limit": 1}
    found = api.call("POST", "/artifacts/filter", wanted)
    return str(found[0]["id"]) if found else None
