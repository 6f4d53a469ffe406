"""Log each turn before its answer is returned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.evidence import row_of
from ragloop.answering.turn import Turn
from ragloop.journal import Journal
from ragloop.models.generation.wanted import is_wanted


@dataclass(frozen=True)
class Log:
    """Logs a batch in one write, which is on disk when it returns."""

    journal: Journal

    def __call__(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        if not is_wanted():  # a model that nobody waits for ends early: what it wrote is no answer to reuse
            turns = [replace(turn, reuse_key="") for turn in turns]
        self.journal.append("interactions", [row_of(turn, self.journal.store.now()) for turn in turns])
        return turns
