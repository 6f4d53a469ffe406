"""Whether two lanes say the same, and whose answer is taken where they do not. Pure."""

from dataclasses import replace

from ragloop.answering.support.terms import content_words
from ragloop.answering.turn import Turn
from ragloop.language.citations import without_marks
from ragloop.records import Draft

AGREED = 0.5
"""Share of the words of both answers that they have in common from which on they say the same."""


def is_cited_whole(turn: Turn) -> bool:
    """Return whether passages say all that was written; an answer of which nothing is left is not."""
    if turn.draft is None or turn.cited is None or not turn.cited.text:
        return False
    return _bare(turn.draft.text) == _bare(turn.cited.text)


def is_doubtful(turn: Turn) -> bool:
    """Return whether passages say a part of what was written, and not all."""
    return bool(turn.cited and turn.cited.text) and not is_cited_whole(turn)


def taken(first: Turn, second: Turn) -> Turn:
    """Return the answer of two lanes to one question that stands: the first one, unless they disagree and passages say
    all of the second. It has cost what both did."""
    same = agreement(first, second)
    wins = second if same < AGREED and is_cited_whole(second) else first
    said = "agree" if same >= AGREED else "disagree"
    why = f"{first.route.lane} and {second.route.lane} {said} ({same:.2f} of their words): {wins.route.lane} is taken"
    # The later turn knows the time of both.
    told = replace(wins, latency_ms=second.latency_ms, draft=_paid(wins.draft, (first.draft, second.draft)))
    return told.decided("lanes", why)


def agreement(first: Turn, second: Turn) -> float:
    """Return the share of the words of two answers that both have."""
    one, other = (content_words(without_marks(turn.cited.text if turn.cited else "")) for turn in (first, second))
    return len(one & other) / len(one | other) if one | other else 1.0


def _paid(draft: Draft | None, both: tuple[Draft | None, Draft | None]) -> Draft | None:
    spent = [one for one in both if one]
    costs = [one.cost_usd for one in spent if one.cost_usd is not None]
    return draft and replace(
        draft,
        prompt_tokens=sum(one.prompt_tokens for one in spent),
        completion_tokens=sum(one.completion_tokens for one in spent),
        cost_usd=sum(costs) if len(costs) == len(spent) else None,
    )


def _bare(text: str) -> str:
    return " ".join(without_marks(text).split())
