"""Answers that another service gave: find their passages in the index, and log them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from ragloop.answering.answer import checked
from ragloop.answering.evidence import GivenAnswer, row_of_given
from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.corpus.index.search import Search
from ragloop.corpus.index.table import ActiveIndex
from ragloop.journal import Journal
from ragloop.language.forms import comparable
from ragloop.records import EVERYTHING, Passage

_LOOKED_AT = 10
"""Chunks that may hold a text: it is its own best query."""
_UNKNOWN = Passage(0, 0.0, 0.0, "", "", "", "", 0, 0, "", "", "", "", "")


@dataclass(frozen=True)
class GivenAnswers:
    """Logs the answers of another service. `active()` returns what answers now."""

    active: Callable[[], ActiveIndex]
    journal: Journal
    policy: RetrievalPolicy

    def log(self, question: str, answer: str, passages: Sequence[Passage | str], model: str) -> str:
        """Log an answer with what is known of its passages; return its id. Raises UsageError, StorageFullError."""
        texts = [one for one in passages if isinstance(one, str)]
        active = self.active() if passages else None
        found = iter(self._holding(active, texts) if active and texts else [])
        known = [next(found) if isinstance(one, str) else one for one in passages]
        as_found = [not isinstance(one, str) for one in passages]
        given = GivenAnswer(checked(question), answer.strip(), known, as_found, model)
        interaction_id = uuid4().hex
        generation = active.index.generation.fingerprint if active and _holds(active, known) else None
        self.journal.append("interactions", [row_of_given(given, interaction_id, self.journal.store.now(), generation)])
        return interaction_id

    def _holding(self, active: ActiveIndex, texts: Sequence[str]) -> list[Passage]:
        """Return for each text the chunk that holds all of it, or `_UNKNOWN`; whose labels it has does not matter."""
        everything = replace(self.policy.for_top(_LOOKED_AT), without_labels=EVERYTHING)
        retriever = Retriever(active.index.snapshot(), everything)
        candidates = map(retriever.retrieve, texts, active.embedder.embed(texts))
        return [
            next((one for one in found.passages if _words(text) in _words(one.text)), _UNKNOWN)
            if text.strip()
            else _UNKNOWN
            for text, found in zip(texts, candidates, strict=True)
        ]


def _holds(active: ActiveIndex, passages: Iterable[Passage]) -> bool:
    """Return whether the index holds every passage as it was given."""
    held = Search(active.index).passages([one.chunk_id for one in passages])
    return all(one.chunk_id in held and held[one.chunk_id]["text_hash"] == one.text_hash for one in passages)


def _words(text: str) -> str:
    return " ".join(comparable(text).split())
