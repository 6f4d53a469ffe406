"""What the demonstration asks of an orchestrator; the command line brings one that runs Prefect."""

from dataclasses import dataclass
from typing import Protocol

SYNC = "sync-index"
DRIFT = "check-drift"
RETRAIN = "retrain-adapter"


@dataclass(frozen=True)
class FlowEnd:
    """How a run ended: its state, what the flow reports, and where an operator sees it."""

    state: str
    message: str
    url: str


class Flows(Protocol):
    """Deployments on a server of their own."""

    def start(self) -> None:
        """Begin to bring the server up, without waiting for it."""

    def wait_until_up(self) -> float:
        """Wait until the server and its worker are up; returns the seconds that their start took."""

    def run(self, deployment: str) -> FlowEnd:
        """Run a deployment on the worker and wait for its end."""

    def follow(self, deployment: str) -> FlowEnd:
        """Wait for the run of a deployment that an event starts, and for its end."""
