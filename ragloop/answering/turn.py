"""A question on its way through the stages. Pure: a stage returns turns with more filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ragloop.answering.prompts import Cited
from ragloop.models import Vectors
from ragloop.records import NOWHERE, Draft, LaneName, Origin, Passage, Prompt, Route

_BASE = Route(LaneName.BASE_RAG)


def _no_vector() -> Vectors:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Turn:
    """What the stages have found out about a question so far.

    `lane` is the one asked for, `labels` are the caller's, `origin` is kept in the log, `route` says who answers. A
    turn without `draft` waits to be answered, one with a draft and without `cited` waits for its citations.
    `generation` is the fingerprint of the one that all `passages` come from; `top_similarity` is None where there are
    none. Latencies are in milliseconds per stage, each the turn's share of its batch.
    """

    interaction_id: str
    question: str
    lane: LaneName
    labels: frozenset[str] = frozenset()
    origin: Origin = NOWHERE
    vector: Vectors = field(default_factory=_no_vector, compare=False)
    passages: tuple[Passage, ...] = ()
    top_similarity: float | None = None
    generation: str = ""
    route: Route = _BASE
    prompt: Prompt | None = None
    draft: Draft | None = None
    model: str = ""
    cited: Cited | None = None
    latency_ms: Mapping[str, float] = field(default_factory=dict)

    def routed(self, route: Route) -> "Turn":
        """Return the turn on another route, its answer still to be written."""
        return replace(self, route=route, prompt=None, draft=None, cited=None)

    @property
    def documents(self) -> frozenset[str]:
        """The ids of the documents that the answer cites."""
        numbers = self.cited.numbers if self.cited else ()
        return frozenset(self.passages[n - 1].document_id for n in numbers)
