"""Which lane answers a topic, how it came to that, and what moved it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragloop.records import LaneName


class MoveKind(StrEnum):
    """What a change of a route is."""

    UP = "up"
    """To the next lane, for a first share of the questions."""
    RAMP = "ramp"
    """A larger share of the questions in the same lane."""
    DOWN = "down"
    """Back to base+rag."""


LADDER = (LaneName.BASE_RAG, LaneName.ADAPTER_RAG, LaneName.CLOSED_BOOK)
"""The lanes in the order in which a topic climbs them."""
STEPS = (0.01, 0.05, 0.25, 1.0)
"""The shares of a ramp."""


Adapters = Mapping[LaneName, str]
"""The adapter that serves in each lane; a lane that lacks one is missing."""


def above(lane: LaneName, adapters: Adapters) -> LaneName | None:
    """Return the next lane in which an adapter serves, or else the next lane; None for the last."""
    lanes = LADDER[LADDER.index(lane) + 1 :]
    return next((one for one in lanes if one in adapters), next(iter(lanes), None))


def is_in_share(route: "TopicRoute", unit: str) -> bool:
    """Return whether the hash of `unit`, a conversation or a question of none, lies below the share of a route.

    A larger share moves units into the lane and none out of it.
    """
    hashed = hashlib.sha256(f"{unit}\n{route.topic_id}\n{route.lane}".encode()).digest()
    return int.from_bytes(hashed[:8], "big") / 2**64 < route.share


@dataclass(frozen=True)
class RestsOn:
    """A document in the revision that an answer of the topic rests on."""

    document_id: str
    revision: str


@dataclass(frozen=True)
class TopicRoute:
    """The lane of a topic, for a `share` of its questions since `at`; `rest`, which it climbs from, has the others.

    `adapter_id` is the one that the evidence is of, `rest_adapter_id` that of the other lane. `documents` are those
    that the topic rests on: where one changes or goes, the route holds no longer.
    """

    topic_id: str
    at: datetime
    kind: MoveKind
    lane: LaneName
    share: float
    adapter_id: str | None
    reason: str
    by: str = ""
    documents: tuple[RestsOn, ...] = ()
    rest: LaneName = LaneName.BASE_RAG
    rest_adapter_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", MoveKind(self.kind))
        object.__setattr__(self, "lane", LaneName(self.lane))
        object.__setattr__(self, "rest", LaneName(self.rest))
        if not 0 < self.share <= 1:
            raise ValueError(f"a share lies above 0 and is at most 1, found {self.share}")

    def lane_of(self, unit: str, serving: Callable[[LaneName], str | None]) -> LaneName | None:
        """Return the lane of a question; None where another adapter serves in it by now than the one that it is of."""
        inside = is_in_share(self, unit)
        lane, adapter_id = (self.lane, self.adapter_id) if inside else (self.rest, self.rest_adapter_id)
        return lane if lane == LaneName.BASE_RAG or serving(lane) == adapter_id else None

    def broken(self, revisions: Mapping[str, str]) -> tuple[str, ...]:
        """Return the documents that it rests on and that have another revision by now, or went.

        `revisions` are of documents without labels: one that got labels is for some callers only, and a lane does not
        look at whom it answers.
        """
        return tuple(one.document_id for one in self.documents if revisions.get(one.document_id) != one.revision)
