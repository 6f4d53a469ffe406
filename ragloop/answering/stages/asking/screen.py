"""Take each question as it is asked and logged."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.conversation.screening import masked, screened, without_invisible
from ragloop.answering.turn import Turn
from ragloop.records import Earlier


def screen(turns: Sequence[Turn]) -> list[Turn]:
    """Mask the secrets of questions, and take out what nobody sees. Raises UsageError for one that is empty or too
    long."""
    return [_screened(turn) for turn in turns]


def _screened(turn: Turn) -> Turn:
    found = screened(turn.question)
    conversation = tuple(map(_as_said, turn.conversation))
    turn = replace(turn, question=found.question, conversation=conversation)
    return turn.decided("screen", found.changed).judged("screen", found.changed or "passed")


def _as_said(one: Earlier) -> Earlier:
    question = masked(" ".join(without_invisible(one.question).split()))[0]
    return replace(one, question=question, answer=masked(one.answer)[0])
