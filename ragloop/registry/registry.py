"""Adapters: their versions, the champion of each lane, promotion and rollback.

The files of an adapter never change once it is registered; its row gathers what evaluation and gate found. An alias
changes by appending one row, so that it changes at once; the rows are its history. That an adapter is promoted or
retired follows from the history and stands nowhere else, so no kill can leave the two apart.

Promotions make a stack: each pushes an adapter (the champion again pushes nothing), each rollback pops one. After A, B
and A were promoted, a first rollback brings back B, a second one A, a third one the base model. A rollback pops further
where the adapter that it would bring back cannot serve or was retired meanwhile. The adapter that was rolled back from
is retired: a gate never promotes it again, a person may. Each lane has a stack of its own, and an adapter is promoted
in the lane of its recipe.

A change names what it changes from, and changes nothing where that no longer serves. A change that is asked for under
the name of a request is made once, however often it is repeated.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.records import LaneName
from ragloop.registry.adapter import BY_HISTORY, PROMOTED, REGISTERED, RETIRED, Adapter, AdapterState, Request, Rollback
from ragloop.registry.aliases import Aliases, Change
from ragloop.registry.artifacts import Artifacts, FolderArtifacts
from ragloop.registry.evidence import Evidence
from ragloop.registry.files import files_are_whole
from ragloop.registry.succession import FIRST_LANE, Alias, AliasChange
from ragloop.store import Store


class Registry:
    """The adapters of one store.

    `other_base` says why an adapter does not fit the base model that is in use, or returns an empty string.
    `artifacts` holds the files; by default they lie in the home. What takes a lane takes, without one, the lane whose
    champion changed last: where one lane has adapters, it is the only one.
    """

    def __init__(
        self,
        store: Store,
        other_base: Callable[[Adapter], str] = lambda adapter: "",
        artifacts: Artifacts | None = None,
    ) -> None:
        self._store, self._other_base, self.aliases = store, other_base, Aliases(store)
        self.artifacts: Artifacts = artifacts or FolderArtifacts(store.home / "artifacts")

    def adapters(self) -> list[Adapter]:
        """Return all versions, oldest first."""
        states = {one: state for lane in self.aliases.by_lane().values() for one, state in lane.states.items()}
        return [_in_state(one, states) for one in self._stored()]

    def adapter(self, adapter_id: str) -> Adapter:
        """Return a version by its id or an unambiguous beginning of it. Raises NotFoundError."""
        found = [one for one in self.adapters() if one.adapter_id.startswith(adapter_id)] if adapter_id else []
        exact = [one for one in found if one.adapter_id == adapter_id] or found
        if len(exact) != 1:
            raise NotFoundError(
                f"found {len(exact)} adapters named {adapter_id!r}, expected one; `ragloop adapters list` shows all"
            )
        return exact[0]

    def folder(self, adapter: Adapter) -> Path:
        """Return a folder with the adapter's files. Raises MismatchError when weights or configuration are gone or
        changed."""
        if adapter.is_erased:
            raise MismatchError(f"adapter {adapter.adapter_id} was erased with what it was trained on; retrain")
        return self.artifacts.copy_of(adapter)

    def history(self, lane: LaneName | None = None) -> list[dict[str, Any]]:
        """Return every change of the champion of a lane, or of all, oldest first: {at, lane, kind, adapter_id (None for
        the base model), reason, by}.

        `by` is who made it, a person or a part of ragloop; empty where nobody gave a name.
        """
        return [one for one in self.aliases.history(lane) if one["alias"] == Alias.CHAMPION]

    def champion_id(self, lane: LaneName | None = None) -> str | None:
        """Return the id of the champion, whether that adapter can serve or not; None for the base model."""
        champions = self.aliases.champions()
        return champions.get(lane) if lane else next(reversed(champions.values()), None)

    def champion(self, lane: LaneName | None = None) -> Adapter | None:
        """Return the champion; None for the base model, and where the adapter has no row."""
        return self._known(self.champion_id(lane))

    def serving(self, lane: LaneName | None = None) -> tuple[Adapter | None, str]:
        """Return the champion if it can serve, else None; and why it cannot, or an empty string."""
        champion_id = self.champion_id(lane)
        if champion_id is None:
            return None, ""
        adapter = self._known(champion_id)
        trouble = self._trouble(adapter, champion_id)
        return (None, trouble) if trouble else (adapter, "")

    def register(self, adapter: Adapter) -> None:
        """Add a version; the same id again replaces its row."""
        with self.aliases.lease():
            self._write(adapter)

    def update(self, adapter_id: str, change: Callable[[Adapter], Adapter]) -> Adapter:
        """Read a version, change it and write it back under the lease of the registry; returns it as it is then.

        `change` must call nothing that takes the lease. Raises NotFoundError, and ValueError for a state that may not
        follow the present one.
        """
        with self.aliases.lease():
            now = self.adapter(adapter_id)
            changed = change(now)
            if changed.state != now.state and (changed.state in BY_HISTORY or not now.state.may_become(changed.state)):
                raise ValueError(f"adapter {now.adapter_id} is {now.state} and cannot be made {changed.state}")
            self._write(changed)
        return changed

    def promote(self, adapter_id: str, reason: str, request: Request | None = None, by: str = "") -> Adapter:
        """Make an adapter the champion of its lane, whatever its state and, without a request, whoever serves.

        A request that was carried out before changes nothing, whatever happened since. Raises UsageError where another
        one serves than it names, MismatchError where the adapter cannot serve.
        """
        with self.aliases.lease():
            adapter = self.adapter(adapter_id)
            if request is None:
                return self._promote(adapter, reason, by)
            if self._is_done(request):
                return adapter
            self._must_serve(request.champion_id, adapter)
            return self._promote(adapter, reason, by, request.name)

    def promote_if(
        self, adapter_id: str, reason: str, why_not: Callable[[Adapter, Adapter | None], str], by: str = ""
    ) -> str:
        """Make an adapter the champion unless `why_not` says why it must not be; return that, or an empty string.

        `why_not` gets the adapter and the champion that can serve (None: the base model), both as they are under the
        lease, right before the alias moves. One that serves already is left as it is. Raises MismatchError where the
        adapter cannot serve.
        """
        with self.aliases.lease():
            adapter = self.adapter(adapter_id)
            serving, _ = self.serving(adapter.lane)
            must_be_able(self, adapter)
            if serving is None or serving.adapter_id != adapter.adapter_id:
                if why := why_not(adapter, serving):
                    return why
                self._point(adapter.lane, adapter.adapter_id, AliasChange.PROMOTE, reason, by)
        return ""

    def rollback(self, reason: str, request: Request | None = None, by: str = "") -> Rollback:
        """Bring back the champion before the one that serves or that a request names, and retire this one.

        Where the named one does not serve, or the request was carried out before, nothing is changed. Raises UsageError
        for the base model and where several lanes have a champion and none is named, and NotFoundError for an adapter
        that was never there.
        """
        request = request or Request(self.aliases.only_champion())
        with self.aliases.lease():
            if done := self._rolled_back(request.name):
                return done
            if request.champion_id is None:
                raise UsageError("the base model serves already; there is nothing to roll back")
            done = self._roll_back(request.champion_id, reason, by, request.name)
            self._prune_copies()
        return done

    def _prune_copies(self) -> int:
        return self.artifacts.prune_copies({one.sha256 for one in self.adapters() if one.state != RETIRED})

    def _stored(self) -> list[Adapter]:
        """Return versions as their rows have them, oldest first: in the state that a retraining left."""
        rows = self._store.rows("adapters").sort_by("created_at").to_pylist()
        return [_adapter(row) for row in rows]

    def _known(self, adapter_id: str | None) -> Adapter | None:
        return next((one for one in self.adapters() if one.adapter_id == adapter_id), None)

    def _write(self, adapter: Adapter) -> None:
        before = next((one.state for one in self._stored() if one.adapter_id == adapter.adapter_id), REGISTERED)
        state = before if adapter.state in BY_HISTORY else adapter.state
        self._store.upsert_rows("adapters", [_row(replace(adapter, state=state))])

    def _is_done(self, request: Request) -> bool:
        return any(change["change_id"] == request.name for change in self.aliases.history())

    def _must_serve(self, champion_id: str | None, adapter: Adapter) -> None:
        """Raise UsageError where neither this champion nor the adapter serves."""
        serves = self.champion_id(adapter.lane)
        if serves not in (champion_id, adapter.adapter_id):
            raise UsageError(
                f"{_named(serves)} serves, expected {_named(champion_id)}: adapter {adapter.adapter_id} was not "
                "promoted; look at `ragloop adapters list`, and promote it again where that is still right"
            )

    def _rolled_back(self, request: str) -> Rollback | None:
        """Return what a request did before, in whichever lane; None where it was not carried out."""
        found = [(lane, one.left[request]) for lane, one in self.aliases.by_lane().items() if request in one.left]
        return next((Rollback(self.champion(lane), left) for lane, left in found), None)

    def _roll_back(self, adapter_id: str, reason: str, by: str, request: str) -> Rollback:
        left, lane = self._placed(adapter_id)
        stack, skipped = list(self.aliases.of(lane).stack), []
        if not stack or stack[-1] != left:
            return Rollback(self.champion(lane), left, changed=False)
        while stack and (stack[-1] == left or (trouble := self._trouble(self._known(stack[-1]), stack[-1]))):
            passed = stack.pop()
            if passed != left:
                skipped.append(f"skipped {passed}: {trouble}")
        back_to = stack[-1] if stack else None
        self._point(lane, back_to, AliasChange.ROLLBACK, "; ".join([reason, *skipped]), by, request)
        return Rollback(self._known(back_to), left, tuple(skipped))

    def _placed(self, adapter_id: str) -> tuple[str, LaneName]:
        """Return the id of an adapter and its lane; of one that served and has no row, too. Raises NotFoundError."""
        for lane, one in self.aliases.by_lane().items():
            if adapter_id in one.states:
                return adapter_id, lane
        adapter = self.adapter(adapter_id)
        return adapter.adapter_id, adapter.lane

    def _promote(self, adapter: Adapter, reason: str, by: str, request: str = "") -> Adapter:
        must_be_able(self, adapter)
        if self.champion_id(adapter.lane) != adapter.adapter_id:
            self._point(adapter.lane, adapter.adapter_id, AliasChange.PROMOTE, reason, by, request)
        return replace(adapter, state=PROMOTED)

    def _trouble(self, adapter: Adapter | None, adapter_id: str) -> str:
        if adapter is None:
            return without_row(adapter_id)
        return self._damage(adapter) or self._other_base(adapter)

    def _damage(self, adapter: Adapter) -> str:
        """Return what is wrong with an adapter's files, or an empty string."""
        try:
            self.folder(adapter)
        except MismatchError as error:
            return str(error)
        return ""

    def _point(
        self, lane: LaneName, adapter_id: str | None, kind: AliasChange, reason: str, by: str, request: str = ""
    ) -> None:
        self.aliases.append(Change(lane, Alias.CHAMPION, kind, adapter_id, reason, by, request))


