"""How a run that plans the migration of topics ends."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.reporting import end


def end_of_migration(down: int, up: int, decided: str) -> State[Any]:
    """End as Completed, with what moved."""
    told = ", ".join(filter(None, (f"{up} up" if up else "", f"{down} back" if down else "", decided)))
    summary = told or "nothing moves"
    return end(Completed(message=summary), summary)
