"""Decide which turns no passage answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.signals.answerable import AbstainPolicy, why_unanswerable
from ragloop.answering.turn import Turn


@dataclass(frozen=True)
class Abstain:
    """Says of each turn why it abstains; nothing of one that is to be answered."""

    policy: AbstainPolicy

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [self._decided(turn) for turn in turns]

    def _decided(self, turn: Turn) -> Turn:
        why = why_unanswerable(turn, self.policy)
        return replace(turn, unanswerable=why).decided("abstain", why)
