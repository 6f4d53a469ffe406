"""Put passages that speak to a model last, and withhold answers that carry what they must not."""

from collections.abc import Sequence
from dataclasses import replace

from ragloop.answering.guard import GuardCheck
from ragloop.answering.guard.asked import asked_spans
from ragloop.answering.guard.output import inert, screen
from ragloop.answering.guard.readable import as_read
from ragloop.answering.prompts import Cited
from ragloop.answering.turn import Turn
from ragloop.language.planted import planted_spans
from ragloop.records import Draft, Passage


def fence(turns: Sequence[Turn]) -> list[Turn]:
    """Rank passages with planted sentences after the others; Generate leaves those sentences out."""
    return [_fenced(turn) for turn in turns]


def _fenced(turn: Turn) -> Turn:
    said = [(one, _why(turn.query, one)) for one in turn.passages]
    planted = [one for one, why in said if why]
    if not planted:
        return turn
    clean = [one for one, why in said if not why]
    ranked = tuple(replace(one, rank=rank) for rank, one in enumerate([*clean, *planted], 1))
    verdict = ", ".join(f"{one.chunk_id} {why}" for one, why in said if why)
    return replace(turn, passages=ranked).judged(GuardCheck.PASSAGES, verdict)


def _why(question: str, passage: Passage) -> str:
    """Return what a passage does that it must not, and in how many sentences; empty where it does not."""
    if planted := planted_spans(passage.text):
        return f"speaks to a model: {len(planted)}"
    asked = asked_spans(passage.text, question)
    return f"says how the question is to be answered: {len(asked)}" if asked else ""


def screen_output(turns: Sequence[Turn]) -> list[Turn]:
    """Withhold answers that lead where no passage does, hold a secret, or repeat what the model was told; let the
    others load and run nothing."""
    return [_screened(turn) for turn in turns]


def _screened(turn: Turn) -> Turn:
    if turn.cited is None or not turn.cited.text:
        return turn
    # A place that only a planted sentence names is one that the generator has not read of.
    sources = [f"{as_read(one, turn.query).text}\n{one.uri}\n{one.outdated}" for one in turn.passages]
    told = [one["content"] for one in (turn.prompt.messages if turn.prompt else ()) if one["role"] == "system"]
    found = screen(turn.cited.text, sources, "\n".join(told)).why
    if not found:
        return replace(turn, cited=replace(turn.cited, text=inert(turn.cited.text)))
    draft = replace(turn.draft or Draft(""), text="")
    return replace(turn, cited=Cited(), draft=draft).judged(GuardCheck.ANSWER, ", ".join(found))
