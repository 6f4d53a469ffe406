"""The lane of the topic of a question, as it is asked: the routes that hold, by the vectors of their topics' questions.

What is read is remembered for one state of the tables and of the index. Where no topic ever moved, that is one look at
the table of routes.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lancedb.table import Table

from ragloop.answering.stages.topic import TopicLane
from ragloop.answering.turn import Turn
from ragloop.corpus.index import inventory
from ragloop.corpus.index.generations.newest import REOPENED_S
from ragloop.corpus.index.table import ActiveIndex, Index
from ragloop.errors import NotFoundError, StoreDamagedError
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.migration.routes.route import TopicRoute
from ragloop.migration.topics.centres import Centres, centres_of
from ragloop.migration.topics.clustering import nearest
from ragloop.migration.topics.kept import KeptTopics
from ragloop.records import LaneName
from ragloop.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _State:
    """The routes that left base+rag by topic, the centres of all topics, and which routes an index broke."""

    routes: Mapping[str, TopicRoute]
    centres: Centres
    broken: Mapping[str, bool]


class RoutedTopics:
    """The lanes of the topics of one store. `serving(lane)` returns the adapter that serves in a lane.

    `likeness` is the mean cosine to a topic's questions from which on a question is of it.
    """

    def __init__(self, store: Store, serving: Callable[[LaneName], str | None], likeness: float) -> None:
        self._store, self._serving, self._likeness = store, serving, likeness
        self._known: tuple[int, Index, _State] | None = None
        self._opened: tuple[float, Table] | None = None

    def of(self, turns: Sequence[Turn], active: ActiveIndex) -> list[TopicLane | None]:
        """Return the lane of the topic of each turn, None where its topic stays where it is."""
        try:
            state = self._state(active)
        except (NotFoundError, StoreDamagedError) as error:
            log.warning("topics were not looked at: %s", error)  # a service that answers goes on answering
            return [None] * len(turns)
        asked = [turn for turn in turns if len(turn.vector)]
        if not state.routes or not asked or not len(state.centres.ids):
            return [None] * len(turns)
        found = nearest(np.stack([turn.vector for turn in asked]), state.centres.vectors, self._likeness)
        topics = {turn.interaction_id: state.centres.ids[at] for turn, at in zip(asked, found, strict=True) if at >= 0}
        return [self._of(turn, topics.get(turn.interaction_id, ""), state) for turn in turns]

    def _of(self, turn: Turn, topic_id: str, state: _State) -> TopicLane | None:
        route = state.routes.get(topic_id)
        if route is None or state.broken[topic_id]:
            return None
        lane = route.lane_of(turn.origin.conversation or turn.query, self._serving)
        return None if lane is None else TopicLane(lane, f"topic {topic_id} is in {route.lane} at {route.share:.0%}")

    def _state(self, active: ActiveIndex) -> _State:
        version = self._version()
        if self._known is None or self._known[0] != version or self._known[1] is not active.index:
            self._known = version, active.index, self._read(active)
        return self._known[2]

    def _read(self, active: ActiveIndex) -> _State:
        now = KeptRoutes(self._store).now()
        routes = {topic: one for topic, one in now.items() if one.lane != LaneName.BASE_RAG}
        if not routes:
            return _State({}, Centres((), np.zeros((0, active.embedder.dimension), np.float32)), {})
        labelled = inventory.labelled(active.index)
        revisions = {one: own for one, own in inventory.revisions(active.index).items() if one not in labelled}
        centres = centres_of(self._store, active.embedder, KeptTopics(self._store).read())
        return _State(routes, centres, {topic: bool(one.broken(revisions)) for topic, one in routes.items()})

    def _version(self) -> int:
        """Return what changes with each move; to open the table takes as long as a search, so it stays open."""
        now = time.monotonic()
        if self._opened is None or now - self._opened[0] >= REOPENED_S:
            self._opened = now, self._store.table("routes")
        with self._store.errors():
            return int(self._opened[1].version)
