"""What searches keep of one state of an index: the chunks that were found, and where chunks stand in their documents.

A search for row ids alone takes two thirds of the time of one that reads the rows, too; questions find the same chunks
again and again, by vector and by words.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from lancedb.table import AsyncTable

from ragloop.corpus.index.predicates import DOCUMENTS
from ragloop.corpus.index.vectors import to_numpy
from ragloop.models import Vectors
from ragloop.store import quoted

PASSAGE = ["id", "document_id", "source", "uri", "title", "heading", "text", "text_hash", "confidence", "planted"]
"""The columns of a chunk that make a passage; see Index.has."""
ROW_ID = "_rowid"
_MOST_CHUNKS = 8_192
"""Chunks that are kept with their vectors, some 4 kB each."""
_MOST_PLACES = 20_000
"""Chunks of which it is kept where they stand, some 500 bytes each."""
_MOST_BEGINNINGS = 4_096
"""Documents of which the first chunk is kept."""
_READ_WHOLE = 10_000
"""Up to so many rows of an index the places of all chunks are read at once: it takes as long as to read a few."""


@dataclass(frozen=True)
class Chunk:
    """A chunk that a search found: its columns and its vector."""

    columns: Mapping[str, Any]
    vector: Vectors


class KeptChunks:
    """The chunks of one version of a table by LanceDB's row id. It is read by coroutines of one thread."""

    def __init__(self, table: AsyncTable, dimension: int, columns: Sequence[str]) -> None:
        self._table, self._dimension, self._columns = table, dimension, list(columns)
        self._known: dict[int, Chunk] = {}

    async def of(self, row_ids: Iterable[int]) -> Mapping[int, Chunk]:
        """Return the chunks with these row ids; those that are not known yet are read in one query."""
        wanted = set(row_ids)
        known = {one: self._known[one] for one in wanted if one in self._known}
        missing = sorted(wanted - known.keys())
        if not missing:
            return known
        read = await self._table.take_row_ids(missing).with_row_id().select([*self._columns, "vector"]).to_arrow()
        vectors = to_numpy(read["vector"], self._dimension)
        rows = read.select(self._columns).to_pylist()
        found = dict(zip(read[ROW_ID].to_pylist(), map(Chunk, rows, vectors), strict=True))
        self._known = {**(self._known if len(self._known) < _MOST_CHUNKS else {}), **found}
        return {**known, **found}


class Places:
    """Where the chunks of one version of a table stand in their documents.

    A place is a document's `revision`, `start` and `end` in it, and `first`, the id of the chunk that it begins with.
    """

    def __init__(self, table: AsyncTable) -> None:
        self._table = table
        self._known: dict[str, dict[str, Any]] = {}

    def known(self, chunk_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the places of those of these chunks that are known."""
        return {one: self._known[one] for one in chunk_ids if one in self._known}

    async def find(self, chunks: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Read and return the places of these rows of chunks, of a small index those of all its chunks.

        A chunk that its document does not name has none.
        """
        if await self._table.count_rows() <= _READ_WHOLE:
            self._known = _places(await self._read(DOCUMENTS))
            return self._known
        documents = sorted({row["document_id"] for row in chunks})
        found = _places(await self._read(f"id IN ({quoted(documents)})"), [row["id"] for row in chunks])
        self._known = {**(self._known if len(self._known) < _MOST_PLACES else {}), **found}
        return found

    async def _read(self, where: str) -> pa.Table:
        return await self._table.query().where(where).select(["id", "revision", "spans"]).to_arrow()


class Beginnings:
    """The texts that the documents of one version of a table begin with."""

    def __init__(self, table: AsyncTable) -> None:
        self._table = table
        self._known: dict[str, str] = {}

    def known(self, chunk_ids: Iterable[str]) -> dict[str, str]:
        """Return the texts of those of these chunks that are known, by id."""
        return {one: self._known[one] for one in chunk_ids if one in self._known}

    async def find(self, chunk_ids: Collection[str]) -> dict[str, str]:
        """Return the texts of these chunks by id; those that are not known yet are read in one query."""
        found = self.known(chunk_ids)
        if missing := sorted(set(chunk_ids) - found.keys()):
            wanted = self._table.query().where(f"id IN ({quoted(missing)})").select(["id", "text"])
            rows = await wanted.to_arrow()
            read = dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
            self._known = {**(self._known if len(self._known) < _MOST_BEGINNINGS else {}), **read}
            found |= read
        return found


def _places(documents: pa.Table, chunk_ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the places of these chunks by id, or of all; a long document has thousands of others."""
    spans = documents["spans"].combine_chunks()
    parents = pc.list_parent_indices(spans)
    first = [one[0]["chunk_id"] if one else None for one in pc.list_slice(spans, 0, 1).to_pylist()]
    of_documents = [one.take(parents) for one in (documents["revision"].combine_chunks(), pa.array(first, pa.string()))]
    found = pa.table([*spans.flatten().flatten(), *of_documents], ["id", "start", "end", "revision", "first"])
    if chunk_ids is not None:
        found = found.filter(pc.is_in(found["id"], value_set=pa.array(chunk_ids, pa.string())))
    return {row.pop("id"): row for row in found.to_pylist()}
