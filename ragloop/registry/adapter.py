"""One version of an adapter, the states that it may be in, and what a rollback did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ragloop.records import LaneName
from ragloop.registry.evidence import Evidence, VerdictKind


class AdapterState(StrEnum):
    """What became of an adapter. The first three are what a retraining left, the others follow from the history."""

    REGISTERED = "registered"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    CANARY = "canary"
    PROMOTED = "promoted"
    RETIRED = "retired"

    def may_become(self, state: "AdapterState") -> bool:
        """Return whether an adapter in this state may come to be in the other one."""
        return state == self or state in _NEXT[self]


REGISTERED, REJECTED, INCONCLUSIVE, CANARY, PROMOTED, RETIRED = AdapterState
_NEXT: Mapping[AdapterState, frozenset[AdapterState]] = {
    REGISTERED: frozenset({REJECTED, INCONCLUSIVE, CANARY, PROMOTED, RETIRED}),
    REJECTED: frozenset({REGISTERED, INCONCLUSIVE, CANARY, PROMOTED, RETIRED}),
    INCONCLUSIVE: frozenset({REGISTERED, REJECTED, CANARY, PROMOTED, RETIRED}),
    CANARY: frozenset({PROMOTED, RETIRED}),
    PROMOTED: frozenset({RETIRED}),
    RETIRED: frozenset({CANARY, PROMOTED}),
}
BY_HISTORY = frozenset({CANARY, PROMOTED, RETIRED})
"""States that follow from the history of the aliases and are never written."""
AND = "+"
"""Stands between the ids of several datasets."""


@dataclass(frozen=True)
class Adapter:
    """One version. `path` is relative to the artifact root, `sha256` is `adapter_sha256` of what lies there, and empty
    where an erasure removed it. `dataset_id` names what it was trained on; of a merged one, all that its parents were,
    with a plus between them. `verdict` is None before the first one. `base` and `base_sha256` name the model that it
    was trained on and its weights; the hash is empty where nobody noted it. `recipe` names how it was trained, and
    `lane`, which follows from that, where it answers."""

    adapter_id: str
    created_at: datetime
    base: str
    dataset_id: str
    path: str
    sha256: str
    state: AdapterState
    verdict: VerdictKind | None
    reasons: tuple[str, ...]
    evidence: Evidence = field(default_factory=Evidence)
    base_sha256: str = ""
    recipe: str = ""
    lane: LaneName = LaneName.CLOSED_BOOK

    def __post_init__(self) -> None:
        object.__setattr__(self, "lane", LaneName(self.lane))
        object.__setattr__(self, "state", AdapterState(self.state))
        object.__setattr__(self, "verdict", VerdictKind(self.verdict) if self.verdict else None)

    @property
    def dataset_ids(self) -> tuple[str, ...]:
        """The datasets that it was trained on: several of one that was merged."""
        return tuple(self.dataset_id.split(AND))

    @property
    def is_erased(self) -> bool:
        """Return whether its files were erased, with what it was trained on; nothing brings it back."""
        return not self.sha256


@dataclass(frozen=True)
class Request:
    """A change of the champion that is asked for while `champion_id` serves (None: the base model). Under one `name` it
    is carried out once, however often it is asked for; without a name each time."""

    champion_id: str | None
    name: str = ""


@dataclass(frozen=True)
class Rollback:
    """What a rollback did. `champion` is None for the base model; `skipped` says why adapters in between were passed
    over. `changed` is false where `left` did not serve any more."""

    champion: Adapter | None
    left: str
    skipped: tuple[str, ...] = ()
    changed: bool = True
