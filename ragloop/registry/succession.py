"""What follows from the history of a lane: who serves, who is tried, what a rollback returns to, and who is retired.

The history is one list of changes. A change of the champion ends a canary of its lane, whoever is promoted: the
challenger was compared with another champion. So a canary that ends well needs a single row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce
from typing import Any

from ragloop.records import LaneName
from ragloop.registry.adapter import CANARY, PROMOTED, RETIRED, AdapterState

FIRST_LANE = LaneName.CLOSED_BOOK
"""The lane of rows that name none."""


class Alias(StrEnum):
    """What a change is about: who serves a lane, who is tried in it, or an adapter that is retired without either."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"


class AliasChange(StrEnum):
    """What was done to an alias."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    START = "start"
    RAMP = "ramp"
    STOP = "stop"
    RETIRE = "retire"


@dataclass(frozen=True)
class Step:
    """One share of a canary, from `at` on, in 0..1; `change_id` names the change that began it."""

    share: float
    at: datetime
    change_id: str


@dataclass(frozen=True)
class Challenger:
    """An adapter that answers a share of the questions of its lane; `against` is the champion, None the base model.

    `before` is the state that it goes back to where the canary is stopped; None for the one of its row.
    """

    adapter_id: str
    lane: LaneName
    against: str | None
    steps: tuple[Step, ...]
    before: AdapterState | None = None

    @property
    def since(self) -> datetime:
        """When its canary began."""
        return self.steps[0].at

    @property
    def now(self) -> Step:
        """The step that it is at."""
        return self.steps[-1]


@dataclass(frozen=True)
class Standing:
    """Who serves a lane, None for the base model, and who is tried in it at which share."""

    lane: LaneName
    champion: str | None
    challenger: str | None = None
    share: float | None = None

    def __str__(self) -> str:
        tried = f", {self.challenger} is tried at {self.share:g}" if self.challenger else ""
        return f"{self.champion or 'the base model'} in {self.lane}{tried}"


@dataclass(frozen=True)
class Succession:
    """What follows from a history: the champion and what rollbacks can return to, the champion last, and the state of
    every adapter that ever served or was tried. `left` holds what each rollback was made from, by the id of the
    change."""

    stack: tuple[str, ...] = ()
    states: Mapping[str, AdapterState] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    challenger: Challenger | None = None

    @property
    def champion_id(self) -> str | None:
        """The adapter that the alias names; None for the base model."""
        return self.stack[-1] if self.stack else None

    def standing(self, lane: LaneName) -> Standing:
        """Return who serves and who is tried, in short."""
        tried = self.challenger
        return Standing(lane, self.champion_id, *((tried.adapter_id, tried.now.share) if tried else ()))

    def alias_of(self, adapter_id: str) -> str:
        """Return the alias that names an adapter, empty for none."""
        if adapter_id == self.champion_id:
            return str(Alias.CHAMPION)
        return str(Alias.CHALLENGER) if self.challenger and self.challenger.adapter_id == adapter_id else ""


def lane_of(change: Mapping[str, Any]) -> LaneName:
    """Return the lane that a change is about."""
    return LaneName(change["lane"]) if change.get("lane") else FIRST_LANE


def successions(history: Sequence[Mapping[str, Any]]) -> dict[LaneName, Succession]:
    """Return what follows from the changes of each lane, oldest first; lanes without a change are left out."""
    lanes = dict.fromkeys(map(lane_of, history))
    return {lane: succession([one for one in history if lane_of(one) == lane]) for lane in lanes}


def succession(history: Sequence[Mapping[str, Any]]) -> Succession:
    """Return what follows from the changes of one lane, oldest first."""
    return reduce(_after, history, Succession())


def _after(was: Succession, change: Mapping[str, Any]) -> Succession:
    """Return what follows from one more change."""
    match change["alias"], change["kind"]:
        case Alias.CHAMPION, kind:
            was = _without_canary(was)
            return _promoted(was, change) if kind == AliasChange.PROMOTE else _rolled_back(was, change)
        case Alias.CHALLENGER, AliasChange.START | AliasChange.RAMP:
            return _tried(was, change)
        case Alias.CHALLENGER, AliasChange.STOP:
            return _without_canary(was)
    return _retired(was, change)


def _promoted(was: Succession, change: Mapping[str, Any]) -> Succession:
    adapter_id = change["adapter_id"]
    return replace(was, stack=(*was.stack, adapter_id), states={**was.states, adapter_id: PROMOTED})


def _retired(was: Succession, change: Mapping[str, Any]) -> Succession:
    """Return what follows where an adapter is retired that does not serve: no rollback returns to it either."""
    adapter_id = change["adapter_id"]
    stack = tuple(one for one in was.stack if one != adapter_id)
    return replace(was, stack=stack, states={**was.states, adapter_id: RETIRED}, challenger=_other(was, change))


def _rolled_back(was: Succession, change: Mapping[str, Any]) -> Succession:
    if not was.stack:
        return was
    *stack, left = was.stack
    back_to, states = change["adapter_id"], {**was.states, left: RETIRED}
    while stack and stack[-1] != back_to:
        stack.pop()
    if back_to:
        states[back_to] = PROMOTED
    return replace(was, stack=tuple(stack), states=states, left={**was.left, change["change_id"]: left})


def _tried(was: Succession, change: Mapping[str, Any]) -> Succession:
    adapter_id = change["adapter_id"]
    step = Step(change["share"], change["at"], change["change_id"])
    known = was.challenger if change["kind"] == AliasChange.RAMP else None
    began = Challenger(adapter_id, lane_of(change), was.champion_id, (), was.states.get(adapter_id))
    challenger = known or began
    return replace(
        was,
        states={**was.states, adapter_id: CANARY},
        challenger=replace(challenger, steps=(*challenger.steps, step)),
    )


def _without_canary(was: Succession) -> Succession:
    """Return what follows where a canary ends unfinished: its challenger is in the state of before."""
    if was.challenger is None:
        return was
    tried, before = was.challenger.adapter_id, was.challenger.before
    states = {one: state for one, state in was.states.items() if one != tried}
    return replace(was, states=states | ({tried: before} if before else {}), challenger=None)


def _other(was: Succession, change: Mapping[str, Any]) -> Challenger | None:
    """Return the challenger unless it is the adapter that is retired."""
    return was.challenger if was.challenger and was.challenger.adapter_id != change["adapter_id"] else None
