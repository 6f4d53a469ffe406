"""Give each turn the passages for its question that its caller sees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.retrieval import Retriever
from ragloop.answering.turn import Turn


@dataclass(frozen=True)
class Retrieve:
    """Searches one state of the index for all questions of a batch."""

    retriever: Retriever

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [self._found(turn) for turn in turns]

    def _found(self, turn: Turn) -> Turn:
        found = self.retriever.retrieve(turn.query, turn.vector, turn.labels)
        turn = replace(turn, passages=found.passages, top_similarity=found.top_similarity, generation=found.generation)
        passed = [f"{found.copies} passages were passed over that say what another one says"] if found.copies else []
        passed += [f"{found.other_versions} of versions that are not asked for"] if found.other_versions else []
        return replace(turn, unknown=found.unknown, weights=found.weights).decided("retrieve", ", ".join(passed))
