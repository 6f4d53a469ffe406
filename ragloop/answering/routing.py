"""Who answers a question, and who answers it again. Pure."""

from collections.abc import Set
from dataclasses import dataclass

from ragloop.answering.lanes import LANES
from ragloop.answering.turn import Turn
from ragloop.records import LaneName, Route

LEARNED_OTHERWISE = "the adapter's answer cited a document in which something changed that it was trained on"


@dataclass(frozen=True)
class Serving:
    """The adapter that can serve, or why none can."""

    adapter_id: str | None
    trouble: str = ""


def route(asked: LaneName, serving: Serving, outdated: str = "") -> Route:
    """Return who answers a question that was asked in this lane; `outdated` says why no adapter may be asked it."""
    lane = LANES[asked]
    if not lane.needs_adapter:
        return Route(lane.name)
    why = serving.trouble or outdated
    return Route(lane.fallback, why=why) if why else Route(lane.name, serving.adapter_id)


def second_route(turn: Turn, changed: Set[str]) -> Route | None:
    """Return who answers a question again, None where its answer stands.

    `changed`: ids of the documents in which something changed that the adapter was trained on. What it says of such a
    document is not trusted, whatever the wording of the question.
    """
    lane = LANES[turn.route.lane]
    if turn.documents & changed:
        return Route(lane.fallback, why=LEARNED_OTHERWISE)
    if not lane.sees_passages and not (turn.cited and turn.cited.text):
        return Route(lane.fallback)
    return None