def without_row(adapter_id: str) -> str:
    """Say that an adapter which has served has no row."""
    return f"found no row of adapter {adapter_id}, which has served; roll back, or restore a backup"


def must_be_able(registry: Registry, adapter: Adapter) -> None:
    """Raise MismatchError where the adapter cannot serve: its files are gone or changed, or it is of another base."""
    registry.folder(adapter)
    if why := of_other_base(registry, adapter):
        raise MismatchError(why)


def of_other_base(registry: Registry, adapter: Adapter) -> str:
    """Return why an adapter does not fit the base model of the settings, or an empty string."""
    return registry._other_base(adapter)


def prune_copies(registry: Registry) -> int:
    """Remove from this machine copies of adapters that are retired or have no row; return how many.

    Under the lease nobody registers or promotes another one, of which a copy may be made. What a run made here and did
    not remove, since it was killed after it had registered the adapter, goes too.
    """
    with registry.aliases.lease():
        uncleared, artifacts = registry.artifacts.uncleared(), registry.artifacts
        for one in registry.adapters():
            if one.path in uncleared and files_are_whole(artifacts.files, one.path, one.sha256):
                artifacts.clear(one.path)
        return registry._prune_copies()


def lost_adapters(registry: Registry) -> list[str]:
    """Return the ids of adapters whose files are gone or changed, and of those that can serve but have no row."""
    adapters, files = registry.adapters(), registry.artifacts.files
    kept = [one for one in adapters if not one.is_erased]
    damaged = [one.adapter_id for one in kept if not files_are_whole(files, one.path, one.sha256)]
    known = {one.adapter_id for one in adapters}
    served = [one for lane in registry.aliases.by_lane().values() for one in lane.stack]
    return damaged + [one for one in dict.fromkeys(served) if one not in known]


