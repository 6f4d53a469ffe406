"""How many adapters of a lane keep their files. Rows and history stay: they say what once answered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragloop.records import LaneName
from ragloop.registry.adapter import CANARY, PROMOTED, Adapter
from ragloop.registry.registry import Registry
from ragloop.registry.succession import Succession

_EXPIRED = "its files were removed: newer adapters of its lane are kept (maintenance.adapters_kept)."


def surplus(adapters: Sequence[Adapter], by_lane: Mapping[LaneName, Succession], keep: int) -> list[Adapter]:
    """Return the adapters, given oldest first, that go where each lane keeps the newest `keep`.

    Whoever serves, is tried, or may be rolled back to is kept beside them.
    """
    going = []
    for lane in LaneName:
        standing = by_lane.get(lane, Succession())
        needed = {*standing.stack, standing.challenger.adapter_id if standing.challenger else ""}
        others = [one for one in adapters if one.lane == lane and one.adapter_id not in needed and not one.is_erased]
        going += others[: max(0, len(others) - keep)]
    return going


def _expired(adapter: Adapter) -> Adapter:
    """Return the adapter without files, unless it was promoted or is tried since it was looked at."""
    if adapter.state in (PROMOTED, CANARY):
        return adapter
    return replace(adapter, sha256="", reasons=(*adapter.reasons, _EXPIRED))


def expire_adapters(registry: Registry, keep: int) -> int:
    """Remove the files of adapters beyond the newest `keep` of each lane; return how many adapters lost theirs.

    A row loses its hash before the files go, so that a removal that was killed is gone on with.
    """
    with registry.aliases.lease():
        going = [one.adapter_id for one in surplus(registry.adapters(), registry.aliases.by_lane(), keep)]
    for adapter_id in going:
        registry.update(adapter_id, _expired)
    files = registry.artifacts.files
    for one in registry.adapters():
        if one.is_erased and (left := files.list(f"{one.path}/")):
            files.remove(left)
    return len(going)
