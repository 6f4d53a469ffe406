"""Cut over to another generation, and roll back, as an operator asks for it."""

from collections.abc import Sequence

from ragloop.corpus.index.generations.generation import Generation, GenerationState, KnownGeneration
from ragloop.corpus.index.generations.table import Generations, newest_ended
from ragloop.errors import MismatchError, NotFoundError


def cut_over_to(generations: Generations, wanted: str | None) -> tuple[Generation, Generation]:
    """Let the generation with this fingerprint or table answer; without one what is ready, else what was refused.

    Returns the generation that answers now and the one that did. Raises NotFoundError, MismatchError.
    """
    with generations.lease():
        known = generations.all()
        active = _required_active(generations, known)
        target = _asked_for(generations, known, wanted)
        generations.switch(target, active, GenerationState.RETIRED)
        return target.generation, active.generation


def roll_back(generations: Generations) -> tuple[Generation, Generation]:
    """Let the generation that answered before answer again; the active one is refused until a person cuts over to it.

    Returns the generation that answers now and the one that did. Raises NotFoundError.
    """
    with generations.lease():
        known = generations.all()
        active = _required_active(generations, known)
        target = next(iter(newest_ended(known, GenerationState.RETIRED)), None)
        if target is None or not generations.is_held(target):
            raise NotFoundError("found no retired generation to go back to; `ragloop index list` shows what there is")
        generations.switch(target, active, GenerationState.REFUSED)
        return target.generation, active.generation


def _required_active(generations: Generations, known: Sequence[KnownGeneration]) -> KnownGeneration:
    active = generations.active_of(known)
    if active is None:
        raise NotFoundError(f"found no index in {generations.store.home}; `ragloop sync DIR` makes one")
    return active


def _asked_for(generations: Generations, known: Sequence[KnownGeneration], wanted: str | None) -> KnownGeneration:
    """Find the generation that an operator names, if it can answer."""
    offered = sorted(_offered(known, wanted), key=_waits)
    if not offered or not generations.is_held(offered[0]):
        raise NotFoundError(
            f"found no generation {wanted or 'to cut over to'} beside the active one; `ragloop index list` names "
            "those there are, `ragloop sync` builds what the settings ask for, with --rebuild also what was refused"
        )
    if offered[0].state == GenerationState.BUILDING:
        raise MismatchError(f"generation {offered[0].fingerprint} is not complete; `ragloop sync` goes on with it")
    return offered[0]


def _offered(known: Sequence[KnownGeneration], wanted: str | None) -> list[KnownGeneration]:
    if wanted is None:
        ready = [one for one in known if one.state == GenerationState.READY]
        return ready or newest_ended(known, GenerationState.REFUSED)
    return [one for one in known if wanted in (one.fingerprint, one.table) and one.state != GenerationState.ACTIVE]


def _waits(known: KnownGeneration) -> bool:
    return known.state != GenerationState.READY
