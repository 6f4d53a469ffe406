"""What a mirror has to hold, what it holds, and what is to be done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ragloop.records import LaneName
from ragloop.registry.succession import Alias

Place = tuple[LaneName, Alias]
"""An alias of a lane: who serves it, or who is tried in it."""
MIRRORED = (Alias.CHAMPION, Alias.CHALLENGER)


@dataclass(frozen=True)
class Version:
    """An adapter, in a registry or in its mirror. `sha256` is that of its files, `record` a hash of all that is said of
    it. One that is not whole was being added or removed when something stopped that."""

    adapter_id: str
    sha256: str
    record: str
    is_whole: bool = True


@dataclass(frozen=True)
class Holding:
    """What a registry or a mirror holds, and which adapter each alias names."""

    versions: Sequence[Version] = ()
    aliases: Mapping[Place, str] = field(default_factory=dict)

    def without(self, adapter_ids: Sequence[str]) -> "Holding":
        """Return what is left without some adapters."""
        return Holding(
            [one for one in self.versions if one.adapter_id not in adapter_ids],
            {place: one for place, one in self.aliases.items() if one not in adapter_ids},
        )


@dataclass(frozen=True)
class Move:
    """An alias that is to name another adapter, None for no adapter."""

    lane: LaneName
    alias: Alias
    adapter_id: str | None


@dataclass(frozen=True)
class MirrorPlan:
    """Ids of adapters to add, to say something else of, and to remove, and the aliases to move in between."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    moved: tuple[Move, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether the mirror is as it has to be."""
        return not (self.added or self.updated or self.moved or self.removed)


def plan(wanted: Holding, held: Holding) -> MirrorPlan:
    """Return what makes a mirror that holds `held` hold `wanted`.

    Whoever loads by alias finds an adapter at any moment: added are the new ones first, removed the old ones last.
    """
    there = {one.adapter_id: one for one in held.versions}
    same = [one for one in wanted.versions if _has_files_of(there.get(one.adapter_id), one)]
    kept, needed = {one.adapter_id for one in same}, {one.adapter_id for one in wanted.versions}
    places = sorted({*wanted.aliases, *held.aliases})
    return MirrorPlan(
        tuple(one.adapter_id for one in wanted.versions if one.adapter_id not in kept),
        tuple(one.adapter_id for one in same if there[one.adapter_id].record != one.record),
        tuple(
            Move(*place, wanted.aliases.get(place))
            for place in places
            if wanted.aliases.get(place) != held.aliases.get(place) or wanted.aliases.get(place) not in (None, *kept)
        ),
        tuple(one.adapter_id for one in held.versions if one.adapter_id not in needed),
    )


def _has_files_of(there: Version | None, wanted: Version) -> bool:
    return there is not None and there.is_whole and there.sha256 == wanted.sha256
