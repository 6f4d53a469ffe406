"""What a generator may read of a passage. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from ragloop.answering.guard.asked import asked_spans
from ragloop.language.planted import planted_spans
from ragloop.records import Passage

IN_PLACE = "[\u2026]"
"""What a generator reads where a planted sentence stood."""


def as_read(passage: Passage, question: str) -> Passage:
    """Return a passage as a generator may read it that answers this question."""
    return _without(passage, (*planted_spans(passage.text), *asked_spans(passage.text, question)))


def without_planted(passage: Passage) -> Passage:
    """Return a passage as a generator may read it, whatever is asked."""
    return _without(passage, planted_spans(passage.text))


def _without(passage: Passage, spans: Iterable[tuple[int, int]]) -> Passage:
    """Return a passage without the sentences that begin and end there."""
    text, found = passage.text, sorted(set(spans), reverse=True)
    for start, end in found:
        text = f"{text[:start]}{IN_PLACE}{text[end:]}"
    return replace(passage, text=text) if found else passage
