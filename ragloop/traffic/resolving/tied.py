"""What became of a passage that another service showed: its document, and whether its text still stands there."""

from dataclasses import dataclass
from enum import StrEnum

from ragloop.traffic.resolving.document import KeptChunk, KnownDocument


class Verdict(StrEnum):
    """How a passage was tied to a document, or why it was not."""

    REVISION = "revision"
    """The service names the document, and its present revision."""
    DOCUMENT = "document"
    """The service names the document, and all that the passage says stands there."""
    TEXT = "text"
    """Nothing names the document; all that the passage says stands in one."""
    CHANGED = "changed"
    """The passage is of a known document, which says something else now."""
    UNRESOLVED = "unresolved"
    """No document is known that the passage is of."""


LIVE = frozenset((Verdict.REVISION, Verdict.DOCUMENT, Verdict.TEXT))
"""Verdicts of passages that may be trained on."""


@dataclass(frozen=True)
class Tied:
    """A passage with its verdict. `chunks` hold its text and `statements` are the digests of what it says.

    A passage that changed has a document and nothing else; one that is unresolved has nothing.
    """

    verdict: Verdict
    document: KnownDocument | None = None
    chunks: tuple[KeptChunk, ...] = ()
    statements: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """Return whether what the passage says stands in the index now."""
        return self.verdict in LIVE


UNRESOLVED = Tied(Verdict.UNRESOLVED)
