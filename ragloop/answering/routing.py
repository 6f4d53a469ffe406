"""Who answers a question, and who answers it again. Pure."""

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from ragloop.answering.lanes import LANES
from ragloop.answering.signals.lanes_agree import is_doubtful
from ragloop.answering.turn import Turn
from ragloop.records import LaneName, Route

CANARY = "canary"
"""Names what a canary decided among the decisions of an answer."""
CANARY_REUSE = "canary: reuse"
"""Names the decision that the time of an answer is not to be compared, since one side need not write it."""
_LOGGED = re.compile(r"(champion|challenger) at ([0-9.e-]+) for (\S+)")
SAID_IN_PART = "passages say a part only of what the adapter wrote"
LEARNED_OTHERWISE = "the adapter's answer cited a document in which something changed that it was trained on"


@dataclass(frozen=True)
class Serving:
    """The adapter that can serve, or why none can."""

    adapter_id: str | None
    trouble: str = ""


class Arm(StrEnum):
    """Whom a canary asks."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Assigned:
    """Whom a canary asked a question: the arm, the challenger's share at that moment, and the challenger's id."""

    arm: Arm
    share: float
    adapter_id: str

    def __str__(self) -> str:
        # With every digit: answers are counted by their share.
        return f"{self.arm} at {self.share!r} for {self.adapter_id}"

    @classmethod
    def of(cls, logged: str) -> "Assigned | None":
        """Read what `str` wrote; None where it is something else."""
        found = _LOGGED.fullmatch(logged)
        return cls(Arm(found[1]), float(found[2]), found[3]) if found else None


def unit(turn: Turn) -> str:
    """Return whatever stays on one adapter: the conversation, or the whole question where it belongs to none.

    A caller is none: behind one key stands an application with all of its readers, and a share of callers may be all
    of them or nobody.
    """
    conversation = turn.origin.conversation
    return f"{turn.origin.key}/{conversation}" if conversation else turn.part_of or turn.interaction_id


def assigned(unit: str, adapter_id: str, share: float) -> Assigned:
    """Ask the challenger `adapter_id` where the hash of unit and adapter lies below its share.

    A larger share moves units to the challenger and none away from it; another challenger gets other units.
    """
    hashed = hashlib.sha256(f"{unit}\n{adapter_id}".encode()).digest()
    place = int.from_bytes(hashed[:8], "big") / 2**64
    return Assigned(Arm.CHALLENGER if place < share else Arm.CHAMPION, share, adapter_id)


def route(asked: LaneName, serving: Serving, outdated: str = "") -> Route:
    """Return who answers a question that was asked in this lane; `outdated` says why no adapter may be asked it."""
    lane = LANES[asked]
    if not lane.needs_adapter:
        return Route(lane.name)
    why = serving.trouble or outdated
    return Route(lane.fallback, why=why) if why else Route(lane.name, serving.adapter_id)


def second_opinion(turn: Turn) -> Route | None:
    """Return who answers beside an adapter of whose answer passages say a part only; None where its answer stands."""
    lane = LANES[turn.route.lane]
    return Route(lane.fallback, why=SAID_IN_PART) if lane.needs_adapter and is_doubtful(turn) else None


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
