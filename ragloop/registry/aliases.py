"""The changes of the aliases of a store, lane by lane: an append-only table, from which follows who serves."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ragloop.errors import UsageError
from ragloop.records import LaneName
from ragloop.registry.succession import (
    Alias,
    AliasChange,
    Challenger,
    Standing,
    Succession,
    lane_of,
    succession,
    successions,
)
from ragloop.store import Store, after

_TABLE = "aliases"
_WAIT_S = 30
"""Changes are single commits; who waits longer waits for a process that hangs."""


@dataclass(frozen=True)
class Change:
    """A change to be made. `adapter_id` is None for the base model; `name` is that of the request, empty for none.

    `share` is that of a step of a canary.
    """

    lane: LaneName
    alias: Alias
    kind: AliasChange
    adapter_id: str | None
    reason: str
    by: str = ""
    name: str = ""
    share: float | None = None


class Aliases:
    """The aliases of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lease(self) -> AbstractContextManager[None]:
        """Hold the lease under which the registry is read, changed and written back."""
        return self._store.lease("registry", wait_s=_WAIT_S)

    def history(self, lane: LaneName | None = None) -> list[dict[str, Any]]:
        """Return every change, oldest first, or those of one lane: {change_id, at, lane, alias, kind, adapter_id (None
        for the base model), reason, by, share}."""
        rows: list[dict[str, Any]] = self._store.rows(_TABLE).sort_by("at").to_pylist()
        return [row for row in rows if lane in (None, lane_of(row))]

    def of(self, lane: LaneName) -> Succession:
        """Return what follows from the changes of a lane."""
        return succession(self.history(lane))

    def by_lane(self) -> Mapping[LaneName, Succession]:
        """Return what follows from the changes of each lane that has any."""
        return successions(self.history())

    def champions(self) -> dict[LaneName, str]:
        """Return the adapter that serves each lane, the lane that changed last at the end; lanes of the base model are
        left out."""
        history = self.history()
        changed = {lane_of(row): number for number, row in enumerate(history) if row["alias"] == Alias.CHAMPION}
        found = {lane: one.champion_id for lane, one in successions(history).items()}
        return {lane: one for lane in sorted(changed, key=changed.__getitem__) if (one := found[lane])}

    def standings(self) -> list[Standing]:
        """Return who serves and who is tried in each lane with a champion or a challenger, by the name of the lane."""
        found = [one.standing(lane) for lane, one in sorted(self.by_lane().items())]
        return [one for one in found if one.champion or one.challenger]

    def only_champion(self) -> str | None:
        """Return the adapter that serves, None for the base model. Raises UsageError where several lanes have one."""
        champions = self.champions()
        if len(champions) > 1:
            named = ", ".join(f"{one} in {lane}" for lane, one in champions.items())
            raise UsageError(f"found several champions, expected one to roll back from: name it; {named}")
        return next(iter(champions.values()), None)

    def challengers(self) -> list[Challenger]:
        """Return the canaries that are under way, at most one in each lane."""
        return [one.challenger for one in self.by_lane().values() if one.challenger]

    def append(self, change: Change) -> str:
        """Add a change in one commit, and return its id; the caller holds the lease."""
        change_id = change.name or uuid4().hex
        row = {
            "change_id": change_id,
            # A clock that was set back must not hide this change behind an older one.
            "at": after(self._store.now(), [one["at"] for one in self.history()[-1:]]),
            "lane": str(change.lane),
            "alias": str(change.alias),
            "kind": str(change.kind),
            "adapter_id": change.adapter_id,
            "reason": change.reason,
            "by": change.by,
            "share": change.share,
        }
        self._store.append(_TABLE, [row])
        return change_id
