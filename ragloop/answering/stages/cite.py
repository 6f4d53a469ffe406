"""Keep of each draft what its passages say."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.lanes import LANES
from ragloop.answering.turn import Turn


def cite(turns: Sequence[Turn]) -> list[Turn]:
    """Check the drafts that were not checked yet, each as its lane has it."""
    return [_checked(turn) for turn in turns]


def _checked(turn: Turn) -> Turn:
    if turn.draft is None or turn.cited is not None:
        return turn
    check = LANES[turn.route.lane].check
    return replace(turn, cited=check(turn.question, turn.draft.text, turn.passages))
