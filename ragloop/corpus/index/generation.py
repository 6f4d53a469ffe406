"""Generations of an index and their states, and the decision which of them a sync works on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragloop.hashes import sha256_of_text

BUILDING, READY, LIVE, RETIRED, REFUSED = "building", "ready", "live", "retired", "refused"


@dataclass(frozen=True)
class Generation:
    """What an index is built by; two of them differ in their fingerprint when any of parser to dimension does.

    `embedder_name` and `embedder_backend` open the embedder again, as the settings index.embedder and
    index.embedder_backend do; a store of schema 1 did not keep them, and has None. `number` counts the builds of one
    fingerprint.
    """

    parser: str
    chunker: str
    embedder: str
    dimension: int
    embedder_name: str | None = None
    embedder_backend: str | None = None
    number: int = 1

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 over all parts."""
        parts = "\n".join([self.parser, self.chunker, self.embedder, str(self.dimension)])
        return sha256_of_text(parts)[:16]

    @property
    def table(self) -> str:
        """Name of the table that holds it."""
        return f"index_{self.fingerprint}" + (f"_{self.number}" if self.number > 1 else "")

    @property
    def chunk_tokens(self) -> int:
        """Most tokens in an embedded string."""
        return int(self.chunker.rpartition("/")[2])

    def is_made_as(self, other: "Generation") -> bool:
        """Whether code that builds the other can build this one: equal versions of parser and chunker."""
        version, others = self.chunker.rpartition("/")[0], other.chunker.rpartition("/")[0]
        return (self.parser, version) == (other.parser, others)

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.parser}, {self.chunker}, {self.embedder})"


@dataclass(frozen=True)
class KnownGeneration:
    """A generation that the store knows. `ended_at`: when it was last retired or refused."""

    generation: Generation
    state: str
    created_at: datetime
    cut_over_at: datetime | None = None
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.state not in (BUILDING, READY, LIVE, RETIRED, REFUSED):
            raise ValueError(f"found state {self.state!r} of a generation")

    @property
    def table(self) -> str:
        """Name of its table."""
        return self.generation.table

    @property
    def fingerprint(self) -> str:
        """Of its generation."""
        return self.generation.fingerprint


class Situation(StrEnum):
    """What a sync finds among the generations of a store."""

    NOTHING_ANSWERS = "nothing answers"
    """What the settings ask for is made, and answers from its start."""
    HALF_BUILT = "half built"
    """A build of what the settings ask for was begun, and goes on."""
    UP_TO_DATE = "up to date"
    """What answers is what the settings ask for."""
    REFUSED = "refused"
    """What the settings ask for was rolled back: what answers is brought up to date, and goes on answering."""
    KEPT = "kept"
    """What the settings ask for answered before: it is brought up to date beside what answers."""
    WANTED = "wanted"
    """What the settings ask for is built beside what answers."""


_BUILDS = frozenset({Situation.HALF_BUILT, Situation.KEPT, Situation.WANTED})


@dataclass(frozen=True)
class Step:
    """What a sync does next. `building` is gone on with; `abandoned` are half built and no longer asked for.

    Where nothing answers, `abandoned` are all that a sync would go on with or bring up to date.
    """

    situation: Situation
    live: KnownGeneration | None = None
    building: KnownGeneration | None = None
    abandoned: tuple[KnownGeneration, ...] = ()

    @property
    def builds(self) -> bool:
        """Whether a generation is built beside the live one."""
        return self.situation in _BUILDS


def next_step(
    known: Sequence[KnownGeneration], wanted: Generation, *, tables: Collection[str], rebuild: bool = False
) -> Step:
    """Decide what a sync works on. `known` is newest first, `tables` are those that are there.

    A half-built generation that is no longer asked for is abandoned; one that is goes on. Going back to a generation
    that is still kept brings that one up to date. A rebuild always begins a new table.
    """
    live = next((one for one in known if one.state == LIVE and one.table in tables), None)
    if live is None:
        unusable = (one for one in known if one.state in (LIVE, BUILDING, READY))
        return Step(Situation.NOTHING_ANSWERS, abandoned=tuple(unusable))
    half_built = [one for one in known if one.state in (BUILDING, READY)]
    if rebuild:
        return Step(Situation.WANTED, live, abandoned=tuple(half_built))
    alike = [one for one in known if one.fingerprint == wanted.fingerprint]
    going_on = [one for one in half_built if one in alike]
    abandoned = tuple(one for one in half_built if one not in alike)
    if going_on:
        return Step(Situation.HALF_BUILT, live, going_on[0], abandoned)
    if live in alike:
        return Step(Situation.UP_TO_DATE, live, None, abandoned)
    if any(one.state == REFUSED for one in alike):
        return Step(Situation.REFUSED, live, None, abandoned)
    kept = [one for one in alike if one.state == RETIRED and one.table in tables]
    return Step(Situation.KEPT if kept else Situation.WANTED, live, kept[0] if kept else None, abandoned)
