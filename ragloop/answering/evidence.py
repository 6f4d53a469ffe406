"""What is kept of an answer: its row of the log, and of a finished turn the answer that is returned. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from ragloop.answering.prompts import NOTHING_FOUND, Cited, cite, cited_sentences, prompt_hash
from ragloop.answering.turn import Turn
from ragloop.language.citations import cited_numbers
from ragloop.records import Answer, Citation, Draft, Passage


def answer_of(turn: Turn) -> Answer:
    """Return the answer of a turn; one of which nothing was left abstains."""
    cited, draft = turn.cited or Cited(), turn.draft or Draft("")
    return Answer(
        interaction_id=turn.interaction_id,
        question=turn.question,
        answer=cited.text or NOTHING_FOUND,
        abstained=not cited.text,
        citations=tuple(_citation(n, turn.passages[n - 1]) for n in cited.numbers),
        passages=turn.passages,
        lane=turn.route.lane,
        model=draft.model or turn.model,
        adapter=turn.route.adapter_id,
        latency_ms=turn.latency_ms,
        prompt_tokens=draft.prompt_tokens,
        completion_tokens=draft.completion_tokens,
        cost_usd=draft.cost_usd,
        fallback="; ".join(filter(None, (turn.route.why, draft.why))),
        decisions=turn.decisions,
    )


def row_of(turn: Turn, asked_at: datetime) -> dict[str, Any]:
    """Return the evidence for the log: ids, revisions and hashes of passages, never their text."""
    answer = answer_of(turn)
    return {
        "interaction_id": answer.interaction_id,
        "asked_at": asked_at,
        "question": answer.question,
        "answer": answer.answer,
        "abstained": answer.abstained,
        "lane": answer.lane,
        "model": answer.model,
        "adapter": answer.adapter,
        "generation": turn.generation,
        "prompt_hash": prompt_hash(turn.prompt) if turn.prompt else None,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "cost_usd": answer.cost_usd,
        "guard": "none",
        "top_similarity": turn.top_similarity,
        "passages": [_evidence(passage) for passage in answer.passages],
        "citations": [asdict(citation) for citation in answer.citations],
        "latency_ms": dict(answer.latency_ms),
        "fallback": answer.fallback or None,
        "support": _support(answer.passages, turn.cited.rests_on if turn.cited else {}),
        "decisions": dict(answer.decisions),
    }


@dataclass(frozen=True)
class GivenAnswer:
    """An answer that another service gave. `passages` are what it was made from, in the order in which it cites them.

    `as_found`: whether a passage came with its score. One that no index holds has neither ids nor text.
    """

    question: str
    answer: str
    passages: Sequence[Passage]
    as_found: Sequence[bool]
    model: str

    @property
    def top_similarity(self) -> float | None:
        """The best cosine among the passages; None where one of them came without."""
        return max((one.similarity for one in self.passages), default=None) if all(self.as_found) else None


def row_of_given(given: GivenAnswer, interaction_id: str, asked_at: datetime, generation: str | None) -> dict[str, Any]:
    """Return the row of an answer that another service gave; what it did not tell is null.

    `generation` is the fingerprint of the one that holds every passage as it was given, if one does.
    """
    passages = given.passages
    numbers = dict.fromkeys(n for n in cited_numbers(given.answer) if 0 < n <= len(passages))
    cited = [n for n in numbers if passages[n - 1].chunk_id]
    untold = dict.fromkeys(("score", "similarity"))
    return {
        "interaction_id": interaction_id,
        "asked_at": asked_at,
        "question": given.question,
        "answer": given.answer or NOTHING_FOUND,
        "abstained": not given.answer,
        "model": given.model or None,
        "generation": generation,
        "top_similarity": given.top_similarity,
        "passages": [
            {**_evidence(one), "rank": rank} | ({} if found else untold)
            for rank, (one, found) in enumerate(zip(passages, given.as_found, strict=True), 1)
        ],
        "citations": [asdict(_citation(n, passages[n - 1])) for n in sorted(cited)],
        "support": _support_of_given(given),
    }


def _support_of_given(given: GivenAnswer) -> list[dict[str, Any]] | None:
    """Return which statements bear the answer out; None where a sentence has none, so that it rests on whole passages.

    Of ragloop's own answers such a sentence was dropped; here it stays, and could never be seen to go stale.
    """
    cited = [cite(sentence, given.passages) for sentence in cited_sentences(given.answer)]
    if not cited or not all(one.text for one in cited):
        return None
    rests_on: dict[int, list[str]] = {}
    for n, digests in chain.from_iterable(one.rests_on.items() for one in cited):
        rests_on.setdefault(n, []).extend(digests)
    return _support(given.passages, rests_on)


def as_support(statements: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the digests per document as the log holds them."""
    return [{"document_id": one, "statements": list(dict.fromkeys(held))} for one, held in statements.items()]


def _citation(n: int, passage: Passage) -> Citation:
    return Citation(
        n,
        passage.uri,
        passage.heading,
        passage.start,
        passage.end,
        passage.chunk_id,
        passage.document_id,
        passage.revision,
    )


def _support(passages: Sequence[Passage], rests_on: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """Return which statements of which documents the answer rests on, by their digests."""
    found: dict[str, list[str]] = {}
    for n, digests in rests_on.items():
        found.setdefault(passages[n - 1].document_id, []).extend(digests)
    return as_support(found)


def _evidence(passage: Passage) -> dict[str, Any]:
    return {
        "chunk_id": passage.chunk_id,
        "document_id": passage.document_id,
        "revision": passage.revision,
        "text_hash": passage.text_hash,
        "rank": passage.rank,
        "score": passage.score,
        "similarity": passage.similarity,
        "relevance": passage.relevance,
    }
