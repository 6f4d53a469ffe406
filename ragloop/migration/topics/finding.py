"""Find the topics of the log: what is new since the last time joins them, or all questions are grouped anew.

How far the log was read is kept as a time and a number of answers. Where the log has other answers before that time by
now, as after an import or an erasure, it is read from its beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import numpy as np
import pyarrow.compute as pc

from ragloop.corpus.index.vectors import VectorStore
from ragloop.errors import UsageError
from ragloop.hashes import sha256_of_text
from ragloop.journal import Journal, LogTable
from ragloop.migration.logged import asked_texts
from ragloop.migration.topics.asking import Questions, halves, named
from ragloop.migration.topics.centres import centres_of
from ragloop.migration.topics.clustering import NONE, groups, nearest
from ragloop.migration.topics.editing import parted
from ragloop.migration.topics.kept import KeptTopics
from ragloop.migration.topics.matching import matched
from ragloop.migration.topics.topic import Grouping, Topic, topic_of, without_empty
from ragloop.models import Embedder
from ragloop.reports import Report, Reports

READ = "topics read"
"""Kind of the report that says how far the log was read."""
_COLUMNS = ("asked_at", "question", "rewritten")


@dataclass(frozen=True)
class TopicPolicy:
    """From which mean cosine on questions are of one topic."""

    likeness: float


@dataclass(frozen=True)
class Found:
    """What was done: the topics now, how many questions joined them, how many topics are new."""

    grouping: Grouping
    joined: int
    new: int


@dataclass(frozen=True)
class TopicFinder:
    """Finds the topics of one log by an embedder."""

    journal: Journal
    embedder: Embedder
    policy: TopicPolicy

    def find(self, *, anew: bool = False) -> Found:
        """Let new questions join topics or make new ones; with `anew`, group all questions but those of pinned topics.

        Topics keep their ids over that by the questions that they share with a group.
        """
        kept = KeptTopics(self.journal.store)
        with kept.writing():
            before = kept.read()
            answers, _ = self.journal.tables()
            since = None if anew or not before.of_question else self._read_until(answers)
            asked, until = _asked(answers, since)
            now = without_empty(self._anew(before, asked) if anew else self._joined(before, asked))
            kept.write(now, before)
            self._note(answers, until or since)
        known = {one.topic_id for one in before.topics}
        joined = len(now.of_question.keys() - before.of_question.keys())
        return Found(now, joined, sum(one.topic_id not in known for one in now.topics))

    def split(self, given: str) -> Grouping:
        """Part a topic into two by the questions that are least alike, and pin both.

        Raises UsageError, NotFoundError.
        """
        kept = KeptTopics(self.journal.store)
        with kept.writing():
            before = kept.read()
            topic = topic_of(before, given)
            asked, _ = _asked(self.journal.tables()[0], None)
            own = self._questions([one for one in asked if _topic(before, one) == topic.topic_id], asked)
            if len(own) < 2:
                raise UsageError(f"found {len(own)} question in the topic {topic.topic_id}, expected at least two")
            stays, leaves = own.parts(halves(own.vectors))
            names = named([topic, self._new()], [stays, leaves], asked)
            after = parted(before, frozenset(leaves.hashes), (names[0], names[1]))
            kept.write(after, before)
        return after

    def _joined(self, before: Grouping, asked: Mapping[str, int]) -> Grouping:
        new = self._questions([one for one in asked if not _topic(before, one)], asked)
        if not len(new):
            return before
        centres = centres_of(self.journal.store, self.embedder, before)
        joins = nearest(new.vectors, centres.vectors, self.policy.likeness)
        joined = {one: centres.ids[n] for one, n in zip(new.hashes, joins, strict=True) if n != NONE}
        left = new.at(np.flatnonzero(joins == NONE).tolist())
        parts = left.parts(groups(left.vectors, self.policy.likeness))
        made = named([self._new() for _ in parts], parts, asked)
        return Grouping((*before.topics, *made), {**before.of_question, **joined, **_members(made, parts)})

    def _anew(self, before: Grouping, asked: Mapping[str, int]) -> Grouping:
        pinned = {one.topic_id: one for one in before.topics if one.pinned}
        fixed = {one: topic for one, topic in before.of_question.items() if topic in pinned}
        known = {one.topic_id: one for one in before.topics if one.topic_id not in pinned}
        was = {one: topic for one, topic in before.of_question.items() if topic in known}
        free = self._questions([one for one in asked if sha256_of_text(one) not in fixed], asked)
        parts = free.parts(groups(free.vectors, self.policy.likeness))
        found = matched([frozenset(one.hashes) for one in parts], was, {i for i, one in known.items() if one.named_by})
        made = named([known[one] if one else self._new() for one in found], parts, asked)
        return Grouping((*pinned.values(), *made), {**_members(made, parts), **fixed})

    def _questions(self, texts: Sequence[str], asked: Mapping[str, int]) -> Questions:
        """Return questions with their vectors, those that were asked most first."""
        ordered = sorted(texts, key=lambda one: (-asked[one], one))
        return Questions(ordered, [asked[one] for one in ordered], self._vectors.of_texts(ordered))

    @property
    def _vectors(self) -> VectorStore:
        return VectorStore(self.journal.store, self.embedder, asked=True)

    def _new(self) -> Topic:
        return Topic(uuid4().hex[:16], self.journal.store.now(), "")

    def _read_until(self, answers: LogTable) -> datetime | None:
        """Return until when the log was read; None where it has other answers before that by now."""
        last = Reports(self.journal.store).latest(READ)
        if last is None:
            return None
        count = answers.rows(["asked_at"], f"asked_at <= {_sql(last.at)}").num_rows
        return last.at if count == last.body["answers"] else None

    def _note(self, answers: LogTable, until: datetime | None) -> None:
        if until is not None:
            count = answers.rows(["asked_at"], f"asked_at <= {_sql(until)}").num_rows
            Reports(self.journal.store).put(Report(READ, "", until, {"answers": count}))


def _asked(answers: LogTable, since: datetime | None) -> tuple[dict[str, int], datetime | None]:
    """Return how often each question was asked after a moment, and the time of the last; reads three columns."""
    rows = answers.rows(_COLUMNS, f"asked_at > {_sql(since)}" if since else None)
    texts = pc.drop_null(asked_texts(rows)).value_counts().to_pylist() if rows.num_rows else []
    until = pc.max(rows["asked_at"]).as_py() if rows.num_rows else None
    return {one["values"]: one["counts"] for one in texts if one["values"].strip()}, until


def _sql(at: datetime) -> str:
    return f"timestamp '{at:%Y-%m-%dT%H:%M:%S.%f}'"


def _topic(grouping: Grouping, text: str) -> str | None:
    return grouping.of_question.get(sha256_of_text(text))


def _members(topics: Sequence[Topic], parts: Sequence[Questions]) -> dict[str, str]:
    return {one: topic.topic_id for topic, own in zip(topics, parts, strict=True) for one in own.hashes}
