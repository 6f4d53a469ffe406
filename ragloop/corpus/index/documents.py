"""The documents of an index as a sync and its checks read them: the ledger of a source, and chunks by document."""

from collections.abc import Sequence
from typing import Any

from ragloop.corpus.index import ledger as ledgers
from ragloop.corpus.index.ledger import COLUMNS, COMPARED, QUARANTINED, Held, Known, Ledger
from ragloop.corpus.index.predicates import of_source
from ragloop.corpus.index.table import Index
from ragloop.corpus.index.vectors import to_numpy
from ragloop.models import Vectors


def known(index: Index, source: str, labels: tuple[str, ...], keys: Sequence[str] | None = None) -> Known:
    """Read what a listing of a source with these labels is compared with: all documents, or those with these keys."""
    return ledgers.known(index.rows(of_source(source, keys), COMPARED), labels)


def ledger(index: Index, source: str, keys: Sequence[str] | None = None) -> Ledger:
    """Read the documents of a source by key, all of them or those with these keys."""
    return Ledger(index.rows(of_source(source, keys), COLUMNS))


def never_read(index: Index, source: str) -> Ledger:
    """Read the quarantined documents of a source of which no revision was ever good."""
    where = f"{of_source(source)} AND status = '{QUARANTINED}' AND revision IS NULL"
    return Ledger(index.rows(where, COLUMNS))


def held_chunks(index: Index, document_ids: Sequence[str]) -> dict[str, Held]:
    """Read the chunks of these documents by id."""
    rows = index.chunks_of(document_ids, ["id", *Held._fields])
    columns = (rows[name].to_pylist() for name in Held._fields)
    return dict(zip(rows["id"].to_pylist(), map(Held, *columns), strict=True))


def chunk_rows(index: Index, document_ids: Sequence[str]) -> list[tuple[dict[str, Any], Vectors]]:
    """Read the chunks of these documents as they were committed, each with its vector."""
    rows = index.chunks_of(document_ids)
    vectors = to_numpy(rows["vector"], index.generation.dimension)
    return list(zip(rows.drop_columns(["vector"]).to_pylist(), vectors, strict=True))
