"""A question on its way through the stages. Pure: a stage returns turns with more filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ragloop.answering.prompts import Cited
from ragloop.models import Vectors
from ragloop.records import NOWHERE, CacheUse, Draft, Earlier, LaneName, Origin, Passage, Prompt, Route

_BASE = Route(LaneName.BASE_RAG)


def _no_vector() -> Vectors:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Turn:
    """What the stages have found out about a question so far.

    `lane` is the one asked for, `labels` are the caller's, `origin` is kept in the log, `route` says who answers. A
    turn without `draft` waits to be answered, one with a draft and without `cited` waits for its citations.
    `rival` has the answer of another lane while this one's is written; one of both is taken.
    `ranked` are all passages that were found, in the order in which the generator gets the first of them.
    `unanswerable` says why no passage answers; empty where one may. `reads` is the share of the question that the
    embedder knows, `foreign` the code of its language where the embedder does not read that one. `unknown` are its
    words that no chunk in view has, `weights` what each of its words says about a passage that has it. `decisions` are
    what stages decided, by stage, for the log. `reuse_key` says what the answer depends on, empty where it is not to be
    reused; `reused_from` is the interaction whose answer it is. `verdicts` are what checks found, by check.
    `conversation` is what was said before, oldest first; `rewritten` is the question as it reads without it, empty
    where it is the one asked. `rewriting` is what a model took to write it. A turn that is a part of a question has the
    id of the whole in `part_of` and its text in `asked`.
    `generation` is the fingerprint of the one that all `passages` come from; `top_similarity` is None where there are
    none. Latencies are in milliseconds per stage, each the turn's share of its batch.
    """

    interaction_id: str
    question: str
    lane: LaneName
    labels: frozenset[str] = frozenset()
    origin: Origin = NOWHERE
    vector: Vectors = field(default_factory=_no_vector, compare=False)
    reads: float = 1.0
    foreign: str = ""
    passages: tuple[Passage, ...] = ()
    ranked: tuple[Passage, ...] = ()
    unknown: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    unanswerable: str = ""
    top_similarity: float | None = None
    generation: str = ""
    route: Route = _BASE
    rival: "Turn | None" = None
    prompt: Prompt | None = None
    draft: Draft | None = None
    model: str = ""
    cited: Cited | None = None
    cache: CacheUse = CacheUse.OFF
    reuse_key: str = ""
    reused_from: str = ""
    decisions: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    conversation: tuple[Earlier, ...] = ()
    rewritten: str = ""
    rewriting: Draft | None = None
    part_of: str = ""
    asked: str = ""
    latency_ms: Mapping[str, float] = field(default_factory=dict)

    def decided(self, stage: str, what: str) -> "Turn":
        """Return the turn with what a stage decided; nothing where it says nothing."""
        return replace(self, decisions={**self.decisions, stage: what}) if what else self

    def judged(self, check: str, verdict: str) -> "Turn":
        """Return the turn with what a check found."""
        return replace(self, verdicts={**self.verdicts, check: verdict})

    def routed(self, route: Route) -> "Turn":
        """Return the turn on another route, its answer still to be written."""
        decisions = {stage: what for stage, what in self.decisions.items() if stage != "reuse"}
        turn = replace(self, route=route, prompt=None, draft=None, cited=None, decisions=decisions)
        return replace(turn, reuse_key="", reused_from="", cache=CacheUse.OFF)

    @property
    def query(self) -> str:
        """The question that passages are looked for with, and that is answered."""
        return self.rewritten or self.question

    @property
    def documents(self) -> frozenset[str]:
        """The ids of the documents that the answer cites."""
        numbers = self.cited.numbers if self.cited else ()
        return frozenset(self.passages[n - 1].document_id for n in numbers)
