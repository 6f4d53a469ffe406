"""The Protocol that every source of documents obeys, and the records that pass through it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ragloop.corpus.sources.listing import Listed, Listing

__all__ = ["Listed", "Listing", "Read", "Source", "Way"]


@dataclass(frozen=True)
class Read:
    """The bytes of a document, and the stamp and time of the very revision that was read."""

    data: bytes
    stamp: str
    changed_at: datetime


@dataclass(frozen=True)
class Way:
    """Where a source was found: the place as it is named, the place that it is, and the links on the way there."""

    named: str
    place: str
    links: tuple[str, ...] = ()


class Source(Protocol):
    """Where documents come from. Pickled, it goes to other processes: without credentials, which those have."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def readers(self) -> int:
        """How many documents are worth reading at once: one from a disk, several where each answer is waited for."""

    @property
    def way(self) -> Way:
        """Where it is now; kept with its scans, so that a later one knows what was there."""

    def list(self) -> Listing:
        """List every document once, in any order, without reading one, and count what is passed over.

        Raises NotFoundError when the source itself is not there, UnavailableError when it cannot be reached now. A
        listing that fails half-way says nothing of what is gone.
        """

    @property
    def may_be_empty(self) -> bool:
        """Whether a listing without any file is no mistake: of a place that is there, and that no pattern narrows."""

    def empty(self) -> str:
        """Say what is there where a listing had no document: what was looked for, and what to correct."""

    def find(self, key: str, uri: str) -> Listed | None:
        """List one document by the key and the URI that a listing gave it; None where it is not there."""

    def beside(self, key: str) -> Listed | None:
        """List a file that a document shows, such as an image of a page, by the key that it would have.

        None where it is not there, or not this source's to read: excluded, or another source's.
        """

    def read(self, listed: Listed, max_bytes: int) -> Read:
        """Read a document; called from several threads.

        Raises NotFoundError when it is gone, DocumentError when it cannot be read, UnavailableError when that is no
        fault of its own.
        """

    def trace(self, stamp: str) -> str:
        """Return what a rename leaves of a stamp, and hardly another document has; empty where nothing is left."""

    def settles_us(self, stamp: str, at_us: int) -> int:
        """Return how long this stamp must have been known before bytes that are read under it are the last to get it.

        0 where it is certain already that no write after `at_us` gets it. Microseconds, `at_us` since 1970.
        """
