"""What an application knows of its topics: what they are asked and cost, and which lane may answer each."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from ragloop.app.migration.policies import price_list, route_policy
from ragloop.app.parts import Parts
from ragloop.errors import NotFoundError
from ragloop.store.files import FolderFiles

if TYPE_CHECKING:
    from ragloop.corpus.index.inventory import DocumentState
    from ragloop.migration.columns import Logged
    from ragloop.migration.costs.measured import Measured, Shadow, Trained
    from ragloop.migration.costs.report import CostReport
    from ragloop.migration.routes.planning import RoutePolicy, TopicState
    from ragloop.migration.topics.finding import Found, TopicFinder
    from ragloop.migration.topics.kept import KeptTopics
    from ragloop.migration.topics.report import TopicsReport
    from ragloop.migration.topics.topic import Grouping, TopicFigures
    from ragloop.records import LaneName


class Migration:
    """The topics of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def finder(self) -> "TopicFinder":
        """What finds topics, by the embedder of the index that answers."""
        from ragloop.migration.topics.finding import TopicFinder, TopicPolicy

        policy = TopicPolicy(self._parts.settings.topics.likeness)
        return TopicFinder(self._parts.journal, self._parts.active().embedder, policy)

    @property
    def kept(self) -> "KeptTopics":
        """The topics as they are kept."""
        from ragloop.migration.topics.kept import KeptTopics

        return KeptTopics(self._parts.store)

    def edit(self, change: "Callable[[Grouping], Grouping]", by: str) -> "Grouping":
        """Change topics as a person asks; those whose questions are others by that come back to base+rag."""
        before, now = self.kept.read(), self.kept.change(change)
        self._come_back(before, now, by)
        return now

    def split(self, topic: str, by: str) -> "Grouping":
        """Part a topic into two, which come back to base+rag; see TopicFinder.split."""
        before, now = self.kept.read(), self.finder.split(topic)
        self._come_back(before, now, by)
        return now

    def _come_back(self, before: "Grouping", now: "Grouping", by: str) -> None:
        from ragloop.migration.routes.regrouping import come_back

        come_back(self._parts.store, before, now, by)

    def topics(self, *, anew: bool = False) -> "tuple[TopicsReport, Found]":
        """Look for new topics, with `anew` group all questions again; describe them by the answers of the window."""
        before, found = self.kept.read(), self.finder.find(anew=anew)
        self._come_back(before, found.grouping, "ragloop topics")
        return self._report(found.grouping), found

    def topics_as_kept(self) -> "TopicsReport":
        """Describe the topics as they were found last; needs no embedder."""
        return self._report(self.kept.read())

    def _report(self, grouping: "Grouping") -> "TopicsReport":
        from ragloop.migration.routes.evidence import evidence
        from ragloop.migration.routes.planning import prospect
        from ragloop.migration.topics.report import TopicRow, TopicsReport

        log, known = self.logged(), {one.topic_id: one for one in grouping.topics}
        shown, adapters, policy, now = evidence(self._parts.store), self.adapters(), self.policy, self._parts.now()
        states = self._states(grouping, log)
        rows = [TopicRow(known[one.topic_id], one, prospect(one, shown, adapters, policy, now)) for one in states]
        outside = len(log) - sum(one.figures.questions for one in states)
        return TopicsReport(self._parts.settings.topics.window_days, len(log), outside, rows)

    def _states(self, grouping: "Grouping", log: "Logged") -> "list[TopicState]":
        """Return each topic of the window with its figures, its route, and what of the route does not hold."""
        from ragloop.migration.routes.kept import KeptRoutes
        from ragloop.migration.routes.planning import TopicState

        routes, known = KeptRoutes(self._parts.store).now(), self.documents()
        revisions = {one: state.revision or "" for one, state in known.items() if not state.labelled}
        found = []
        for one in self._figures(grouping, log, known):
            route = routes.get(one.topic_id)
            found.append(TopicState(one, route, route.broken(revisions) if route else ()))
        return found

    def adapters(self) -> "dict[LaneName, str]":
        """Return the champion of each lane; a lane whose champion cannot serve is left out."""
        from ragloop.migration.routes.route import LADDER

        serving = {lane: self._parts.registry.serving(lane)[0] for lane in LADDER[1:]}
        return {lane: adapter.adapter_id for lane, adapter in serving.items() if adapter}

    def costs(self) -> "CostReport":
        """Add up what the answers of the window, trainings and storage cost; see migration.costs.report."""
        from ragloop.migration.costs.report import report

        return report(self._measured(), price_list(self._parts.settings))

    def cost_of_topics(self) -> "list[tuple[str, str, TopicFigures]]":
        """Return id, name and figures of each topic of the window, as topics were found last."""
        grouping = self.kept.read()
        names = {one.topic_id: one.name for one in grouping.topics}
        found = self._figures(grouping, self.logged(), {})
        return [(one.topic_id, names[one.topic_id], one) for one in found]

    def logged(self) -> "Logged":
        """Read the answers of the window."""
        from ragloop.migration.logged import logged

        return logged(self._parts.journal, self._since)

    @property
    def _since(self) -> datetime:
        return self._parts.now() - timedelta(days=self._parts.settings.topics.window_days)

    @cached_property
    def policy(self) -> "RoutePolicy":
        """What a topic must show before it moves up."""
        seconds = [one.seconds for one in self._trainings()]
        mean_s = sum(seconds) / len(seconds) if seconds else 0.0
        return route_policy(self._parts.settings, mean_s / 86_400)

    def _figures(
        self, grouping: "Grouping", log: "Logged", known: "dict[str, DocumentState]"
    ) -> "Sequence[TopicFigures]":
        from ragloop.migration.costs.prices import answers_usd
        from ragloop.migration.topics.figures import figures

        return figures(log, grouping, answers_usd(log, price_list(self._parts.settings)), known)

    def documents(self) -> "dict[str, DocumentState]":
        """Return what the index that answers says of each document; nothing where there is none."""
        from ragloop.corpus.index import inventory

        try:
            return inventory.states(self._parts.index)
        except NotFoundError:
            return {}

    def _measured(self) -> "Measured":
        from ragloop.migration.costs.measured import Measured
        from ragloop.migration.costs.prices import answers_usd

        settings, log = self._parts.settings, self.logged()
        trainings = self._trainings()
        recent = [one for one in trainings if one.at >= self._since]
        days = settings.topics.window_days
        rate = 30 * len(recent) / days if recent else 30 / max(settings.cadence.every_days, 1)
        return Measured(
            log,
            answers_usd(log, price_list(settings)),
            recent,
            self._shadows(),
            self._stored_bytes(),
            days,
            self._parts.now(),
            rate,
        )

    def _stored_bytes(self) -> int:
        """Add up what lies in the home, and in the buckets that hold store and artifacts. Raises UnavailableError."""
        settings, parts = self._parts.settings, self._parts
        buckets = [parts.store.files] if settings.store else []
        buckets += [parts.artifacts.files] if settings.artifacts else []
        found = sum(one.bytes for files in buckets for one in files.list().values())
        return found + sum(one.bytes for one in FolderFiles(settings.home).list().values())

    def _shadows(self) -> "list[Shadow]":
        from ragloop.migration.costs.measured import Shadow
        from ragloop.migration.routes.evidence import TRIAL
        from ragloop.reports import Reports

        kept = Reports(self._parts.store).history(TRIAL)
        return [Shadow(**one.body) for one in kept if one.at >= self._since]

    def _trainings(self) -> "list[Trained]":
        from ragloop.migration.costs.measured import Trained

        adapters = self._parts.registry.adapters()
        known = ((one.created_at, one.evidence.training) for one in adapters)
        return [Trained(at, training.seconds) for at, training in known if training is not None]
