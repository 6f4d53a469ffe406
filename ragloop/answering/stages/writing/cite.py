"""Keep of each draft what its passages say."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.lanes import LANES
from ragloop.answering.signals.lanes_agree import is_cited_whole
from ragloop.answering.turn import Turn


def cite(turns: Sequence[Turn]) -> list[Turn]:
    """Check the drafts that were not checked yet, each as its lane has it."""
    return [_checked(turn) for turn in turns]


def _checked(turn: Turn) -> Turn:
    if turn.draft is None or turn.cited is not None:
        return turn
    check = LANES[turn.route.lane].check
    cited = check(turn.query, turn.draft.text, turn.passages)
    if turn.unanswerable:
        verdict = "not asked"
    elif not cited.text:
        verdict = "no passage says it"
    else:
        verdict = "cited" if is_cited_whole(replace(turn, cited=cited)) else "in part"
    return replace(turn, cited=cited).judged("support", verdict)
