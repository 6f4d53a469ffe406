"""What an index holds: documents, keys, revisions, texts, counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ragloop.corpus.index.ledger import QUARANTINED, WAITING
from ragloop.corpus.index.predicates import CHUNKS, DOCUMENTS, of_source
from ragloop.corpus.index.table import Index

_TEXTS = 500
"""Documents whose texts are read at once."""


@dataclass(frozen=True)
class LedgerFigures:
    """What the ledger says of the documents of one source: how many can be found, their lags, how many are unread."""

    documents: int = 0
    quarantined: int = 0
    lags_s: tuple[float, ...] = ()


def sources(index: Index) -> list[str]:
    """Name the sources that have documents."""
    rows = index.rows(DOCUMENTS, ["source"])
    return sorted(set(rows["source"].to_pylist()))


def figures_by_source(index: Index) -> Mapping[str, LedgerFigures]:
    """Read the figures of every source that has documents, by its name."""
    rows = index.rows(DOCUMENTS, ["source", "revision", "status", "lag_s"])
    found = {}
    for name in pc.unique(rows["source"]).to_pylist():
        of_source = rows.filter(pc.equal(rows["source"], name))
        found[name] = LedgerFigures(
            documents=pc.count(of_source["revision"]).as_py(),
            quarantined=of_source["status"].to_pylist().count(QUARANTINED),
            lags_s=tuple(pc.drop_null(of_source["lag_s"]).to_pylist()),
        )
    return found


def documents(index: Index, source: str) -> int:
    """Count the documents of a source."""
    return index.store.count(index.generation.table, of_source(source))


def all_documents(index: Index) -> int:
    """Count the documents of all sources, those included that cannot be read."""
    return index.store.count(index.generation.table, DOCUMENTS)


def revisions(index: Index) -> dict[str, str]:
    """Read the revision of every document that can be retrieved, by document id; not of those that wait for a sync.

    What those show may be damaged: nothing that was shown of them counts as unchanged.
    """
    where = f"{DOCUMENTS} AND revision IS NOT NULL AND revision != '{WAITING}'"
    rows = index.rows(where, ["document_id", "revision"])
    return dict(zip(rows["document_id"].to_pylist(), rows["revision"].to_pylist(), strict=True))


@dataclass(frozen=True)
class DocumentState:
    """What the ledger says of a document: its key, its revision, when it changed last, whether it has labels."""

    key: str
    revision: str | None
    changed_at: datetime | None
    labelled: bool


def states(index: Index) -> dict[str, DocumentState]:
    """Read the state of every document, by document id."""
    columns = ("document_id", "key", "revision", "changed_at", "labels")
    rows = index.rows(DOCUMENTS, columns)
    found = zip(*(rows[one].to_pylist() for one in columns), strict=True)
    return {one: DocumentState(key, revision, at, bool(labels)) for one, key, revision, at, labels in found}


def labelled(index: Index) -> frozenset[str]:
    """Name the documents that carry labels, by id."""
    where = f"{DOCUMENTS} AND cardinality(labels) > 0"
    return frozenset(index.rows(where, ["document_id"])["document_id"].to_pylist())


def keys(index: Index) -> dict[str, str]:
    """Read the key of every document, by document id."""
    rows = index.rows(DOCUMENTS, ["document_id", "key"])
    return dict(zip(rows["document_id"].to_pylist(), rows["key"].to_pylist(), strict=True))


def names(index: Index) -> Iterator[tuple[str, str, str, str]]:
    """Yield id, source, key and URI of every document."""
    columns = ("document_id", "source", "key", "uri")
    rows = index.rows(DOCUMENTS, columns)
    yield from zip(*(rows[one].to_pylist() for one in columns), strict=True)


def chunk_texts(index: Index, document_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield document, heading, text and text hash of each chunk of these documents, some documents at a time."""
    columns = ["document_id", "heading", "text", "text_hash"]
    for first in range(0, len(document_ids), _TEXTS):
        yield from index.chunks_of(document_ids[first : first + _TEXTS], columns).to_pylist()


def text_hashes(index: Index) -> dict[str, str]:
    """Read the hash of every chunk's embedded string, by chunk id."""
    rows = index.rows(CHUNKS, ["id", "text_hash"])
    return dict(zip(rows["id"].to_pylist(), rows["text_hash"].to_pylist(), strict=True))


def chunks(index: Index) -> int:
    """Count the chunks that can be retrieved."""
    return index.store.count(index.generation.table, CHUNKS)


def counts(index: Index) -> dict[str, Any]:
    """Count documents, chunks and quarantined documents, with the lag of documents in seconds (p50, p95, max)."""
    where = DOCUMENTS
    documents = index.rows(where, ["revision", "status", "lag_s"])
    lags = pc.drop_null(documents["lag_s"]).to_numpy()
    lag = (
        dict(zip(("p50", "p95", "max"), np.quantile(lags, (0.5, 0.95, 1)).round(3).tolist(), strict=True))
        if len(lags)
        else {}
    )
    return {
        "documents": pc.count(documents["revision"]).as_py(),
        "chunks": chunks(index),
        "quarantined": documents["status"].to_pylist().count(QUARANTINED),
        "lag_s": {"p50": None, "p95": None, "max": None, **lag},
    }


def quarantine(index: Index) -> list[dict[str, Any]]:
    """Read the documents that cannot be read, with their reasons."""
    where = f"{DOCUMENTS} AND status = '{QUARANTINED}'"
    rows: list[dict[str, Any]] = index.store.rows(
        index.generation.table, where, ["source", "key", "uri", "reason", "attempts", "revision"]
    ).to_pylist()
    return rows
