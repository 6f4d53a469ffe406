"""Which topics move to another lane, and what holds back the others. Pure.

A topic moves up where it is asked and repeated enough, its documents rest longer than a retraining takes to come round,
and paired answers show that the next lane is not inferior: the lower bound of the mean difference is at least −margin.
It then ramps, a step at a time, for as long as nothing holds it back. It moves down at once where a document that it
rests on or cites changed or went, its adapter serves no more, or the upper bound of the difference is below −margin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ragloop.migration.routes.route import STEPS, Adapters, MoveKind, TopicRoute, above
from ragloop.migration.topics.topic import Standing, TopicFigures
from ragloop.records import LaneName
from ragloop.wording import counted

_BASE = LaneName.BASE_RAG
CITED_BY = 0.05
"""Share of a topic's answers that a document must be cited by, to count among those that the topic rests on."""


@dataclass(frozen=True)
class RoutePolicy:
    """What a topic must show before it moves up; see MigrationSettings. `retraining_days`: how long one takes to come
    round."""

    min_answers: int
    min_repeat_share: float
    margin: float
    min_pairs: int
    rest_days: float
    step_days: float
    retraining_days: float


@dataclass(frozen=True)
class Paired:
    """Scores of a lane minus those of base+rag, on the same questions of a topic: their mean with its bounds."""

    n: int
    estimate: float
    low: float
    high: float


Evidence = Mapping[tuple[str, LaneName, str], Paired]
"""By topic, lane and adapter."""


@dataclass(frozen=True)
class TopicState:
    """A topic as a plan sees it. `route` is None where it never moved; `broken` names documents that its route rests on
    and that changed or went since."""

    figures: TopicFigures
    route: TopicRoute | None = None
    broken: Sequence[str] = ()

    @property
    def topic_id(self) -> str:
        """The id of the topic."""
        return self.figures.topic_id

    @property
    def lane(self) -> LaneName:
        """The lane of the topic now."""
        return self.route.lane if self.route else _BASE


@dataclass(frozen=True)
class Prospect:
    """The next lane of a topic, None at the top, and what holds it back, in words; nothing where it may move."""

    lane: LaneName | None
    held_back_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """A change of a route, and why; see TopicRoute."""

    topic_id: str
    kind: MoveKind
    lane: LaneName
    share: float
    adapter_id: str | None
    reason: str
    rest: LaneName = _BASE
    rest_adapter_id: str | None = None


def plan(
    topics: Sequence[TopicState], evidence: Evidence, adapters: Adapters, policy: RoutePolicy, now: datetime
) -> list[Move]:
    """Return the moves that are due, in the order of the topics; what is asked of a person is for the caller."""
    moves = (_move(one, evidence, adapters, policy, now) for one in topics)
    return [one for one in moves if one is not None]


def prospect(topic: TopicState, evidence: Evidence, adapters: Adapters, policy: RoutePolicy, now: datetime) -> Prospect:
    """Return the next lane of a topic and what holds it back; for one on a ramp, its own lane."""
    ramping = topic.route is not None and topic.route.share < 1
    lane = topic.lane if ramping else above(topic.lane, adapters)
    if lane is None:
        return Prospect(None)
    found = [*_of_traffic(topic.figures, policy), *_of_documents(topic.figures, policy, now)]
    return Prospect(lane, (*found, *_of_evidence(topic.topic_id, lane, evidence, adapters, policy)))


def is_ripe(figures: TopicFigures, policy: RoutePolicy, now: datetime) -> bool:
    """Return whether neither the traffic of a topic nor its documents hold it back: what is left is evidence."""
    return not (_of_traffic(figures, policy) or _of_documents(figures, policy, now))


