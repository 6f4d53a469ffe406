"""Put the passages of each turn into the order in which a reranker sees them answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.signals.reranking import Reranking
from ragloop.answering.turn import Turn


@dataclass(frozen=True)
class Rerank:
    """Reranks the passages of a batch, and keeps the first ones."""

    reranking: Reranking

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [self._reranked(turn) for turn in turns]

    def _reranked(self, turn: Turn) -> Turn:
        found = self.reranking.order(turn.query, turn.passages)
        kept = found.passages[: self.reranking.top_n]
        return replace(turn, passages=kept, ranked=found.passages).decided("rerank", found.why)
