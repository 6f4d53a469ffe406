"""Whether passages can answer a question at all, or ragloop abstains. Pure."""

from dataclasses import dataclass

from ragloop.answering.turn import Turn


@dataclass(frozen=True)
class AbstainPolicy:
    """Below `min_similarity` a passage is found by its words or not at all."""

    min_similarity: float


def why_unanswerable(turn: Turn, policy: AbstainPolicy) -> str:
    """Return why no passage answers; empty where one may."""
    if not turn.passages:
        return "no passage was found"
    return "" if (turn.top_similarity or -1) >= policy.min_similarity else "no passage is similar"
