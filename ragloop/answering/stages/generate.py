"""Have the answers written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.lanes import LANES
from ragloop.answering.stages import by_group
from ragloop.answering.turn import Turn
from ragloop.models import Embedder
from ragloop.models.generation.generators import Generators
from ragloop.records import Draft, LaneName


@dataclass(frozen=True)
class Generate:
    """Gives turns without a draft one, a batch per generator.

    A turn that no passage answers gets an empty draft: it abstains, and costs nothing.
    """

    generators: Generators
    embedder: Embedder

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return by_group(turns, _writer, self._written)

    def _written(self, turns: Sequence[Turn]) -> list[Turn]:
        """Write the drafts of turns that one generator answers, or that have one."""
        if turns[0].draft is not None:
            return list(turns)
        lane = LANES[turns[0].route.lane]
        prompts = {turn.interaction_id: lane.prompt(turn.question, turn.passages) for turn in turns}
        worth = [turn.interaction_id for turn in turns if not turn.unanswerable]
        with self.generators.for_route(turns[0].route, self.embedder) as generator:
            model = generator.model
            drafts = generator.generate([prompts[one] for one in worth]) if worth else []
        written = dict(zip(worth, drafts, strict=True))
        return [
            replace(turn, prompt=prompt, model=model, draft=written.get(turn.interaction_id, Draft("")))
            for turn, prompt in zip(turns, prompts.values(), strict=True)
        ]


def _writer(turn: Turn) -> tuple[bool, LaneName, str | None]:
    """Return what turns have in common that are written together."""
    return turn.draft is None, turn.route.lane, turn.route.adapter_id
