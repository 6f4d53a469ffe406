"""How a sync is done: what the settings say, and what was asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared


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
    retry_quarantined: bool = False
    prepare: Callable[[Preparation, Sequence[Listed]], Iterator[Prepared]] = Preparation.documents
