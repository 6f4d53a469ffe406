"""The few records that cross rooms. A record that only one room uses lives in that room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ragloop.printable import html_table, html_text

Message = Mapping[str, str]
"""One chat message: {"role": "system" | "user" | "assistant", "content": text}."""


class LaneName(StrEnum):
    """Who answers from what: base model with passages, adapter with passages, adapter without passages."""

    BASE_RAG = "base+rag"
    ADAPTER_RAG = "adapter+rag"
    CLOSED_BOOK = "closed-book"


@dataclass(frozen=True)
class Route:
    """Who answers a question. `why` says why it is not the lane that was asked for; empty where it is that one."""

    lane: LaneName
    adapter_id: str | None = None
    why: str = ""


class CacheUse(StrEnum):
    """Whether an answer was looked for among those given before, and found."""

    OFF = "off"
    MISS = "miss"
    HIT = "hit"


class FeedbackKind(StrEnum):
    """What a person says of an answer."""

    UP = "up"
    DOWN = "down"
    CORRECTION = "correction"


@dataclass(frozen=True)
class View:
    """What a caller sees: documents without labels, and those with at least one of `labels`; None sees everything."""

    labels: frozenset[str] | None = frozenset()


NO_LABEL = ""
"""Stands among the labels of a chunk whose document has none; no document can be labelled so."""
UNLABELLED = View()
EVERYTHING = View(None)


@dataclass(frozen=True)
class Origin:
    """Where a question came from: the name of the key it was asked with, and ids that the client gave."""

    key: str = ""
    conversation: str = ""
    message: str = ""


NOWHERE = Origin()


@dataclass(frozen=True)
class Earlier:
    """A question that was asked before in a conversation, and its answer, where it is known."""

    question: str
    answer: str = ""


@dataclass(frozen=True)
class Passage:
    """A retrieved chunk. `start` and `end` are character offsets into the document's text; `similarity` is a cosine.

    `text` is what stands there, below a line that names the columns where that begins among the rows of a table.
    `confidence` is that of text that was recognised in an image, None for any other; `relevance` is what a reranker
    gave, on its own scale, None where none read it. `outdated` says why its page may not hold any more.
    """

    rank: int
    score: float
    similarity: float
    source: str
    uri: str
    title: str
    heading: str
    start: int
    end: int
    text: str
    text_hash: str
    chunk_id: str
    document_id: str
    revision: str
    confidence: float | None = None
    relevance: float | None = None
    outdated: str = ""


@dataclass(frozen=True)
class Prompt:
    """All that a generator may rest on: the question, its passages, and the chat messages built from both."""

    question: str
    passages: Sequence[Passage] = ()
    messages: Sequence[Message] = ()


@dataclass(frozen=True)
class Draft:
    """What a generator wrote, before its citations are checked. An empty text means that it has no answer.

    `model` and `why` are set where a generator has several models: who wrote it, and why it is not the first of them.
    `cost_usd` is None where the price is unknown.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    why: str = ""
    cost_usd: float | None = 0.0


@dataclass(frozen=True)
class Citation:
    """The `[n]` of an answer: a passage that exists, and where its text stands in the document."""

    n: int
    uri: str
    heading: str
    start: int
    end: int
    chunk_id: str
    document_id: str
    revision: str


@dataclass(frozen=True)
class Answer:
    """An answer as it is returned and logged. Latencies are in milliseconds per stage."""

    interaction_id: str
    question: str
    answer: str
    abstained: bool
    citations: Sequence[Citation]
    passages: Sequence[Passage]
    lane: LaneName
    model: str
    adapter: str | None
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    """What the endpoint of a remote model charged; None where its price is unknown."""
    fallback: str = ""
    """Why this lane or model answered and not the one that was asked; empty where it is that one."""
    decisions: Mapping[str, str] = field(default_factory=dict)
    """What the stages decided, by stage, in words: how passages were ranked, and why none answers."""
    cache: CacheUse = CacheUse.OFF
    reused_from: str = ""
    """The interaction whose answer was given again; empty where it was written for this question."""
    rewritten: str = ""
    """The question that passages were looked for with, a line for each part; empty where it is the one asked."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """What was found of the question and of the answer, by check."""

    def _repr_html_(self) -> str:
        """Show the answer in a notebook, and below it where what it cites stands."""
        rows = [(one.n, one.uri, one.heading, f"{one.start}-{one.end}") for one in self.citations]
        cited = html_table(("", "document", "heading", "characters"), rows) if rows else ""
        by = f"{self.lane} · {self.adapter or self.model} · {self.interaction_id}"
        return f"<p>{html_text(self.answer)}</p>{cited}<p><small>{html_text(by)}</small></p>"


@dataclass(frozen=True)
class HomeEvent:
    """Something about a home that automations and triggers wait for, whoever emits it, with its figures."""

    name: str
    home: Path
    config: Path | None
    figures: Mapping[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        """The figures, beside what a flow needs to find this home again."""
        return {**address(self.home, self.config), **self.figures}


def address(home: Path, config: Path | None) -> dict[str, str | None]:
    """Return a home and its configuration file as parameters of a flow."""
    return {"home": str(home.resolve()), "config": str(config.resolve()) if config else None}


@dataclass(frozen=True)
class EarlierAnswer:
    """An answer of the log, with what people said against it: what may be given again."""

    interaction_id: str
    asked_at: datetime
    answer: str
    citations: Sequence[Mapping[str, Any]]
    model: str
    reused_from: str
    cut: bool
    objected_at: Sequence[datetime]
    """When somebody voted against it or corrected it."""

    @property
    def is_written(self) -> bool:
        """Whether it was written for its question, and whole."""
        return not self.reused_from and not self.cut
