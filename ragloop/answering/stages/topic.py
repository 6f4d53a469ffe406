"""Let a question that names no lane be answered in the lane of its topic."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.records import LaneName

TOPIC = "topic"
"""Names what the topic of a question decided among the decisions of an answer."""


@dataclass(frozen=True)
class TopicLane:
    """The lane that a topic asks for, and why."""

    lane: LaneName
    why: str


class TopicLanes(Protocol):
    """The lanes of topics."""

    def of(self, turns: Sequence[Turn], active: ActiveIndex) -> Sequence[TopicLane | None]:
        """Return the lane of the topic of each turn, None where its topic has none of its own."""


@dataclass(frozen=True)
class LaneOfTopic:
    """Puts turns into the lane of their topic; the route follows from the lane as for any other question."""

    lanes: TopicLanes
    active: ActiveIndex

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [
            replace(turn, lane=found.lane).decided(TOPIC, found.why) if found else turn
            for turn, found in zip(turns, self.lanes.of(turns, self.active), strict=True)
        ]


class NoTopics:
    """Lanes of topics where there are none."""

    def of(self, turns: Sequence[Turn], active: ActiveIndex) -> Sequence[TopicLane | None]:
        """Return None for each turn."""
        return [None] * len(turns)
