"""Answers that another service gave, one at a time: tie their passages to documents, and log them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from ragloop.answering.conversation.screening import screened
from ragloop.answering.evidence import as_support
from ragloop.answering.prompts import NOTHING_FOUND, cited_sentences
from ragloop.answering.retrieval import RetrievalPolicy, Retriever, as_text
from ragloop.answering.support.says import says
from ragloop.catalogue import Lease
from ragloop.corpus.index.searching.search import Search
from ragloop.corpus.index.table import ActiveIndex
from ragloop.errors import UsageError
from ragloop.journal import Journal, rests_on
from ragloop.language.citations import cited_numbers, without_marks
from ragloop.records import EVERYTHING, Citation, Passage
from ragloop.traffic.exchange import LEASE_WAIT_S, Erased, Shown
from ragloop.traffic.resolving.library import Library
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.tied import Tied
from ragloop.traffic.rows import citations_of, evidence_of

_LOOKED_AT = 10
"""Chunks whose documents may hold a text: it is its own best query."""
Given = Passage | Tied


@dataclass(frozen=True)
class GivenAnswers:
    """Logs the answers of another service, but for those that say something of what `erased()` returns. `active()`
    returns what answers now."""

    active: Callable[[], ActiveIndex]
    journal: Journal
    policy: RetrievalPolicy
    erased: Callable[[], Erased]

    def log(self, question: str, answer: str, passages: Sequence[Passage | str], model: str) -> str:
        """Log an answer with what is known of its passages; return its id. Raises UsageError, StorageFullError.

        A text is looked for in the index. Results of a search are logged as they were found.
        """
        question, answer = screened(question).question, answer.strip()
        active = self.active() if passages else None
        given = self._given(active, passages) if active else []
        interaction_id = uuid4().hex
        row = {
            "interaction_id": interaction_id,
            "asked_at": self.journal.store.now(),
            "question": question,
            "answer": answer or NOTHING_FOUND,
            "abstained": not answer,
            "model": model or None,
            "generation": active.index.generation.fingerprint if active and _holds(active, given) else None,
            "top_similarity": _top_similarity(given),
            "passages": [row for rank, one in enumerate(given, 1) for row in _evidence(rank, one)],
            "citations": [row for n in _cited(answer, given) for row in _citations(n, given[n - 1])],
            "support": _support(answer, given),
        }
        with self.journal.store.lease(Lease.TRAFFIC, wait_s=LEASE_WAIT_S):
            self.journal.append("interactions", [_left(row, self.erased())])
        return interaction_id

    def _given(self, active: ActiveIndex, passages: Sequence[Passage | str]) -> list[Given]:
        """Return the passages, texts as they were tied; whose labels a document has does not matter."""
        texts = [one for one in passages if isinstance(one, str)]
        if not texts:
            return [one for one in passages if isinstance(one, Passage)]
        found = _Found(active, replace(self.policy.for_top(_LOOKED_AT), without_labels=EVERYTHING))
        tied = iter(Resolver(Library(active.index), found).resolve(map(Shown, texts)))
        return [next(tied) if isinstance(one, str) else one for one in passages]


@dataclass(frozen=True)
class _Found:
    """Documents that may hold a text, as a search for it finds them."""

    active: ActiveIndex
    policy: RetrievalPolicy

    def candidates(self, text: str) -> list[str]:
        """Return the ids of the documents whose chunks are nearest to a text."""
        if not text.strip():
            return []
        retriever = Retriever(self.active.index.snapshot(), self.policy)
        found = retriever.retrieve(text, self.active.embedder.embed([text])[0])
        return list(dict.fromkeys(one.document_id for one in found.passages))


def _left(row: dict[str, Any], erased: Erased) -> dict[str, Any]:
    """Return an answer without passages of what was erased. Raises UsageError where it rests on that or has words of
    it."""
    shown = {one["document_id"] for one in row["passages"]}
    gone = {one for one in shown if one and erased.named_by([one])}
    if erased.rest_in((row["question"], row["answer"])) or rests_on(row) & gone:
        raise UsageError(
            "found words of something that was erased, or that the answer rests on it, expected an answer without: it "
            "was not logged; `ragloop erase lift` lets it be logged again"
        )
    held = {name: row[name] for name in ("passages", "support") if row[name]}
    return {**row, **{name: [one for one in held[name] if one["document_id"] not in gone] for name in held}}


def _holds(active: ActiveIndex, given: Sequence[Given]) -> bool:
    """Return whether the index holds every passage as it was given."""
    if not all(isinstance(one, Passage) or one.is_live for one in given):
        return False
    found = [one for one in given if isinstance(one, Passage)]
    held = Search(active.index).passages([one.chunk_id for one in found])
    return all(one.chunk_id in held and held[one.chunk_id]["text_hash"] == one.text_hash for one in found)


def _top_similarity(given: Sequence[Given]) -> float | None:
    """Return the best cosine among the passages; None where one of them came without."""
    found = [one.similarity for one in given if isinstance(one, Passage)]
    return max(found, default=None) if len(found) == len(given) else None


def _evidence(rank: int, one: Given) -> list[dict[str, Any]]:
    if isinstance(one, Tied):
        return evidence_of(rank, one, None)
    names = ("chunk_id", "document_id", "revision", "text_hash", "score", "similarity")
    return [{**{name: getattr(one, name) for name in names}, "rank": rank}]


def _citations(n: int, one: Given) -> list[dict[str, Any]]:
    if isinstance(one, Tied):
        return citations_of(n, one)
    names = ("uri", "heading", "start", "end", "chunk_id", "document_id", "revision")
    return [asdict(Citation(n, **{name: getattr(one, name) for name in names}))]


def _cited(answer: str, given: Sequence[Given]) -> list[int]:
    return sorted({n for n in cited_numbers(answer) if 0 < n <= len(given)})


def _support(answer: str, given: Sequence[Given]) -> list[dict[str, Any]] | None:
    """Return which statements bear the answer out; None where a sentence has none, so that it rests on whole passages.

    Of ragloop's own answers such a sentence was dropped; here it stays, and could never be seen to go stale.
    """
    chunks = [(rank, chunk) for rank, one in enumerate(given, 1) for chunk in _chunks(one)]
    sentences = cited_sentences(answer)
    found: dict[str, list[str]] = {}
    for sentence in sentences:
        said = says(without_marks(sentence), [chunk for _, chunk in chunks])
        marked = [one for one in said if chunks[one.passage][0] in cited_numbers(sentence)]
        if not said:
            return None
        for one in marked or said[:1]:
            found.setdefault(chunks[one.passage][1].document_id, []).extend(one.digests)
    return as_support(found) if sentences else None


def _chunks(one: Given) -> list[Passage]:
    """Return the chunks that hold a passage, with their texts."""
    if isinstance(one, Passage):
        return [one]
    if one.document is None or not one.is_live:
        return []
    place = {name: getattr(one.document, name) for name in ("document_id", "source", "uri", "revision")}
    return [as_text({**chunk._asdict(), **place}) for chunk in one.chunks]
