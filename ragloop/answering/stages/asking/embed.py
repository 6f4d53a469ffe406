"""Give each turn the vector of its question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.turn import Turn
from ragloop.models import Embedder, KnowsWords, question_vectors


@dataclass(frozen=True)
class Embed:
    """Embeds the questions of a batch at once."""

    embedder: Embedder

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        questions = [turn.query for turn in turns]
        vectors = question_vectors(self.embedder, questions)
        shares = self.embedder.known_shares(questions) if isinstance(self.embedder, KnowsWords) else [1.0] * len(turns)
        return [
            replace(turn, vector=vector, reads=share)
            for turn, vector, share in zip(turns, vectors, shares, strict=True)
        ]
