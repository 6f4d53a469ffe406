"""Plain records, one exchange each, under the names that are in use. docs/operations/traffic.md lists them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragloop.hashes import sha256_of_text
from ragloop.records import FeedbackKind
from ragloop.traffic.exchange import Exchange, Item, LateVote, Skipped, Vote
from ragloop.traffic.reading import Read, items_of_each
from ragloop.traffic.values import (
    Record,
    count_of,
    first,
    number_of,
    passages_of,
    question_of,
    text_of,
    time_of,
    vote_of,
)

ORIGIN = "jsonl"
_QUESTION = ("question", "query", "user_input", "input", "prompt", "messages", "user")
_ANSWER = ("answer", "response", "output", "completion", "generated_answer", "assistant")
_PASSAGES = (
    "passages", "contexts", "context", "retrieved_contexts", "documents", "source_documents", "retrieved", "sources",
    "source_nodes", "chunks", "results",
)  # fmt: skip
_ID = ("id", "interaction_id", "trace_id", "request_id", "message_id", "external_id")
_TIME = ("asked_at", "timestamp", "created_at", "time", "ts", "start_time", "date")
_CONVERSATION = ("conversation", "conversation_id", "session_id", "thread_id", "chat_id", "session")
_FEEDBACK = ("feedback", "votes", "vote", "rating", "thumbs")


def is_plain(record: Record) -> bool:
    """Return whether a record has a question and an answer, or is a vote on an exchange."""
    return (first(record, _QUESTION) is not None and any(one in record for one in _ANSWER)) or _is_vote(record)


def _is_vote(record: Record) -> bool:
    about = first(record, _ID) is not None
    return about and first(record, _QUESTION) is None and first(record, (*_FEEDBACK, "correction", "kind")) is not None


def read_plain(records: Iterable[Read | Skipped]) -> Iterator[Item]:
    """Yield the exchange or the vote of each record."""
    yield from items_of_each(records, _items_of, "a question with its answer, or a vote")


def _items_of(read: Read) -> Iterator[Item]:
    if _is_vote(read.record):
        about = tuple(str(read.record[one]) for one in _ID if read.record.get(one))
        yield from (LateVote(ORIGIN, about, vote) for vote in _votes(read.record, read.record))
    else:
        yield exchange_of(read.record, read.place)


def exchange_of(record: Record, place: str) -> Exchange | Skipped:
    """Return the exchange of a plain record."""
    question = question_of(first(record, _QUESTION))
    if not question.strip():
        return Skipped(place, f"found no question, expected one under {', '.join(_QUESTION[:4])}")
    answers = [record[one] for one in _ANSWER if one in record]
    if not answers:
        return Skipped(place, f"found no answer, expected one under {', '.join(_ANSWER[:4])}; an empty one abstains")
    usage = record.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    shown = passages_of(first(record, _PASSAGES))
    cost = number_of(first(record, ("cost_usd", "cost", "total_cost")))
    return Exchange(
        question=question,
        answer=text_of(answers[0]),
        shown=shown,
        prompt=text_of(record.get("full_prompt")),
        model=text_of(first(record, ("model", "model_name")), 1),
        asked_at=time_of(first(record, _TIME)),
        conversation=text_of(first(record, _CONVERSATION), 1),
        prompt_tokens=count_of(first({**usage, **record}, ("prompt_tokens", "input_tokens"))),
        completion_tokens=count_of(first({**usage, **record}, ("completion_tokens", "output_tokens"))),
        cost_usd=cost if cost is not None and cost >= 0 else None,
        latency_ms=_latency(record),
        votes=tuple(_votes(first(record, _FEEDBACK), record)),
        origin=ORIGIN,
        external_id=text_of(first(record, _ID), 1) or _name_of(record),
    )


def _name_of(record: Record) -> str:
    """Name a record that has no name by what it holds, so that the same line counts once."""
    return sha256_of_text(json.dumps(record, sort_keys=True, default=str))[:32]


def _latency(record: Record) -> float | None:
    value = record.get("latency_ms")
    if value is not None:
        return number_of(value)
    seconds = number_of(first(record, ("latency_s", "latency", "duration_s")))
    return None if seconds is None else seconds * 1000


def _votes(value: Any, record: Record) -> Iterator[Vote]:
    """Yield what a vote, a list of votes, or a record of votes says; `record` may hold a correction beside it."""
    for number, one in enumerate(value if isinstance(value, list) else [value]):
        held: Record = one if isinstance(one, Mapping) else {}
        at = time_of(first(held, ("given_at", "at", *_TIME)))
        name = text_of(held.get("feedback_id"), 1) or f"{number}"
        correction = text_of(held.get("correction"), 1)
        said = first(held, ("kind", "vote", "value", "score", "thumbs", "feedback", "rating")) if held else one
        if correction.strip():
            yield Vote(FeedbackKind.CORRECTION, correction, at, name)
        elif (kind := vote_of(said)) is not None:
            yield Vote(kind, None, at, name)
    if not isinstance(value, Mapping) and isinstance(record.get("correction"), str) and record["correction"].strip():
        yield Vote(FeedbackKind.CORRECTION, record["correction"], None, "correction")