def _move(topic: TopicState, evidence: Evidence, adapters: Adapters, policy: RoutePolicy, now: datetime) -> Move | None:
    if topic.route is not None and topic.lane != _BASE:
        if why := _falls(topic, topic.route, evidence, adapters, policy):
            return Move(topic.topic_id, MoveKind.DOWN, _BASE, 1.0, None, why)
        if now - topic.route.at < timedelta(days=policy.step_days):
            return None
    next_one = prospect(topic, evidence, adapters, policy, now)
    if next_one.lane is None or next_one.held_back_by:
        return None
    adapter = adapters[next_one.lane]
    shown = _shown(evidence[topic.topic_id, next_one.lane, adapter])
    ramping = topic.route is not None and topic.route.share < 1
    share = _next_step(topic.route.share) if topic.route and ramping else STEPS[0]
    kind = MoveKind.RAMP if ramping else MoveKind.UP
    if ramping and topic.route:
        rest, rest_adapter = topic.route.rest, topic.route.rest_adapter_id
    else:
        rest, rest_adapter = topic.lane, topic.route.adapter_id if topic.route else None
    return Move(topic.topic_id, kind, next_one.lane, share, adapter, shown, rest, rest_adapter)


def _falls(topic: TopicState, route: TopicRoute, evidence: Evidence, adapters: Adapters, policy: RoutePolicy) -> str:
    """Say why a topic leaves its lane; empty where it stays."""
    if topic.broken:
        return f"{counted(len(topic.broken), 'document')} that it rests on changed or went"
    if changed := [one for one in _cited(topic.figures) if one.changed_at and one.changed_at > route.at]:
        return f"{counted(len(changed), 'document')} that its answers cite changed since it moved"
    if adapters.get(route.lane) != route.adapter_id:
        return f"adapter {route.adapter_id} does not serve in {route.lane} any more"
    found = evidence.get((topic.topic_id, route.lane, route.adapter_id or ""))
    if found and found.n >= policy.min_pairs and found.high < -policy.margin:
        return f"{route.lane} is inferior: {_shown(found)}"
    return ""


def _of_traffic(figures: TopicFigures, policy: RoutePolicy) -> list[str]:
    found = []
    if figures.questions < policy.min_answers:
        found.append(f"{counted(figures.questions, 'answer')}, {policy.min_answers} are needed")
    if figures.repeat_share < policy.min_repeat_share:
        found.append(f"{figures.repeat_share:.0%} repeats, {policy.min_repeat_share:.0%} are needed")
    return found


def _of_documents(figures: TopicFigures, policy: RoutePolicy, now: datetime) -> list[str]:
    documents = _cited(figures)
    if not documents:
        return ["its answers cite no document"]
    found = []
    if gone := sum(not one.is_there for one in documents):
        found.append(f"it rests on {counted(gone, 'document')} that {'is' if gone == 1 else 'are'} gone")
    if labelled := sum(one.labelled for one in documents):
        found.append(f"it rests on {counted(labelled, 'document')} with labels, and an adapter looks at none")
    wanted = max(policy.rest_days, policy.retraining_days)
    changed = [one.changed_at for one in documents if one.changed_at is not None]
    if changed and (rests := (now - max(changed)).total_seconds() / 86_400) < wanted:
        found.append(
            f"a document that it rests on changed {counted(round(rests), 'day')} ago, it must rest {wanted:.0f}"
        )
    return found


def _cited(figures: TopicFigures) -> list[Standing]:
    """Return the documents that count among those that a topic rests on."""
    return [one for one in figures.documents if one.cited_share >= CITED_BY]


def _of_evidence(
    topic_id: str, lane: LaneName, evidence: Evidence, adapters: Adapters, policy: RoutePolicy
) -> list[str]:
    adapter = adapters.get(lane)
    if adapter is None:
        return [f"no adapter serves in {lane}"]
    found = evidence.get((topic_id, lane, adapter))
    if found is None or found.n < policy.min_pairs:
        return [f"{counted(found.n if found else 0, 'paired answer')}, {policy.min_pairs} are needed"]
    if found.low < -policy.margin:
        return [f"not shown to be as good: {_shown(found)}, at least {-policy.margin:g} is needed"]
    return []


def _shown(found: Paired) -> str:
    return f"difference to base+rag {found.estimate:+.3f}, at least {found.low:+.3f} (n = {found.n})"


def _next_step(share: float) -> float:
    return next((one for one in STEPS if one > share), 1.0)
