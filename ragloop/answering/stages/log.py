"""Log each turn before its answer is returned."""

from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.answering.evidence import row_of
from ragloop.answering.turn import Turn
from ragloop.journal import Journal


@dataclass(frozen=True)
class Log:
    """Logs a batch in one write, which is on disk when it returns."""

    journal: Journal

    def __call__(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        self.journal.append("interactions", [row_of(turn, self.journal.store.now()) for turn in turns])
        return turns
