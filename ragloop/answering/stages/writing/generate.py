"""Have the answers written."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragloop.answering.lanes import LANES, prompt_of
from ragloop.answering.stages import by_group
from ragloop.answering.turn import Turn
from ragloop.errors import RagloopError
from ragloop.models import Embedder, Trained
from ragloop.models.generation.generators import Generators
from ragloop.records import Draft, LaneName, Passage, Route

log = logging.getLogger(__name__)
_FAILURES = (RagloopError, RuntimeError, MemoryError)
"""How a generator fails: torch raises RuntimeError for most that goes wrong."""


@dataclass(frozen=True)
class Generate:
    """Gives turns without a draft one, a batch per generator.

    A turn that no passage answers gets an empty draft: it abstains, and costs nothing. `readable` gives what of a
    passage a generator reads to answer a question. Where an adapter fails, its turns go to the fallback of their lane,
    which a canary counts against it, and are still to be written.
    """

    generators: Generators
    embedder: Embedder
    readable: Callable[[Passage, str], Passage]

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return by_group(turns, _writer, self._written)

    def _written(self, turns: Sequence[Turn]) -> list[Turn]:
        """Write the drafts of turns that one generator answers, or that have one."""
        if turns[0].draft is not None:
            return list(turns)
        route = turns[0].route
        if turns[0].rival is not None:
            return self._beside(route, turns)
        if route.adapter_id is None:
            return self._by(route, turns)
        try:
            return self._by(route, turns)
        except _FAILURES as error:
            kind = type(error).__name__
            log.error("adapter %s failed with %s; %s answers", route.adapter_id, kind, LANES[route.lane].fallback)
            other = Route(LANES[route.lane].fallback, why=f"adapter {route.adapter_id} failed with {kind}")
            return [turn.routed(other) for turn in turns]

    def _beside(self, route: Route, turns: Sequence[Turn]) -> list[Turn]:
        """Write a second answer to turns that have one, which stands where this fails."""
        try:
            return self._by(route, turns)
        except _FAILURES as error:
            kind = type(error).__name__
            log.warning("answers are not compared with those of %s, which failed with %s", route.lane, kind)
            return [turn.rival or turn for turn in turns]

    def _by(self, route: Route, turns: Sequence[Turn]) -> list[Turn]:
        worth = [turn.interaction_id for turn in turns if not turn.unanswerable]
        with self.generators.for_route(route, self.embedder) as generator:
            model = generator.model
            ask = prompt_of(route.lane, generator.recipe if isinstance(generator, Trained) else "")
            prompts = {turn.interaction_id: ask(turn.query, self._read(turn)) for turn in turns}
            drafts = generator.generate([prompts[one] for one in worth]) if worth else []
        written = dict(zip(worth, drafts, strict=True))
        return [
            replace(turn, prompt=prompt, model=model, draft=written.get(turn.interaction_id, Draft("")))
            for turn, prompt in zip(turns, prompts.values(), strict=True)
        ]

    def _read(self, turn: Turn) -> tuple[Passage, ...]:
        return tuple(self.readable(one, turn.query) for one in turn.passages)


def _writer(turn: Turn) -> tuple[bool, bool, LaneName, str | None]:
    """Return what turns have in common that are written together."""
    return turn.draft is None, turn.rival is None, turn.route.lane, turn.route.adapter_id
