"""One run of a mirror: look at both sides, plan, add, move aliases, remove.

Each step may be repeated, and what is to be done is found by looking, so a run that was killed is completed by the
next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ragloop.catalogue import Lease
from ragloop.errors import ConfigError, MismatchError, RagloopError, UnavailableError
from ragloop.registry.adapter import RETIRED, Adapter
from ragloop.registry.mirroring.mirror import Mirror, Portable
from ragloop.registry.mirroring.noted import NAME, NotedMirrors
from ragloop.registry.mirroring.plan import MIRRORED, Holding, MirrorPlan, Place, plan
from ragloop.registry.registry import Registry
from ragloop.store import Store

_WAIT_S = 60
"""Another run that began before a change of the registry has missed it, so that this one waits for its end."""


@dataclass(frozen=True)
class Mirrored:
    """What a run did, or would do. `problems` say which adapters could not be added, and why."""

    place: str
    plan: MirrorPlan
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mirroring:
    """The mirror of one registry; None where the settings name none."""

    store: Store
    registry: Registry
    mirror: Mirror | None

    @property
    def noted(self) -> NotedMirrors:
        """What the home notes of its mirrors."""
        return NotedMirrors(self.registry.artifacts.files)

    def look(self) -> Mirrored:
        """Return what a run would do; nothing is changed. Raises as `run` does."""
        found, _, _ = self._found(self._must_have())
        return found

    def run(self) -> Mirrored:
        """Make the mirror hold what the registry keeps. Raises ConfigError where there is none, StoreBusyError while
        another run goes on, and as Mirror does."""
        mirror = self._must_have()
        with self.store.lease(Lease.MIRROR, wait_s=_WAIT_S):
            found, wanted, held = self._found(mirror)
            there = {one.adapter_id for one in held.versions}
            self.noted.write(str(mirror), {*there, *wanted})
            _carry_out(found.plan, mirror, wanted)
            self.noted.write(str(mirror), wanted)
        return found

    def left(self, adapter_ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return where some of these adapters may still be, each with what there is to say of it."""
        asked, found = frozenset(adapter_ids), []
        if not asked:
            return []
        place = str(self.mirror) if self.mirror else ""
        for one, ids in self.noted.all().items():
            if one != place and ids & asked:
                found.append((one, f"{_named(ids & asked)} in a mirror that registry.mirror named before"))
        if self.mirror is None:
            return found
        noted = self.noted.all().get(place, frozenset()) & asked
        try:
            self._must_be_there(self.mirror)
            there = {one.adapter_id for one in self.mirror.held().versions} & asked
        except RagloopError as error:
            return [*found, (place, f"{_named(noted)} in the mirror: {error}")] if noted else found
        return [*found, (place, f"{_named(there)} in the mirror")] if there else found

    def _must_have(self) -> Mirror:
        if self.mirror is None:
            raise ConfigError("found no mirror: set registry.mirror to mlflow, a folder or s3://bucket/prefix")
        return self.mirror

    def _must_be_there(self, mirror: Mirror) -> None:
        """Raise UnavailableError where a mirror that held adapters is gone as a whole: a disk may not be mounted."""
        if self.noted.all().get(str(mirror)) and not mirror.is_there():
            raise UnavailableError(
                f"found no mirror at {mirror}, where there was one: mount it, or, where it was deleted, take it out of "
                f"{NAME} among the artifacts"
            )

    def _found(self, mirror: Mirror) -> tuple[Mirrored, Mapping[str, Portable], Holding]:
        """Return what is to be done, the adapters that are to be there, and what is there."""
        self._must_be_there(mirror)
        held = mirror.held()
        kept = {one.adapter_id: Portable(one) for one in self._kept()}
        wanted = Holding([one.version for one in kept.values()], self._aliases(kept))
        found, problems = dict(kept), dict[str, str]()
        for adapter_id in plan(wanted, held).added:
            try:
                found[adapter_id] = Portable(kept[adapter_id].adapter, self.registry.folder(kept[adapter_id].adapter))
            except MismatchError as error:
                problems[adapter_id] = str(error)
                del found[adapter_id]
        done = plan(wanted.without(list(problems)), held)
        return Mirrored(str(mirror), done, tuple(problems.values())), found, held

    def _kept(self) -> Sequence[Adapter]:
        """Return the adapters that the registry serves or keeps: neither retired nor without files."""
        return [one for one in self.registry.adapters() if one.state != RETIRED and not one.is_erased]

    def _aliases(self, kept: Mapping[str, Portable]) -> dict[Place, str]:
        found = dict[Place, str]()
        for lane, one in self.registry.aliases.by_lane().items():
            tried = one.challenger.adapter_id if one.challenger else None
            for alias, adapter_id in zip(MIRRORED, (one.champion_id, tried), strict=True):
                if adapter_id in kept:
                    found[lane, alias] = str(adapter_id)
        return found


def _carry_out(wanted: MirrorPlan, mirror: Mirror, adapters: Mapping[str, Portable]) -> None:
    for one in wanted.added:
        mirror.add(adapters[one])
    for one in wanted.updated:
        mirror.update(adapters[one])
    for move in wanted.moved:
        mirror.point(move)
    for one in wanted.removed:
        mirror.remove(one)


def _named(adapter_ids: Iterable[str]) -> str:
    found = sorted(adapter_ids)
    return f"adapter{'s' if len(found) > 1 else ''} {', '.join(found)}"
