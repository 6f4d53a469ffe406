"""Values as services write them: times, texts, numbers, votes and passages under the names that are in use."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ragloop.records import FeedbackKind
from ragloop.traffic.exchange import Shown

Record = Mapping[str, Any]

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_TEXTS = ("page_content", "text", "content", "document.content", "body", "passage", "chunk", "snippet")
_NAMES = (
    "uri", "doc_uri", "url", "source_uri", "source", "source_url", "file_path", "filepath", "path", "key",
    "document_uri", "document_id", "doc_id", "ref_doc_id", "file_name", "filename", "file", "name", "title",
)  # fmt: skip
_REVISIONS = ("revision", "content_hash", "hash", "sha256", "etag", "checksum", "version_id")
_IDS = ("chunk_id", "id", "passage_id", "node_id", "document.id")
_SCORES = ("score", "relevance_score", "similarity", "document.score", "_score")
_UP = frozenset("up thumbs_up thumbsup thumb_up positive good like liked correct helpful yes true pass 👍".split())
_DOWN = frozenset(
    """down thumbs_down thumbsdown thumb_down negative bad dislike disliked incorrect wrong unhelpful no false fail
    👎""".split()
)
_OF_PEOPLE = ("feedback", "thumb", "vote", "rating", "user", "human", "helpful", "satisf", "like")
_LISTS = ("documents", "context", "contexts", "source_documents", "nodes", "passages", "results", "output")
_MOST_NESTED = 4


def time_of(value: object) -> datetime | None:
    """Return a time of ISO text or of seconds, milli-, micro- or nanoseconds since 1970; None for anything else."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    seconds = float(value)
    while seconds > _LATEST:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds >= _EARLIEST else None


def _of_text(value: str) -> datetime | None:
    if value.isdigit() and len(value) < 24:
        return time_of(int(value))
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if _EARLIEST <= found.timestamp() <= _LATEST else None


def decoded(value: Any) -> Any:
    """Return what a text of JSON holds; any other value as it is."""
    if isinstance(value, str) and value[:1] in '{["' and value[-1:] in '}]"':
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def number_of(value: object) -> float | None:
    """Return a finite number, also one that is written as text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def count_of(value: object) -> int | None:
    """Return a count that a column of the log can hold; None for anything else."""
    found = number_of(value)
    return int(found) if found is not None and 0 <= found < 2**31 else None


def first(record: Record, names: Iterable[str]) -> Any:
    """Return the first value under one of these names that is not empty; None where there is none."""
    for name in names:
        if (value := record.get(name)) not in (None, "", [], {}):
            return value
    return None


def text_of(value: Any, nested: int = 0) -> str:
    """Return the text of a value: of messages the contents, of a record the field that speaks; empty if none does."""
    value = decoded(value) if nested == 0 else value
    if isinstance(value, str):
        return value
    if nested > _MOST_NESTED or value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return _of_record(value, nested)
    if isinstance(value, Sequence):
        return "\n".join(filter(None, (text_of(one, nested + 1) for one in value)))
    return ""


_SPEAKING = (
    "output", "answer", "result", "response", "text", "content", "input", "question", "query", "message", "output_text",
    "query_str", "kwargs", "generations", "parts", "messages", "choices", "blocks", "data", "str",
)  # fmt: skip


def _of_record(record: Record, nested: int) -> str:
    for name in _SPEAKING:
        if name in record and (found := text_of(record[name], nested + 1)):
            return found
    texts = [value for value in record.values() if isinstance(value, str)]
    return texts[0] if len(record) == 1 and texts else ""


_ASKING = (
    "question", "query", "input", "user_input", "prompt", "text", "query_str", "str_or_query_bundle", "message",
    "content", "messages", "kwargs", "args",
)  # fmt: skip


def question_of(value: Any, nested: int = 0) -> str:
    """Return the question that a value holds: of messages the last one of the user; empty where there is none."""
    value = decoded(value) if nested == 0 else value
    if isinstance(value, str):
        return value
    if nested > _MOST_NESTED:
        return ""
    if isinstance(value, Mapping):
        for name in _ASKING:
            if name in value and (found := question_of(value[name], nested + 1)):
                return found
        return ""
    if isinstance(value, Sequence) and value:
        asked = [one for one in value if _role(one) in ("user", "human")]
        if asked:
            return text_of(asked[-1], 1)
        return "" if len(value) > 1 else question_of(value[0], nested + 1)
    return ""


def _role(message: Any) -> str:
    if not isinstance(message, Mapping):
        return ""
    return str(message.get("role") or message.get("type") or (message.get("data") or {}).get("type") or "").lower()


def messages_text(value: Any) -> str:
    """Return all that messages say, in their order."""
    value = decoded(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n\n".join(filter(None, map(messages_text, value)))
    if isinstance(value, Mapping) and "messages" in value:
        return messages_text(value["messages"])
    return text_of(value, 1)


def passages_of(value: Any) -> tuple[Shown, ...]:
    """Return the passages of a list of texts or records."""
    value = decoded(value)
    if isinstance(value, Mapping):
        value = first(value, _LISTS)
        return passages_of(value) if value is not None else ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(shown for one in value if (shown := passage_of(one)) is not None)


def passage_of(value: Any) -> Shown | None:
    """Return a passage of a text or a record; None for any other value."""
    value = decoded(value)
    if isinstance(value, str):
        return Shown(value)
    if isinstance(value, Sequence) and len(value) == 2:  # a passage with its score
        found = passage_of(value[0])
        return (
            Shown(found.text, found.names, found.revisions, found.external_id, number_of(value[1])) if found else None
        )
    if not isinstance(value, Mapping):
        return None
    for wrapper in ("node", "document", "kwargs"):
        if isinstance(value.get(wrapper), Mapping):
            value = {**value, **value[wrapper]}
    metadata = decoded(value.get("metadata") or value.get("document.metadata") or {})
    held: Record = {**value, **metadata} if isinstance(metadata, Mapping) else value
    text = text_of(first(value, _TEXTS), 1)
    return Shown(
        text,
        tuple(dict.fromkeys(_words_under(held, _NAMES))),
        tuple(_words_under(held, _REVISIONS)),
        next(_words_under(value, _IDS), ""),
        number_of(first(value, _SCORES)),
    )


def _words_under(record: Record, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            yield value.strip()


def is_of_people(name: str) -> bool:
    """Return whether the name of a score says that a person gave it, not a judge that is a model."""
    lower = name.lower()
    return any(one in lower for one in _OF_PEOPLE)


def vote_of(value: object) -> FeedbackKind | None:
    """Return what a value says of an answer: yes or no, a number in -1..1, stars to five, a word; None if nothing."""
    if isinstance(value, bool):
        return FeedbackKind.UP if value else FeedbackKind.DOWN
    if isinstance(value, str):
        word = value.strip().lower().replace("-", "_").replace(" ", "_")
        if word in _UP or word in _DOWN:
            return FeedbackKind.UP if word in _UP else FeedbackKind.DOWN
    number = number_of(value)
    if number is None or number > 5:
        return None
    if number > 1:
        return FeedbackKind.UP if number >= 4 else FeedbackKind.DOWN if number <= 2 else None
    return FeedbackKind.UP if number > 0.5 else FeedbackKind.DOWN if number < 0.5 else None
