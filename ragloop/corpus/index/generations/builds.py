"""Begin the build of a generation, note how far it is, and let what was built answer."""

from dataclasses import dataclass, replace
from datetime import datetime

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.corpus.index.generations.next_step import Situation, Step, next_step
from ragloop.corpus.index.generations.table import Generations
from ragloop.errors import MismatchError


@dataclass(frozen=True)
class Aim:
    """What a sync works on.

    `begins_anew`: the active generation was made for it; `refused`: what the settings ask for is refused.
    """

    active: Generation
    building: Generation | None = None
    begins_anew: bool = False
    refused: bool = False


class Builds:
    """The builds of one store, as a sync runs them."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations

    def next(self, wanted: Generation, *, rebuild: bool = False) -> Step:
        """Decide what a sync with these settings would work on; see `next_step`."""
        known = self._generations.all()
        tables = frozenset(one.table for one in known if self._generations.is_held(one))
        return next_step(known, wanted, tables=tables, rebuild=rebuild)

    def begun_since(self, at: datetime) -> bool:
        """Return whether a generation was begun since then, as by the rebuild that was asked for then."""
        return any(one.created_at >= at for one in self._generations.all())

    def begin(self, wanted: Generation, *, rebuild: bool = False) -> Aim:
        """Make what a sync with these settings works on, or find what another left. Needs the index lease."""
        with self._generations.lease():
            return self._take(self.next(wanted, rebuild=rebuild), wanted)

    def _take(self, step: Step, wanted: Generation) -> Aim:
        if step.active is None:
            self._generations.set_aside(step.abandoned)
            return Aim(self._generations.make(wanted, GenerationState.ACTIVE), begins_anew=True)
        self._generations.drop(step.abandoned)
        active = self._named(step.active, wanted).generation
        if not step.builds:
            return Aim(active, refused=step.situation is Situation.REFUSED)
        if step.building is None:
            return Aim(active, self._generations.make(wanted, GenerationState.BUILDING))
        building = self._named(step.building, wanted)
        if step.situation is Situation.KEPT:
            self._generations.write([replace(building, state=GenerationState.BUILDING)])
        return Aim(active, building.generation)

    def mark(self, generation: Generation, *, ready: bool) -> None:
        """Note whether a generation that is being built holds all of its sources."""
        state = GenerationState.READY if ready else GenerationState.BUILDING
        with self._generations.lease():
            known = self._built(generation)
            if not known.is_in(GenerationState.ACTIVE, state):
                self._generations.write([replace(known, state=state)])

    def cut_over(self, built: Generation, *, damaged: bool = False) -> None:
        """Let a generation that was built answer from now on, in one commit; the active one is kept for a rollback.

        `damaged`: the active one was found damaged and is set aside. Raises MismatchError when the generation is gone.
        """
        with self._generations.lease():
            active, target = self._generations.active_of(self._generations.all()), self._built(built)
            if target.state == GenerationState.ACTIVE:
                return
            self._generations.switch(target, active, GenerationState.RETIRED)
            if damaged and active is not None:
                self._generations.set_aside([active])

    def _built(self, generation: Generation) -> KnownGeneration:
        """Return the row of a generation that is being built; active where an operator has cut over to it meanwhile."""
        for one in self._generations.all():
            if one.table == generation.table and one.is_in(
                GenerationState.BUILDING, GenerationState.READY, GenerationState.ACTIVE
            ):
                return one
        raise MismatchError(f"generation {generation} is not being built any more; run `ragloop sync` again")

    def _named(self, known: KnownGeneration, wanted: Generation) -> KnownGeneration:
        """Take over the embedder's name from the settings, where both are built by the same embedder."""
        name, backend = wanted.embedder_name, wanted.embedder_backend
        before = known.generation
        if before.embedder != wanted.embedder or (before.embedder_name, before.embedder_backend) == (name, backend):
            return known
        known = replace(known, generation=replace(before, embedder_name=name, embedder_backend=backend))
        self._generations.write([known])
        return known
