"""Decide who answers each turn, and which turns are answered again."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Protocol

import numpy as np

from ragloop.answering.lanes import LANES
from ragloop.answering.routing import (
    CANARY,
    Arm,
    Assigned,
    Serving,
    assigned,
    route,
    second_opinion,
    second_route,
    unit,
)
from ragloop.answering.signals.lanes_agree import taken
from ragloop.answering.stages import by_group
from ragloop.answering.turn import Turn
from ragloop.corpus.index.table import ActiveIndex
from ragloop.errors import MismatchError, NotFoundError, UnavailableError
from ragloop.models import Vectors
from ragloop.models.generation.generators import Generators, no_champion
from ragloop.records import LaneName, Route
from ragloop.registry import Succession


class Outdated(Protocol):
    """What an adapter was trained on and documents no longer say."""

    def why(self, adapter_id: str, active: ActiveIndex, questions: Sequence[str], vectors: Vectors) -> Sequence[str]:
        """Return per question, given with its vector, why the adapter is not to be asked; empty where it may be."""

    def documents(self, adapter_id: str, active: ActiveIndex) -> frozenset[str]:
        """Return the ids of the documents in which something changed that the adapter was trained on."""


@dataclass(frozen=True)
class ChooseRoute:
    """Routes turns to the lane asked for, or to its fallback.

    The adapters that answer are held in `held` until the request ends: over a promotion, the request is finished on
    them. Where a canary is under way, its challenger gets its share of the turns, unless they are not `live`: questions
    of an evaluation are for the champion.
    """

    generators: Generators
    outdated: Outdated
    active: ActiveIndex
    held: ExitStack
    live: bool = True

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return by_group(turns, attrgetter("lane"), self._of_lane)

    def _of_lane(self, turns: Sequence[Turn]) -> list[Turn]:
        """Route turns that were asked in one lane."""
        lane = turns[0].lane
        if not LANES[lane].needs_adapter:
            return [turn.routed(route(lane, Serving(None))) for turn in turns]
        standing = self.generators.standing(lane)
        if standing.challenger and self.live:
            tried = standing.challenger
            turns = [one.decided(CANARY, str(assigned(unit(one), tried.adapter_id, tried.now.share))) for one in turns]
        return by_group(turns, _arm, partial(self._routed, standing))

    def _routed(self, standing: Succession, turns: Sequence[Turn]) -> list[Turn]:
        """Route turns that one adapter is to answer."""
        lane, wanted = turns[0].lane, standing.champion_id
        if standing.challenger and _arm(turns[0]) == Arm.CHALLENGER:
            wanted = standing.challenger.adapter_id
        serving = self._serving(lane, wanted)
        if serving.adapter_id is None and wanted != standing.champion_id:
            serving = self._serving(lane, standing.champion_id)
        reasons = self._outdated(serving.adapter_id, turns) if serving.adapter_id else [""] * len(turns)
        return [turn.routed(route(lane, serving, why)) for turn, why in zip(turns, reasons, strict=True)]

    def _serving(self, lane: LaneName, adapter_id: str | None) -> Serving:
        """Hold an adapter. Neither a rollback nor one that is damaged or away takes a service down."""
        if adapter_id is None:
            return Serving(None, no_champion(lane))
        try:
            self.held.enter_context(self.generators.for_route(Route(lane, adapter_id), self.active.embedder))
        except (NotFoundError, MismatchError, UnavailableError) as error:
            return Serving(None, str(error))
        return Serving(adapter_id)

    def _outdated(self, adapter_id: str, turns: Sequence[Turn]) -> Sequence[str]:
        questions, vectors = [turn.query for turn in turns], np.stack([turn.vector for turn in turns])
        return self.outdated.why(adapter_id, self.active, questions, vectors)


@dataclass(frozen=True)
class RouteAgain:
    """Sends turns of which an adapter's answer does not stand to the fallback of their lane.

    Where passages say a part of it, the fallback answers beside it.
    """

    outdated: Outdated
    active: ActiveIndex

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [self._again(turn, turn.route.adapter_id) if turn.route.adapter_id else turn for turn in turns]

    def _again(self, turn: Turn, adapter_id: str) -> Turn:
        second = second_route(turn, self.outdated.documents(adapter_id, self.active))
        if second:
            return turn.routed(second)
        beside = second_opinion(turn)
        return replace(turn.routed(beside), rival=turn) if beside else turn


def take_one(turns: Sequence[Turn]) -> list[Turn]:
    """Return each question that two lanes answered with the answer that stands."""
    return [taken(turn.rival, replace(turn, rival=None)) if turn.rival else turn for turn in turns]


def _arm(turn: Turn) -> Arm:
    found = Assigned.of(turn.decisions.get(CANARY, ""))
    return found.arm if found else Arm.CHAMPION
