"""Canaries: a challenger answers a share of the questions of its lane before it becomes the champion.

What is done to a canary names the step that it was decided on, and does nothing where that has ended meanwhile: by a
later step, by a person, by another champion. Each change is one row, so no kill leaves half of it.
"""

from collections.abc import Callable

from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.records import LaneName
from ragloop.registry.adapter import Adapter
from ragloop.registry.aliases import Change
from ragloop.registry.registry import Registry, must_be_able, of_other_base, prune_copies
from ragloop.registry.succession import Alias, AliasChange, Challenger


class Canaries:
    """The canaries of one registry, at most one in each lane."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._aliases = registry, registry.aliases

    def under_way(self, lane: LaneName | None = None) -> list[Challenger]:
        """Return the canaries that are under way, or that of a lane."""
        return [one for one in self._aliases.challengers() if lane in (None, one.lane)]

    def start(self, adapter_id: str, share: float, reason: str, by: str = "") -> Challenger:
        """Let an adapter answer a share of the questions of its lane.

        One that is tried already goes on as it does. Raises UsageError where another one is tried in its lane, or it
        serves, MismatchError where it cannot serve.
        """
        with self._aliases.lease():
            adapter = self._registry.adapter(adapter_id)
            if why := self._why_not(adapter):
                raise UsageError(why)
            return self._start(adapter, share, reason, by)

    def start_if(
        self,
        adapter_id: str,
        share: float,
        reason: str,
        why_not: Callable[[Adapter, Adapter | None], str],
        by: str = "",
    ) -> str:
        """Start a canary unless `why_not` says why it must not be; see Registry.promote_if."""
        with self._aliases.lease():
            adapter = self._registry.adapter(adapter_id)
            why = why_not(adapter, self._registry.serving(adapter.lane)[0]) or self._why_not(adapter)
            if not why:
                self._start(adapter, share, reason, by)
        return why

    def _start(self, adapter: Adapter, share: float, reason: str, by: str) -> Challenger:
        must_be_able(self._registry, adapter)
        known = self._aliases.of(adapter.lane).challenger
        if known is None:
            self._append(adapter.lane, AliasChange.START, adapter.adapter_id, reason, by, share)
            [known] = self.under_way(adapter.lane)
        return known

    def _why_not(self, adapter: Adapter) -> str:
        """Return why an adapter cannot be tried; empty for one that is tried already."""
        known = self._aliases.of(adapter.lane).challenger
        if known is not None and known.adapter_id != adapter.adapter_id:
            return (
                f"found a canary of adapter {known.adapter_id} in the lane {adapter.lane}, expected none: let it end, "
                "or `ragloop canary stop` ends it"
            )
        if self._registry.champion_id(adapter.lane) == adapter.adapter_id:
            return f"adapter {adapter.adapter_id} serves the lane {adapter.lane} already; name another one"
        return ""

    def ramp(self, tried: Challenger, share: float, reason: str, by: str = "") -> bool:
        """Let the challenger answer a larger share; return False where the step that it is at has ended."""
        return self._change(tried, AliasChange.RAMP, reason, by, share)

    def roll_back(self, tried: Challenger, reason: str, by: str = "") -> bool:
        """End the canary and retire its challenger; return False where the step that it is at has ended."""
        done = self._change(tried, AliasChange.ROLLBACK, reason, by)
        prune_copies(self._registry)
        return done

    def stop(self, tried: Challenger, reason: str, by: str = "") -> bool:
        """End the canary; its challenger is in the state of before. Return False where the step has ended."""
        return self._change(tried, AliasChange.STOP, reason, by)

    def promote(self, tried: Challenger, reason: str, by: str = "") -> bool:
        """Make the challenger the champion, which ends its canary; return False where the step has ended."""
        with self._aliases.lease():
            if not self._goes_on(tried):
                return False
            must_be_able(self._registry, self._registry.adapter(tried.adapter_id))
            self._aliases.append(Change(tried.lane, Alias.CHAMPION, AliasChange.PROMOTE, tried.adapter_id, reason, by))
        return True

    def lost(self, tried: Challenger) -> str:
        """Return why the challenger cannot serve again, or an empty string: it has no row, or its files are damaged."""
        try:
            self._registry.folder(self._registry.adapter(tried.adapter_id))
        except (MismatchError, NotFoundError) as error:
            return str(error)
        return ""

    def waits(self, tried: Challenger) -> str:
        """Return why the base model of the settings is not the challenger's, or an empty string.

        Settings are corrected, so that it may serve again: this is no reason to retire it.
        """
        return of_other_base(self._registry, self._registry.adapter(tried.adapter_id))

    def _change(self, tried: Challenger, kind: AliasChange, reason: str, by: str, share: float | None = None) -> bool:
        with self._aliases.lease():
            if goes_on := self._goes_on(tried):
                self._append(tried.lane, kind, tried.adapter_id, reason, by, share)
        return goes_on

    def _goes_on(self, tried: Challenger) -> bool:
        now = self._aliases.of(tried.lane).challenger
        return now is not None and now.now.change_id == tried.now.change_id

    def _append(
        self, lane: LaneName, kind: AliasChange, adapter_id: str, reason: str, by: str, share: float | None
    ) -> None:
        self._aliases.append(Change(lane, Alias.CHALLENGER, kind, adapter_id, reason, by, share=share))


def retire(registry: Registry, adapter_id: str, reason: str, by: str = "") -> Adapter:
    """Retire an adapter that does not serve, so that no gate promotes it; a canary of it ends.

    Raises UsageError for one that serves: a rollback retires it.
    """
    with registry.aliases.lease():
        adapter = registry.adapter(adapter_id)
        if registry.champion_id(adapter.lane) == adapter.adapter_id:
            raise UsageError(
                f"adapter {adapter.adapter_id} serves the lane {adapter.lane}, expected one that does not: roll back"
            )
        registry.aliases.append(Change(adapter.lane, Alias.RETIRED, AliasChange.RETIRE, adapter.adapter_id, reason, by))
    prune_copies(registry)
    return registry.adapter(adapter.adapter_id)
