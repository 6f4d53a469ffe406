"""A generation of the index: what it is built by, and its state."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragloop.hashes import sha256_of_text

PARSER = "9"
"""Change it whenever any output of ragloop.corpus.parsing changes."""
CHUNKER = "3"
"""Change it whenever any output of ragloop.corpus.chunking.chunker changes."""


class GenerationState(StrEnum):
    """Where a generation stands."""

    BUILDING = "building"
    READY = "ready"
    """It holds all of its sources and waits for the cut-over."""
    ACTIVE = "active"
    """It answers."""
    RETIRED = "retired"
    """It answered before, and a rollback goes back to the newest of these."""
    REFUSED = "refused"
    """It was rolled back: only a person lets it answer again."""


@dataclass(frozen=True)
class Generation:
    """What an index is built by; two of them differ in their fingerprint when any of parser to dimension does.

    `embedder_name` and `embedder_backend` open the embedder again, as the settings index.embedder and
    index.embedder_backend do. `number` counts the builds of one fingerprint.
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
        """Return sixteen hexadecimal digits of the SHA-256 over all parts."""
        parts = "\n".join([self.parser, self.chunker, self.embedder, str(self.dimension)])
        return sha256_of_text(parts)[:16]

    @property
    def table(self) -> str:
        """Return the name of the table that holds the generation."""
        return f"index_{self.fingerprint}" + (f"_{self.number}" if self.number > 1 else "")

    @property
    def chunk_tokens(self) -> int:
        """Return the most tokens in an embedded string."""
        return int(self.chunker.rpartition("/")[2])

    def is_made_as(self, other: "Generation") -> bool:
        """Return whether code that builds the other can build this one: equal versions of parser and chunker."""
        version, others = self.chunker.rpartition("/")[0], other.chunker.rpartition("/")[0]
        return (self.parser, version) == (other.parser, others)

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.parser}, {self.chunker}, {self.embedder})"


@dataclass(frozen=True)
class KnownGeneration:
    """A generation that the store knows. `ended_at`: when it was last retired or refused."""

    generation: Generation
    state: GenerationState
    created_at: datetime
    cut_over_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def table(self) -> str:
        """Return the name of its table."""
        return self.generation.table

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of its generation."""
        return self.generation.fingerprint

    @property
    def end(self) -> datetime:
        """Return when it ended, or else when it began."""
        return self.ended_at or self.created_at

    def is_in(self, *states: GenerationState) -> bool:
        """Return whether it is in one of these states."""
        return self.state in states
