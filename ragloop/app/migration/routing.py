"""Moves of topics between lanes: what is due, what people approve, what is carried out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragloop.app.answering import Answering
from ragloop.app.migration.topics import Migration
from ragloop.app.parts import Parts
from ragloop.records import LaneName

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer
    from ragloop.migration.routes.planning import Move
    from ragloop.migration.routes.route import TopicRoute
    from ragloop.migration.topics.report import TopicRow, TopicsReport
    from ragloop.migration.topics.topic import Grouping


@dataclass(frozen=True)
class Planned:
    """The topics, and the moves that are due: those that need nobody's word, and those up."""

    report: "TopicsReport"
    moves: "tuple[Move, ...]"

    @property
    def downs(self) -> "tuple[Move, ...]":
        """Return the moves back to base+rag."""
        return tuple(one for one in self.moves if one.lane == LaneName.BASE_RAG)

    @property
    def ups(self) -> "tuple[Move, ...]":
        """Return the others."""
        return tuple(one for one in self.moves if one.lane != LaneName.BASE_RAG)


class Routing:
    """The routes of the topics of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def plan(self) -> Planned:
        """Look for new topics, pair answers of those that evidence alone holds back, and plan; nothing moves."""
        report, found = Migration(self._parts).topics()
        for row in report.topics:
            self._pair(row, found.grouping)
        return Planned(report, tuple(self._due(report)))

    def _due(self, report: "TopicsReport") -> "list[Move]":
        from ragloop.migration.routes.evidence import evidence
        from ragloop.migration.routes.planning import plan

        migration, states = Migration(self._parts), [one.state for one in report.topics]
        return plan(states, evidence(self._parts.store), migration.adapters(), migration.policy, self._parts.now())

    def move(self, planned: Planned, moves: "Sequence[Move]", by: str, request: str = "") -> "list[TopicRoute]":
        """Carry out those moves that are still due, under the name of a request each once.

        Until an operator answers, documents, adapters, topics and evidence may change.
        """
        from ragloop.migration.routes.kept import KeptRoutes
        from ragloop.migration.routes.planning import CITED_BY
        from ragloop.migration.routes.route import RestsOn

        documents = {
            one.topic.topic_id: [
                RestsOn(document.document_id, document.revision)
                for document in one.state.figures.documents
                if document.revision and document.cited_share >= CITED_BY
            ]
            for one in planned.report.topics
        }
        due = {replace(one, reason="") for one in self._due(Migration(self._parts).topics_as_kept())} if moves else ()
        still = [one for one in moves if replace(one, reason="") in due]
        return KeptRoutes(self._parts.store).append(still, documents, by, request)

    def _pair(self, row: "TopicRow", grouping: "Grouping") -> None:
        """Measure the next lane of a topic where only its evidence may hold it back; see migration.routes.pairing."""
        from ragloop.migration.routes.evidence import evidence, keep, keep_trial, paired
        from ragloop.migration.routes.pairing import judged, tried
        from ragloop.migration.routes.planning import is_ripe

        migration, parts = Migration(self._parts), self._parts
        adapter_id = migration.adapters().get(row.prospect.lane) if row.prospect.lane else None
        if adapter_id is None or row.prospect.lane is None:
            return
        if not is_ripe(row.state.figures, migration.policy, parts.now()):
            return
        known = evidence(parts.store).get((row.topic.topic_id, row.prospect.lane, adapter_id))
        asked = judged(parts.journal, grouping, row.topic.topic_id, parts.registry.adapter(adapter_id).created_at)
        if known is not None and known.n >= len(asked):
            return  # nothing was judged since
        base, lane = self._asking(LaneName.BASE_RAG), self._asking(row.prospect.lane)
        trial = tried(asked, base.try_all, lane.try_all)
        keep_trial(parts.store, row.topic.topic_id, trial)
        found = paired(trial.differences, parts.settings.migration.confidence)
        keep(parts.store, row.topic.topic_id, row.prospect.lane, adapter_id, found)

    def _asking(self, lane: LaneName) -> "Answerer":
        parts = self._parts
        answers = parts.settings.answers.model_copy(update={"lane": str(lane)})
        settings = parts.settings.model_copy(update={"answers": answers})
        other = Parts(settings, embedder=parts.active().embedder, now=parts.now, boundary=parts.boundary)
        return Answering(other).answerer_over(parts.active)
