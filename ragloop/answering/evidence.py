"""What is kept of an answer: its row of the log, and of a finished turn the answer that is returned. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ragloop.answering.guard import GuardCheck
from ragloop.answering.prompts import NOTHING_FOUND, Cited, prompt_hash
from ragloop.answering.turn import Turn
from ragloop.records import Answer, Citation, Draft, Passage


def answer_of(turn: Turn) -> Answer:
    """Return the answer of a turn; one of which nothing was left abstains."""
    cited, draft = turn.cited or Cited(), turn.draft or Draft("")
    spent = [draft, *([turn.rewriting] if turn.rewriting else [])]
    costs = [one.cost_usd for one in spent]
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
        prompt_tokens=sum(one.prompt_tokens for one in spent),
        completion_tokens=sum(one.completion_tokens for one in spent),
        cost_usd=None if None in costs else sum(one for one in costs if one is not None),
        fallback="; ".join(filter(None, (turn.route.why, draft.why))),
        decisions=turn.decisions,
        rewritten=turn.rewritten,
        verdicts=turn.verdicts,
        cache=turn.cache,
        reused_from=turn.reused_from,
    )


def row_of(turn: Turn, asked_at: datetime) -> dict[str, Any]:
    """Return the evidence for the log: ids, revisions and hashes of passages, never their text."""
    answer = answer_of(turn)
    return {
        "interaction_id": answer.interaction_id,
        "asked_at": asked_at,
        "question": answer.question,
        "rewritten": answer.rewritten or None,
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
        "guard": "; ".join(answer.verdicts[one] for one in GuardCheck if one in answer.verdicts) or "none",
        "top_similarity": turn.top_similarity,
        "passages": [_evidence(passage) for passage in answer.passages],
        "citations": [asdict(citation) for citation in answer.citations],
        "latency_ms": dict(answer.latency_ms),
        "fallback": answer.fallback or None,
        "support": _support(answer.passages, turn.cited.rests_on if turn.cited else {}),
        "labels": sorted(turn.labels),
        "asked_by": turn.origin.key or None,
        "conversation": turn.origin.conversation or None,
        "message": turn.origin.message or None,
        "cut": False,
        "decisions": dict(answer.decisions),
        "reuse_key": _reuse_key(turn, answer),
        "reused_from": answer.reused_from or None,
    }


def _reuse_key(turn: Turn, answer: Answer) -> str | None:
    """Return the key under which an answer is found again: none of one that abstains, or that another model gave."""
    in_place = turn.draft is not None and turn.draft.why
    return turn.reuse_key if turn.reuse_key and not answer.abstained and not in_place else None


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
