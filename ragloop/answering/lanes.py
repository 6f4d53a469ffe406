"""The lanes: what each asks a generator, how its answers are checked, and who answers in its place. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragloop.answering.prompts import Cited, cite, cite_short, closed_book_prompt, rag_prompt, short_prompt
from ragloop.records import LaneName, Passage, Prompt

Asking = Callable[[str, Sequence[Passage]], Prompt]
"""Writes the prompt of a question with its passages."""


@dataclass(frozen=True)
class Lane:
    """One way to answer.

    `prompt(question, passages)` is what the generator gets, `check(question, text, passages)` what is left of its text.
    The lane `fallback` answers where this one cannot. A lane whose generator does not see the passages may write what
    none of them gives; the fallback answers then, too.
    """

    name: LaneName
    prompt: Asking
    check: Callable[[str, str, Sequence[Passage]], Cited]
    needs_adapter: bool
    sees_passages: bool
    fallback: LaneName


def _cite(question: str, text: str, passages: Sequence[Passage]) -> Cited:
    return cite(text, passages)


def _closed_book(question: str, passages: Sequence[Passage]) -> Prompt:
    return closed_book_prompt(question)


_BASE = LaneName.BASE_RAG
LANES: Mapping[LaneName, Lane] = {
    lane.name: lane
    for lane in (
        Lane(_BASE, rag_prompt, _cite, needs_adapter=False, sees_passages=True, fallback=_BASE),
        Lane(LaneName.ADAPTER_RAG, rag_prompt, _cite, needs_adapter=True, sees_passages=True, fallback=_BASE),
        Lane(LaneName.CLOSED_BOOK, _closed_book, cite_short, needs_adapter=True, sees_passages=False, fallback=_BASE),
    )
}

ASKED_AS_TRAINED: Mapping[str, Asking] = {"style": short_prompt}
"""How an adapter is asked, by the recipe that it was trained by, where that is not the prompt of its lane."""


def prompt_of(lane: LaneName, recipe: str = "") -> Asking:
    """Return what writes the prompts of a lane for an adapter of this recipe."""
    return ASKED_AS_TRAINED.get(recipe, LANES[lane].prompt)
