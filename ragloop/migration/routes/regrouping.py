"""A topic whose questions were grouped otherwise comes back: what was shown of it is of other questions."""

from ragloop.migration.routes.evidence import drop
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.migration.routes.planning import Move
from ragloop.migration.routes.route import MoveKind, TopicRoute
from ragloop.migration.topics.editing import regrouped
from ragloop.migration.topics.topic import Grouping
from ragloop.records import LaneName
from ragloop.store import Store

_REASON = "its questions were grouped otherwise"


def come_back(store: Store, before: Grouping, now: Grouping, by: str) -> list[TopicRoute]:
    """Drop what was shown of the topics that were grouped otherwise, and bring back those that had moved."""
    changed = regrouped(before, now)
    if not changed:
        return []
    drop(store, changed)
    kept = KeptRoutes(store)
    moved = [topic for topic, one in kept.now().items() if topic in changed and one.lane != LaneName.BASE_RAG]
    return kept.append([Move(one, MoveKind.DOWN, LaneName.BASE_RAG, 1.0, None, _REASON) for one in moved], {}, by)
