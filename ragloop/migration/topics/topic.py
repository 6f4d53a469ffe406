"""A topic, all of them with their questions, and what the log says of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ragloop.errors import NotFoundError, UsageError
from ragloop.wording import first_few


@dataclass(frozen=True)
class Topic:
    """Questions that are alike. `named_by` is who gave the name; empty where it is the most typical question.

    A pinned topic keeps its questions when all are grouped anew.
    """

    topic_id: str
    made_at: datetime
    name: str
    terms: tuple[str, ...] = ()
    named_by: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class Grouping:
    """The topics, oldest first, and the topic of each question by the hash of its text."""

    topics: Sequence[Topic]
    of_question: Mapping[str, str]

    def questions(self, topic_id: str) -> list[str]:
        """Return the questions of a topic."""
        return [one for one, topic in self.of_question.items() if topic == topic_id]


def without_empty(grouping: Grouping) -> Grouping:
    """Return the grouping without the topics that have no question."""
    held = set(grouping.of_question.values())
    return replace(grouping, topics=tuple(one for one in grouping.topics if one.topic_id in held))


def topic_of(grouping: Grouping, given: str) -> Topic:
    """Return a topic by its id, the beginning of one, or its name. Raises NotFoundError, UsageError."""
    found = [one for one in grouping.topics if given and (one.topic_id.startswith(given) or one.name == given)]
    if not found:
        raise NotFoundError(f"found no topic {given!r}; `ragloop topics` shows them all")
    if len(found) > 1:
        names = first_few([one.topic_id for one in found], 3)
        raise UsageError(f"found {len(found)} topics named {given!r}: {names}; give more of the id")
    return found[0]


def with_topic(grouping: Grouping, topic: Topic) -> Grouping:
    """Return the grouping with a topic in place of the one of its id, or beside the others."""
    known = {one.topic_id: one for one in grouping.topics} | {topic.topic_id: topic}
    return replace(grouping, topics=tuple(known.values()))


@dataclass(frozen=True)
class Standing:
    """A document that answers of a topic cite, as the index has it now: `changed_at` is when it changed last.

    `cited_share`: of the topic's answers. `revisions`: that the answers and the index have seen of it, a lower bound of
    how often it changed. A document that is gone has no key. `revision` is the one that the index has.
    """

    document_id: str
    key: str | None
    cited_share: float
    changed_at: datetime | None
    revisions: int
    labelled: bool = False
    revision: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether the index has it."""
        return self.key is not None


@dataclass(frozen=True)
class TopicFigures:
    """What the log says of a topic. `repeat_share`: of answers, those whose question was asked before in the window.

    `cost_usd` is None where the price of an answer is unknown; `reused` counts answers that were given again.
    """

    topic_id: str
    questions: int
    distinct: int
    repeat_share: float
    lanes: Mapping[str, float]
    abstained_share: float
    reused: int
    up: int
    down: int
    corrected: int
    cost_usd: float | None
    documents: Sequence[Standing] = field(default=())
    last_asked_at: datetime | None = None
