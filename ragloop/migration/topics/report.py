"""Topics as people and programs see them: what each is asked, rests on and costs, and what holds it back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ragloop.migration.routes.planning import Prospect, TopicState
from ragloop.migration.topics.topic import Topic


@dataclass(frozen=True)
class TopicRow:
    """A topic with its figures, its route and its prospect."""

    topic: Topic
    state: TopicState
    prospect: Prospect

    def as_row(self) -> dict[str, Any]:
        """Return the topic as JSON shows it."""
        figures = self.state.figures
        return {
            "topic_id": self.topic.topic_id,
            "name": self.topic.name,
            "named_by": self.topic.named_by or None,
            "terms": list(self.topic.terms),
            "pinned": self.topic.pinned,
            "lane": self.state.lane,
            "share": self.state.route.share if self.state.route else 1.0,
            "next": self.prospect.lane,
            "held_back_by": list(self.prospect.held_back_by),
            **{name: value for name, value in asdict(figures).items() if name not in ("topic_id", "documents")},
            "documents": [{**asdict(one), "is_there": one.is_there} for one in figures.documents],
        }


@dataclass(frozen=True)
class TopicsReport:
    """All topics that were asked about in a window; `outside` counts answers whose question is in none."""

    window_days: float
    answers: int
    outside: int
    topics: Sequence[TopicRow]

    def as_row(self) -> dict[str, Any]:
        """Return the report as JSON shows it."""
        return {
            "window_days": self.window_days,
            "answers": self.answers,
            "outside": self.outside,
            "topics": [one.as_row() for one in self.topics],
        }
