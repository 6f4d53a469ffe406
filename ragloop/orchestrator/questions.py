"""What of a home a person looks for on its Prefect server: open questions, and the address of its overview."""

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ragloop.orchestrator.prefect_api import PrefectApi

FLOW = "ask-operator"
"""The flow whose runs are questions; its parameter `home` says which home asks."""


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


def open_questions(api: PrefectApi, home: Path) -> list[OpenQuestion]:
    """Return the questions of a home, oldest first. Raises UnavailableError where the server does not answer."""
    wanted = {"flows": {"name": {"any_": [FLOW]}}, "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
    runs = api.call("POST", "/flow_runs/filter", {**wanted, "sort": "START_TIME_ASC"})
    here = str(home.resolve())
    return [_question(api, run) for run in runs if run["parameters"].get("home") == here]


def _question(api: PrefectApi, run: dict[str, Any]) -> OpenQuestion:
    details = run["state"]["state_details"]
    return OpenQuestion(
        run["name"], run["state"]["timestamp"], details.get("pause_timeout"), api.page(f"runs/flow-run/{run['id']}")
    )


def overview_key(home: Path) -> str:
    """Return the key of the artifact: the name of the folder, and what tells homes of that name apart."""
    place = str(home.resolve())
    name = re.sub("[^a-z0-9]+", "-", home.resolve().name.lower()).strip("-")
    return "-".join(filter(None, ["overview", name, hashlib.sha256(place.encode()).hexdigest()[:6]]))


def overview_address(api: PrefectApi, home: Path) -> str | None:
    """Return the address of the overview of a home; None where nobody has made it yet."""
    made = overview_id(api, home)
    return api.page(f"artifacts/artifact/{made}") if made else None


def overview_id(api: PrefectApi, home: Path) -> str | None:
    """Return the id of the overview of a home; None where nobody has made it yet."""
    # Of a key, /artifacts/KEY/latest would return the id of the collection of its artifacts.
    wanted = {"artifacts": {"key": {"any_": [overview_key(home)]}}, "sort": "CREATED_DESC", "limit": 1}
    found = api.call("POST", "/artifacts/filter", wanted)
    return str(found[0]["id"]) if found else None
