"""Rows of the log for the exchanges of another service: what was shown by ids, revisions and hashes, never by text.

A passage gives a row of evidence for each chunk that holds some of it, all of one rank. A passage that changed or is
not known gives one without a revision, on which nothing is trained.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ragloop.answering.conversation.screening import masked, without_invisible
from ragloop.answering.evidence import as_support
from ragloop.answering.prompts import NOTHING_FOUND
from ragloop.hashes import sha256_of_text
from ragloop.language.citations import cited_numbers
from ragloop.traffic.exchange import Exchange, Vote
from ragloop.traffic.resolving.tied import Tied

_AHEAD = timedelta(minutes=5)
"""How far the clock of a service may be ahead of ours and still be taken at its word."""
_ID = 32


def encodable(text: str) -> str:
    """Return a text as the log can hold it: half a surrogate pair becomes a `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def screened(text: str) -> str:
    """Return a text as it is logged: without characters that show nothing, its secrets masked."""
    return masked(without_invisible(encodable(text)))[0]


def interaction_id_of(exchange: Exchange) -> str:
    """Name the interaction of an exchange: the same one has the same name however often it is imported."""
    return sha256_of_text(f"{exchange.origin}\0{exchange.external_id}")[:_ID]


def row_of_exchange(
    exchange: Exchange, interaction_id: str, tied: Sequence[Tied], now: datetime, generation: str
) -> dict[str, Any]:
    """Return the row of an exchange whose passages were tied; what the service did not write is null."""
    cited = _cited(exchange.answer, tied)
    live = bool(tied) and all(one.is_live for one in tied)
    answer = screened(exchange.answer).strip()
    return {
        "interaction_id": interaction_id,
        "asked_at": believed(exchange.asked_at, now),
        "question": " ".join(screened(exchange.question).split()) or exchange.question,
        "answer": answer or NOTHING_FOUND,
        "abstained": not answer,
        "model": exchange.model or None,
        "generation": generation if live else None,
        "prompt_tokens": exchange.prompt_tokens,
        "completion_tokens": exchange.completion_tokens,
        "cost_usd": exchange.cost_usd,
        "latency_ms": None if exchange.latency_ms is None else {"total": exchange.latency_ms},
        "passages": [row for rank, one in enumerate(tied, 1) for row in evidence_of(rank, one, _score(exchange, rank))],
        "citations": [row for rank in cited for row in citations_of(rank, tied[rank - 1])],
        "support": _support([tied[rank - 1] for rank in cited] or tied),
        "conversation": encodable(exchange.conversation) or None,
        "origin": encodable(f"{exchange.origin}:{exchange.external_id}"),
    }


def feedback_row(interaction_id: str, vote: Vote, asked_at: datetime, now: datetime) -> dict[str, Any]:
    """Return the row of a vote. It was given after the answer, whatever the clock of the service says."""
    given_at = max(asked_at, believed(vote.at or asked_at, now))
    return {
        "feedback_id": sha256_of_text(f"{interaction_id}\0{vote.external_id}\0{vote.kind}")[:_ID],
        "interaction_id": interaction_id,
        "given_at": given_at,
        "kind": str(vote.kind),
        "correction": vote.correction and screened(vote.correction),
    }


def believed(at: datetime | None, now: datetime) -> datetime:
    """Return when something was said; now where the source does not know, or has a clock that is ahead."""
    return now if at is None or at > now + _AHEAD else min(at, now)


def _cited(answer: str, tied: Sequence[Tied]) -> list[int]:
    return sorted({n for n in cited_numbers(answer) if 0 < n <= len(tied)})


def _score(exchange: Exchange, rank: int) -> float | None:
    return exchange.shown[rank - 1].score if rank <= len(exchange.shown) else None


def evidence_of(rank: int, tied: Tied, score: float | None) -> list[dict[str, Any]]:
    """Return what the log keeps of a passage: a row for each chunk that holds some of it, or one without a chunk."""
    document = tied.document
    common = {
        "document_id": document.document_id if document else "",
        "revision": document.revision if document and tied.is_live else "",
        "rank": rank,
        "score": score,
        "similarity": None,
        "verdict": str(tied.verdict),
    }
    chunks = [(one.chunk_id, one.text_hash) for one in tied.chunks] or [("", "")]
    return [{"chunk_id": chunk_id, "text_hash": text_hash, **common} for chunk_id, text_hash in chunks]


def citations_of(rank: int, tied: Tied) -> list[dict[str, Any]]:
    """Return where a cited passage stands, in each chunk that holds some of it; nowhere unless it stands."""
    document = tied.document
    if document is None or not tied.is_live:
        return []
    return [
        {
            "n": rank,
            "uri": document.uri,
            "heading": one.heading,
            "start": one.start,
            "end": one.end,
            "chunk_id": one.chunk_id,
            "document_id": document.document_id,
            "revision": document.revision,
        }
        for one in tied.chunks
    ]


def _support(tied: Sequence[Tied]) -> list[dict[str, Any]]:
    """Return the statements of passages per document: while they stand, the answer rests on what still holds."""
    found: dict[str, list[str]] = {}
    for one in tied:
        if one.document is not None and one.is_live:
            found.setdefault(one.document.document_id, []).extend(one.statements)
    for one in tied:
        # What a passage said that changed stands nowhere, also where others of the document do.
        if one.document is not None and not one.is_live:
            found.setdefault(one.document.document_id, []).append(str(one.verdict))
    return as_support(found)
