"""What one question to another service left behind, whatever the format it was written in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ragloop.language.citations import cited_numbers
from ragloop.records import FeedbackKind


@dataclass(frozen=True)
class Shown:
    """A passage as another service showed it to its model; what the service did not write is empty.

    `names` are the words of its metadata that may name the document, the likeliest first: URI, path, key, file name.
    `revisions` may name what the document was then: a hash, an ETag. `external_id` is what the service's index calls
    the passage.
    """

    text: str = ""
    names: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    external_id: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Vote:
    """What a person said of an answer. `external_id` tells it from other votes on the same answer."""

    kind: FeedbackKind
    correction: str | None = None
    at: datetime | None = None
    external_id: str = ""


@dataclass(frozen=True)
class Exchange:
    """A question, the answer, and what the service wrote of how it came about.

    `origin` is the kind of source and `external_id` the name of the exchange there, empty where it has none. `prompt`
    is what the model read, where the passages came without text. A time that the source did not write is None.
    """

    question: str
    answer: str
    shown: tuple[Shown, ...] = ()
    prompt: str = ""
    model: str = ""
    asked_at: datetime | None = None
    conversation: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    votes: tuple[Vote, ...] = ()
    origin: str = ""
    external_id: str = ""


@dataclass(frozen=True)
class LateVote:
    """A vote that stands apart from its exchange, which has the same `origin` and one of the names in `about`."""

    origin: str
    about: tuple[str, ...]
    vote: Vote


@dataclass(frozen=True)
class Skipped:
    """A record that is no exchange, where it stands in the file, and why."""

    place: str
    reason: str


Item = Exchange | LateVote | Skipped
LEASE_WAIT_S = 60
"""How long what is to be logged waits for others who log traffic: they write one part."""


class Erased(Protocol):
    """What was erased and must not come back."""

    def rest_in(self, texts: Iterable[str | None]) -> bool:
        """Return whether one of these texts has words of it."""
        ...

    def named_by(self, names: Iterable[str]) -> bool:
        """Return whether one of these names is of one of its documents, passages or answers."""
        ...


def rests_on(exchange: Exchange, erased: Erased) -> bool:
    """Return whether an exchange says something that was erased, or its answer rests on a passage that was.

    A passage that was shown and not cited does not count: the log keeps nothing of one that is in no index. A prompt
    counts where it alone says what the passages were.
    """
    corrections = (one.correction for one in exchange.votes)
    prompt = "" if any(one.text for one in exchange.shown) else exchange.prompt
    if erased.rest_in((exchange.question, exchange.answer, prompt, *corrections)):
        return True
    cited = [exchange.shown[n - 1] for n in cited_numbers(exchange.answer) if 0 < n <= len(exchange.shown)]
    return any(
        erased.named_by((*one.names, *one.revisions, one.external_id)) or erased.rest_in((one.text,))
        for one in cited or exchange.shown
    )
