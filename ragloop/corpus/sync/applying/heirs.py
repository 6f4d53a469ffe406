"""Give documents that cannot be read the last good revision of the document that each of them was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragloop.corpus.index import documents
from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.index.table import Index
from ragloop.corpus.sync.decisions.renames import inherit
from ragloop.models import Vectors


@dataclass(frozen=True)
class Heir:
    """The ledger's row of a document that inherited, and its chunks with their vectors."""

    row: LedgerRow
    chunks: tuple[tuple[dict[str, Any], Vectors], ...]


def heirs(index: Index, pairs: Sequence[tuple[LedgerRow, LedgerRow]]) -> list[Heir]:
    """Let the second document of each pair inherit what the first one has."""
    of_document: dict[str, list[tuple[dict[str, Any], Vectors]]] = {}
    for chunk, vector in documents.chunk_rows(index, [row.document_id for row, _ in pairs]):
        of_document.setdefault(chunk["document_id"], []).append((chunk, vector))
    return [_heir(row, heir, of_document.get(row.document_id, [])) for row, heir in pairs]


def _heir(row: LedgerRow, heir: LedgerRow, held: Sequence[tuple[dict[str, Any], Vectors]]) -> Heir:
    kept, ids = inherit(row, heir, {one["id"]: one["text_hash"] for one, _ in held})
    place = {"document_id": kept.document_id, "key": kept.key, "uri": kept.uri, "labels": list(kept.labels)}
    chunks = (({**one, **place, "id": ids[one["id"]]}, vector) for one, vector in held if one["id"] in ids)
    return Heir(kept, tuple(chunks))
