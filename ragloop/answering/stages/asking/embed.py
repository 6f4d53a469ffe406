"""Give each turn the vector of its question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.models import Embedder, KnowsWords, question_vectors
from ragloop.models.embedding.languages import languages_read
from ragloop.models.language_identification import language_beside


@dataclass(frozen=True)
class Embed:
    """Embeds the questions of a batch at once. `languages` are those that the embedder reads; None where that is not
    known."""

    embedder: Embedder
    languages: frozenset[str] | None = None

    @classmethod
    def of(cls, active: ActiveIndex) -> "Embed":
        """Return what embeds questions for an index."""
        return cls(active.embedder, languages_read(active.index.generation.embedder_name or ""))

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        questions = [turn.query for turn in turns]
        vectors = question_vectors(self.embedder, questions)
        shares = self.embedder.known_shares(questions) if isinstance(self.embedder, KnowsWords) else [1.0] * len(turns)
        return [
            replace(
                turn,
                vector=vector,
                reads=share,
                foreign=language_beside(turn.query, self.languages) if self.languages else "",
            )
            for turn, vector, share in zip(turns, vectors, shares, strict=True)
        ]
