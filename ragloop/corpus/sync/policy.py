"""How a sync is done: what the settings say, and what was asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ragloop.config import IndexSettings, SyncSettings
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared


@dataclass(frozen=True)
class SyncPolicy:
    """How a sync reads, commits and guards; fields of config.SyncSettings and IndexSettings, and what was asked for."""

    batch_documents: int = 500
    batch_seconds: float = 4.0
    guard_documents: int = 10
    guard_share: float = 0.10
    max_document_bytes: int = 64 * 2**20
    limits: ParseLimits = field(default_factory=ParseLimits)
    confirm_deletes: bool = False
    approved: frozenset[tuple[str, str]] = frozenset()
    """Source and key of documents that somebody said may go, however many are gone."""
    retry_quarantined: bool = False
    cutover: str = "auto"
    refresh_s: float = 600.0
    keep_days: float = 7.0
    vector_retention_days: float = 30.0
    prepare: Callable[[Preparation, Sequence[Listed]], Iterator[Prepared]] = Preparation.documents

    @classmethod
    def of(
        cls,
        sync: SyncSettings,
        index: IndexSettings,
        *,
        confirm_deletes: bool = False,
        retry_quarantined: bool = False,
        approved: frozenset[tuple[str, str]] = frozenset(),
    ) -> "SyncPolicy":
        """Take what the settings say, and what was asked for."""
        return cls(
            batch_documents=sync.batch_documents,
            batch_seconds=sync.batch_seconds,
            guard_documents=sync.guard_documents,
            guard_share=sync.guard_share,
            max_document_bytes=int(sync.max_document_mb * 2**20),
            limits=ParseLimits.of(
                sync.max_parse_seconds, sync.max_pages, sync.max_parse_mb, sync.max_unpacked_mb, sync.max_document_mb
            ),
            confirm_deletes=confirm_deletes,
            approved=approved,
            retry_quarantined=retry_quarantined,
            cutover=index.cutover,
            refresh_s=index.refresh_minutes * 60,
            keep_days=index.keep_days,
            vector_retention_days=index.vector_retention_days,
        )
