"""The routes of topics: every move is a row, and the last row of a topic is its route."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from ragloop.catalogue import Lease
from ragloop.migration.routes.planning import Move
from ragloop.migration.routes.route import RestsOn, TopicRoute
from ragloop.store import Store, after

_TABLE = "routes"
_WAIT_S = 30.0


class KeptRoutes:
    """The routes of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def history(self) -> list[TopicRoute]:
        """Return every move, oldest first."""
        rows = self._store.rows(_TABLE).sort_by([("at", "ascending"), ("change_id", "ascending")]).to_pylist()
        return [_route(row) for row in rows]

    def now(self) -> dict[str, TopicRoute]:
        """Return the route of each topic that ever moved."""
        return {one.topic_id: one for one in self.history()}

    def append(
        self, moves: Sequence[Move], documents: Mapping[str, Sequence[RestsOn]], by: str, request: str = ""
    ) -> list[TopicRoute]:
        """Carry out moves; under the name of a `request` each once, however often it is repeated.

        `documents` are those that each topic rests on now.
        """
        with self._store.lease(Lease.TOPICS, wait_s=_WAIT_S):
            at = after(self._store.now(), [one.at for one in self.history()])
            made = [
                TopicRoute(**vars(one), at=at, by=by, documents=tuple(documents.get(one.topic_id, ()))) for one in moves
            ]
            known = set(self._store.rows(_TABLE, None, ["change_id"])["change_id"].to_pylist())
            rows = {f"{request}:{one.topic_id}" if request else uuid4().hex: one for one in made}
            new = {change_id: one for change_id, one in rows.items() if change_id not in known}
            self._store.upsert_rows(_TABLE, [_row(change_id, one) for change_id, one in new.items()])
        return list(new.values())


def _row(change_id: str, route: TopicRoute) -> dict[str, Any]:
    return {**vars(route), "change_id": change_id, "documents": [vars(one) for one in route.documents]}


def _route(row: Mapping[str, Any]) -> TopicRoute:
    documents = tuple(RestsOn(**one) for one in row["documents"] or ())
    return TopicRoute(**{**{name: one for name, one in row.items() if name != "change_id"}, "documents": documents})
