"""How a sync is done: what the settings say, and what was asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragloop.corpus.index.identity import document_id
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.hashes import sha256_of_text


class SuppressedBy(StrEnum):
    """What a hash is of."""

    DOCUMENT = "document"
    """Source and key; the hash is the id of the document."""
    URI = "uri"
    REVISION = "revision"
    """The bytes of the document."""


@dataclass(frozen=True)
class Suppressions:
    """Hashes of what must not be indexed."""

    documents: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    revisions: frozenset[str] = frozenset()

    def holds(self, source: str, key: str, uri: str) -> bool:
        """Return whether the document at a key of a source, or at a URI, was erased."""
        if not self.documents and not self.uris:
            return False
        return document_id(source, key) in self.documents or sha256_of_text(uri) in self.uris

    def rows(self) -> Iterable[tuple[SuppressedBy, str]]:
        """Yield each hash with what it is of."""
        for kind, hashes in zip(SuppressedBy, (self.documents, self.uris, self.revisions), strict=True):
            for one in sorted(hashes):
                yield kind, one


NOTHING_ERASED = Suppressions()


@dataclass(frozen=True)
class SyncPolicy:
    """How a sync reads, commits and guards. What has a default is asked for, not set."""

    batch_documents: int
    batch_seconds: float
    guard_documents: int
    guard_share: float
    max_document_bytes: int
    limits: ParseLimits
    cutover: str
    refresh_s: float
    keep_days: float
    vector_retention_days: float
    confirm_deletes: bool = False
    approved: frozenset[tuple[str, str]] = frozenset()
    """Source and key of documents that somebody said may go, however many are gone."""
    refused: frozenset[tuple[str, str]] = frozenset()
    """Source and key of documents that somebody said stay, though they are gone from their source."""
    suppressed: Suppressions = NOTHING_ERASED
    """What was erased; a sync reads it under the lease of the index."""
    retry_quarantined: bool = False
    prepare: Callable[[Preparation, Sequence[Listed]], Iterator[Prepared]] = Preparation.documents
