"""The topics of one store, and which question is in which.

A question is kept as the SHA-256 of its text, which is how the log, the vectors and an erasure know it; the text itself
stays in the log. No vector of a topic is kept: it would tell of questions that are erased.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ragloop.catalogue import Lease
from ragloop.migration.topics.topic import Grouping, Topic
from ragloop.store import Store, quoted

_TOPICS, _QUESTIONS = "topics", "topic_questions"
_WAIT_S = 30.0
_DELETED_AT_ONCE = 1000


class KeptTopics:
    """The topics of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lease of the topics: what is read, changed and written back is so under it."""
        with self._store.lease(Lease.TOPICS, wait_s=_WAIT_S):
            yield

    def read(self) -> Grouping:
        """Return what is kept."""
        topics = self._store.rows(_TOPICS).sort_by([("made_at", "ascending"), ("topic_id", "ascending")]).to_pylist()
        rows = self._store.rows(_QUESTIONS)
        pairs = zip(rows["text_hash"].to_pylist(), rows["topic_id"].to_pylist(), strict=True)
        return Grouping([_topic(row) for row in topics], dict(sorted(pairs)))

    def write(self, now: Grouping, before: Grouping) -> None:
        """Bring what is kept from one grouping to another. Needs the lease.

        A topic comes before its questions and goes after them: killed in between, one without questions is left, which
        no report shows and the next look drops.
        """
        known = {one.topic_id: one for one in before.topics}
        if changed := [one for one in now.topics if known.get(one.topic_id) != one]:
            self._store.upsert_rows(_TOPICS, [_row(one) for one in changed])
        moved = {one: topic for one, topic in now.of_question.items() if before.of_question.get(one) != topic}
        if moved:
            self._store.upsert_rows(_QUESTIONS, [{"text_hash": one, "topic_id": topic} for one, topic in moved.items()])
        self._delete(_QUESTIONS, "text_hash", before.of_question.keys() - now.of_question.keys())
        self._delete(_TOPICS, "topic_id", known.keys() - {one.topic_id for one in now.topics})

    def change(self, change: Callable[[Grouping], Grouping]) -> Grouping:
        """Read, change and write back under the lease; return what is kept then."""
        with self.writing():
            before = self.read()
            now = change(before)
            self.write(now, before)
        return now

    def _delete(self, table: str, column: str, gone: Any) -> None:
        names = sorted(gone)
        for first in range(0, len(names), _DELETED_AT_ONCE):
            self._store.delete(table, f"{column} IN ({quoted(names[first : first + _DELETED_AT_ONCE])})")


def _topic(row: Mapping[str, Any]) -> Topic:
    return Topic(
        row["topic_id"], row["made_at"], row["name"] or "", tuple(row["terms"] or ()), row["named_by"] or "",
        bool(row["pinned"]),
    )  # fmt: skip


def _row(topic: Topic) -> dict[str, Any]:
    return {**vars(topic), "terms": list(topic.terms)}
