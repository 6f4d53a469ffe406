"""How a run of an erasure ends."""

from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from ragloop.wording import counted
from tasks.reporting import end, in_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragloop.erasure.erasing import Erased


def end_of_erasure(done: "Sequence[Erased]", decided: str) -> State[Any]:
    """End as Completed where nothing is left of what was to go, or nothing was to go; Failed where traces are left."""
    whole = [one for one in done if one.is_done]
    said = f"erased, certificate {', '.join(one.certificate_id for one in whole)}" if whole else ""
    summary = ", ".join(filter(None, (said, decided))) or "nothing to erase"
    left = [
        f"{counted(len(one.found), 'trace')} of the erasure {one.certificate_id} are still there"
        for one in done
        if not one.is_done
    ]
    return in_part(summary, left) if left else end(Completed(message=summary), summary)
