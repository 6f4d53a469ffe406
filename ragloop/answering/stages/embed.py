"""Give each turn the vector of its question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.turn import Turn
from ragloop.models import Embedder


@dataclass(frozen=True)
class Embed:
    """Embeds the questions of a batch at once."""

    embedder: Embedder

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        vectors = self.embedder.embed([turn.question for turn in turns])
        return [replace(turn, vector=vector) for turn, vector in zip(turns, vectors, strict=True)]
