"""The words of documents of an index, read some hundred documents at a time and kept while there is room."""

from collections.abc import Iterable

from ragloop.corpus.index.predicates import chunks_of_documents
from ragloop.corpus.index.table import Index
from ragloop.store import quoted
from ragloop.traffic.resolving.document import DocumentWords, KeptChunk, KnownDocument
from ragloop.traffic.resolving.places import Places

_TOGETHER = 300
_MOST_CHARACTERS = 200_000_000
"""Text that is kept; documents beyond it are read again when they are needed."""


class Library:
    """Documents of one state of an index."""

    def __init__(self, index: Index) -> None:
        self.index = index.snapshot()
        self.places = Places.of(self.index)
        self._held: dict[str, DocumentWords] = {}
        self._characters = 0

    def prepare(self, document_ids: Iterable[str]) -> None:
        """Read the documents with these ids that are not held."""
        wanted = [one for one in dict.fromkeys(document_ids) if one in self.places.by_id and one not in self._held]
        if self._characters > _MOST_CHARACTERS:
            self._held, self._characters = {}, 0
        for first in range(0, len(wanted), _TOGETHER):
            self._read(wanted[first : first + _TOGETHER])

    def document(self, document_id: str) -> DocumentWords:
        """Return the words of a document that the ledger knows."""
        if document_id not in self._held:
            self.prepare([document_id])
        return self._held[document_id]

    def _read(self, document_ids: list[str]) -> None:
        ledger = self.index.read(f"id IN ({quoted(document_ids)})", ["document_id", "spans"]).to_pylist()
        columns = ["id", "heading", "text", "text_hash"]
        rows = {one["id"]: one for one in self.index.read(chunks_of_documents(document_ids), columns).to_pylist()}
        spans = {one["document_id"]: one["spans"] or () for one in ledger}
        for one in document_ids:
            held = [(span, rows[span["chunk_id"]]) for span in spans.get(one, ()) if span["chunk_id"] in rows]
            chunks = [
                KeptChunk(row["id"], row["text_hash"], row["heading"] or "", row["text"], span["start"], span["end"])
                for span, row in held
            ]
            self._held[one] = DocumentWords(self.places.by_id[one], chunks)
            self._characters += self._held[one].characters

    def of_chunk(self, chunk_id: str) -> KnownDocument | None:
        """Return the document that has a chunk of this id now."""
        if len(chunk_id) != _ID:
            return None
        rows = self.index.read(f"NOT deleted AND kind = 'chunk' AND id IN ({quoted([chunk_id])})", ["document_id"])
        return self.places.by_id.get(rows["document_id"][0].as_py()) if rows.num_rows else None


_ID = 32
"""Characters of the id of a chunk."""
