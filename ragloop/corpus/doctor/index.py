"""The index that answers: its rows, its stored vectors, its search indexes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragloop.corpus.chunking.above import CountTokens
from ragloop.corpus.doctor.audit import Audit, Auditor
from ragloop.corpus.doctor.tables import is_readable, must_have_all_columns
from ragloop.corpus.index import health
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.ledger import CURRENT
from ragloop.corpus.index.table import Index
from ragloop.corpus.index.vectors import table_of
from ragloop.errors import RagloopError, StoreDamagedError
from ragloop.models import Embedder
from ragloop.store import Store, quoted


@dataclass(frozen=True)
class ExaminedIndex:
    """The index of the generation that answers; `progress` takes rows done and rows to do."""

    store: Store
    active: Generation | None
    open_embedder: Callable[[Generation], Embedder]
    progress: Callable[[int, int], None]

    @cached_property
    def index(self) -> Index | None:
        """Return the index."""
        return Index(self.store, self.active) if self.active is not None else None

    @cached_property
    def unreadable_vectors(self) -> frozenset[str]:
        """Return the table of stored vectors of the index that answers, where it cannot be read."""
        name = table_of(self.active.embedder) if self.active is not None else ""
        return frozenset({name} if name and self.store.tables.has(name) and not is_readable(self.store, name) else ())

    @cached_property
    def audited(self) -> Audit | None:
        """Return what its rows say against each other; None where they cannot be read."""
        if self.index is None:
            return None
        try:
            name = self.index.generation.table
            must_have_all_columns(name, self.store.reads.schema(name))
            auditor = Auditor(self.index, self._counter, use_stored=not self.unreadable_vectors)
            return auditor.run(self.progress)
        except StoreDamagedError:
            return None

    @property
    def audit(self) -> Audit:
        """Return the audit, an empty one where there is none."""
        return self.audited or Audit()

    def _counter(self) -> CountTokens | None:
        assert self.active is not None
        try:
            return self.open_embedder(self.active).count_tokens
        except RagloopError:
            return None

    @cached_property
    def wrong_search_indexes(self) -> Sequence[str]:
        """Return the columns whose search index is missing, stale or damaged."""
        return wrong_search_indexes(self.index, self.audited) if self.index and self.audited else ()


def wrong_search_indexes(index: Index, audit: Audit) -> list[str]:
    """Return the columns whose search index is missing, stale or damaged."""
    if not audit.documents:
        return []
    lacking = health.lacking_indexes(index)
    tried = {name: one for name, one in _expected(audit).items() if name not in lacking}
    return [*lacking, *health.failing_indexes(index, tried, audit.word)]


def _expected(audit: Audit) -> dict[str, tuple[str, int]]:
    """Return a predicate for each column, and how many rows satisfy it."""
    owners = sorted(set(audit.sample.values()))
    expected = {
        "deleted": ("NOT deleted", audit.documents + audit.chunks),
        "kind": ("kind = 'chunk'", audit.counts.kinds["chunk"]),
        "source": (f"source IN ({quoted(['', *audit.counts.sources])})", audit.counts.sources.total()),
        "status": (f"status = '{CURRENT}'", audit.counts.states[CURRENT]),
        "labels": (f"array_has_any(labels, [{quoted(['', *audit.counts.labels])}])", audit.counts.labels.total()),
        "id": (f"id IN ({quoted(list(audit.sample))})", len(audit.sample)),
        "document_id": (f"document_id IN ({quoted(owners)})", sum(audit.counts.owners[one] for one in owners)),
    }
    if audit.doubled or not audit.sample:
        return {name: one for name, one in expected.items() if not name.endswith("id")}
    return expected
