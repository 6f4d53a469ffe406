"""Say of an answer that it rests on an older version, or on a page that is marked as superseded."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.turn import Turn
from ragloop.language.citations import defused

NOTE = "What is cited may not hold any more. It is"


def say_outdated(turns: Sequence[Turn]) -> list[Turn]:
    """Add to each answer why the passages that it cites may not hold any more."""
    return [_said(turn) for turn in turns]


def _said(turn: Turn) -> Turn:
    cited = turn.cited
    if cited is None or not cited.text:
        return turn
    why = dict[str, list[int]]()
    for n in cited.numbers:
        if told := turn.passages[n - 1].outdated:
            why.setdefault(told, []).append(n)
    if not why:
        return turn
    notes = [f"{NOTE} {defused(told)}{_end(told)} {''.join(f'[{n}]' for n in held)}" for told, held in why.items()]
    # The log holds no text of a page.
    told = "; ".join(f"passage {', '.join(map(str, held))} is {_logged(one)}" for one, held in why.items())
    # Nothing of it is reused: the check of an answer that is given again keeps what one passage says.
    turn = replace(turn, cited=replace(cited, text="\n\n".join([cited.text, *notes])), reuse_key="")
    return turn.decided("outdated", told)


def _logged(told: str) -> str:
    before, is_quoted, _ = told.partition(": ")
    return f"{before} so" if is_quoted else told


def _end(told: str) -> str:
    return "" if told.rstrip('"').endswith((".", "!", "?")) else "."