def _named(adapter_id: str | None) -> str:
    return adapter_id or "the base model"


def _in_state(stored: Adapter, states: Mapping[str, AdapterState]) -> Adapter:
    """Return the adapter in the state that the history gives it; without one, none that only a history gives."""
    if stored.is_erased:
        return replace(stored, state=RETIRED)
    left = REGISTERED if stored.state in BY_HISTORY else stored.state
    return replace(stored, state=states.get(stored.adapter_id, left))


def _row(adapter: Adapter) -> dict[str, Any]:
    columns = {name: value for name, value in vars(adapter).items() if name != "evidence"}
    return {
        **columns,
        "state": str(adapter.state),
        "lane": str(adapter.lane),
        "verdict": str(adapter.verdict or ""),
        "reasons": list(adapter.reasons),
        "metrics": json.dumps(adapter.evidence.as_row()),
    }


def _adapter(row: Mapping[str, Any]) -> Adapter:
    columns = {name: value for name, value in row.items() if name != "metrics"}
    columns |= {"reasons": tuple(row["reasons"] or ()), "base_sha256": row["base_sha256"] or ""}
    columns |= {"recipe": row["recipe"] or "", "lane": row["lane"] or FIRST_LANE}
    return Adapter(**columns, evidence=Evidence.of_row(json.loads(row["metrics"])))
