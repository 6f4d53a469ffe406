"""Decide which generation a sync works on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration

_HALF_BUILT = (GenerationState.BUILDING, GenerationState.READY)


class Situation(StrEnum):
    """What a sync finds among the generations of a store."""

    NOTHING_ANSWERS = "nothing answers"
    """What the settings ask for is made, and answers from its start."""
    HALF_BUILT = "half built"
    """A build of what the settings ask for was begun, and goes on."""
    UP_TO_DATE = "up to date"
    """What answers is what the settings ask for."""
    REFUSED = "refused"
    """What the settings ask for was rolled back: what answers is brought up to date, and goes on answering."""
    KEPT = "kept"
    """What the settings ask for answered before: it is brought up to date beside what answers."""
    WANTED = "wanted"
    """What the settings ask for is built beside what answers."""


_BUILDS = frozenset({Situation.HALF_BUILT, Situation.KEPT, Situation.WANTED})


@dataclass(frozen=True)
class Step:
    """What a sync does next. `building` is gone on with; `abandoned` are half built and no longer asked for.

    Where nothing answers, `abandoned` are all that a sync would go on with or bring up to date.
    """

    situation: Situation
    active: KnownGeneration | None = None
    building: KnownGeneration | None = None
    abandoned: tuple[KnownGeneration, ...] = ()

    @property
    def builds(self) -> bool:
        """Return whether a generation is built beside the active one."""
        return self.situation in _BUILDS


def next_step(
    known: Sequence[KnownGeneration], wanted: Generation, *, tables: Collection[str], rebuild: bool = False
) -> Step:
    """Decide what a sync works on. `known` is newest first, `tables` are those that are there.

    A half-built generation that is no longer asked for is abandoned; one that is goes on. Going back to a generation
    that is still kept brings that one up to date. A rebuild always begins a new table.
    """
    active = next((one for one in known if one.state == GenerationState.ACTIVE and one.table in tables), None)
    half_built = [one for one in known if one.is_in(*_HALF_BUILT)]
    if active is None:
        unusable = (one for one in known if one.is_in(GenerationState.ACTIVE, *_HALF_BUILT))
        return Step(Situation.NOTHING_ANSWERS, abandoned=tuple(unusable))
    if rebuild:
        return Step(Situation.WANTED, active, abandoned=tuple(half_built))
    alike = [one for one in known if one.fingerprint == wanted.fingerprint]
    going_on = [one for one in half_built if one in alike]
    abandoned = tuple(one for one in half_built if one not in alike)
    if going_on:
        return Step(Situation.HALF_BUILT, active, going_on[0], abandoned)
    if active in alike:
        return Step(Situation.UP_TO_DATE, active, None, abandoned)
    if any(one.state == GenerationState.REFUSED for one in alike):
        return Step(Situation.REFUSED, active, None, abandoned)
    kept = [one for one in alike if one.state == GenerationState.RETIRED and one.table in tables]
    return Step(Situation.KEPT if kept else Situation.WANTED, active, kept[0] if kept else None, abandoned)
