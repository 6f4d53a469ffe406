"""What the rows of an index say against each other and against the stored vectors: one pass over the table.

The pass uses no scalar index, since one that is damaged or stale would hide what it does not hold. Nothing is written.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.chunking.above import CountTokens, embedded_strings
from ragloop.corpus.index.identity import chunk_id, document_id
from ragloop.corpus.index.ledger import CURRENT, WAITING
from ragloop.corpus.index.table import Index, with_words
from ragloop.corpus.index.vectors import table_of, to_numpy
from ragloop.hashes import sha256_of_text
from ragloop.models import Vectors
from ragloop.store import Store, quoted

AGREEMENT = 0.9999
"""Least cosine between vectors of one string and one fingerprint, as ragloop.models.embedding.runtimes promises."""
UNIT = 1e-3
"""How far the length of a vector may be from 1: float32 of 384 numbers is exact to 1e-6, eight-bit weights to 1e-3."""
_BATCH = 4096
_SAMPLE = 50
_DESCRIPTION = ("source", "key", "uri", "title", "labels")
"""What every chunk repeats of its document."""


@dataclass
class Audit:
    """What was found. Documents are named by id, stored vectors by text hash.

    `kinds`, `rows_of` (a document), `sources` and `states` count rows, tombstones among them. `sample`: some chunk ids
    with their documents. `doubled`: `_rowid` of every row whose id another row has, but for one of each. `ownerless`:
    chunk ids whose document is not in the ledger, and ids of ledger rows that no key has, with their document ids and
    kinds.
    `disagreeing`: hashes whose vectors differ between index and store, with the embedded string where it is known;
    `doubted`: the documents that have them. `broken`: hashes whose stored vectors are not of unit length.
    """

    documents: int = 0
    chunks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    rows_of: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    sample: dict[str, str] = field(default_factory=dict)
    word: str = ""
    ledger: dict[str, dict[str, Any]] = field(default_factory=dict)
    doubled: list[int] = field(default_factory=list)
    doubled_documents: set[str] = field(default_factory=set)
    ownerless: dict[str, tuple[str, str]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    rows: set[str] = field(default_factory=set)
    descriptions: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)
    disagreeing: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    not_stored: set[str] = field(default_factory=set)

    @property
    def embeddable(self) -> dict[str, str]:
        """Return the strings whose vectors disagree, by their hash, as far as they are known."""
        return {text_hash: text for text_hash, text in self.disagreeing.items() if text}


@dataclass(frozen=True)
class _Chunk:
    id: str
    text_hash: bytes
    characters: int
    below_header: int
    described: int


class Stored:
    """The stored vectors of one embedder, as digests; those that are no vectors of unit length are `broken`."""

    def __init__(self, store: Store, fingerprint: str, *, readable: bool = True) -> None:
        self._store, self._name = store, table_of(fingerprint)
        self.broken: set[str] = set()
        self._digests: dict[str, int] = {}
        if readable and store.tables.has(self._name):
            for batch in batches(store, self._name, ["text_hash", "vector"]):
                self._take(batch)

    def _take(self, batch: pa.RecordBatch) -> None:
        hashes, made = batch["text_hash"].to_pylist(), _vectors(batch)
        for text_hash, vector, whole in zip(hashes, made, _are_unit(made), strict=True):
            if not whole:
                self.broken.add(text_hash)
            self._digests[text_hash] = hash(vector.tobytes())

    def holds(self, text_hash: str) -> bool:
        """Return whether there is a vector of unit length."""
        return text_hash in self._digests and text_hash not in self.broken

    def differing(self, hashes: Sequence[str], vectors: Vectors) -> set[str]:
        """Return the hashes whose stored vectors are not these; a few bits apart is no difference."""
        apart = {
            text_hash: vector
            for text_hash, vector in zip(hashes, vectors, strict=True)
            if self.holds(text_hash) and self._digests[text_hash] != hash(vector.tobytes())
        }
        if not apart:
            return set()
        rows = self._store.rows(self._name, f"text_hash IN ({quoted(list(apart))})", ["text_hash", "vector"])
        kept = zip(rows["text_hash"].to_pylist(), to_numpy(rows["vector"], vectors.shape[1]), strict=True)
        return {text_hash for text_hash, vector in kept if not float(vector @ apart[text_hash]) >= AGREEMENT}


class Auditor:
    """Takes the rows of one index, batch by batch. `count_tokens` is asked for only where a heading was shortened.

    Without `use_stored`, as where they cannot be read, there are no stored vectors.
    """

    def __init__(
        self, index: Index, count_tokens: Callable[[], CountTokens | None], *, use_stored: bool = True
    ) -> None:
        self._index = index
        self._count_tokens = count_tokens
        self._stored = Stored(index.store, index.generation.embedder, readable=use_stored)
        self._chunks: dict[str, list[_Chunk]] = defaultdict(list)
        self._seen: list[pa.RecordBatch] = []
        self.found = Audit()

    def run(self, progress: Callable[[int, int], None]) -> Audit:
        """Audit every row. `progress` takes rows done and rows to do. Raises RuntimeError where files are damaged."""
        store, name = self._index.store, self._index.generation.table
        total, done = store.count(name), 0
        for batch in batches(store, name):
            self._take(batch)
            done += batch.num_rows
            progress(done, total)
        self._compare()
        self.found.broken |= self._stored.broken
        return self.found

    def _take(self, batch: pa.RecordBatch) -> None:
        self._seen.append(batch.select(["id", "_rowid", "deleted", "document_id"]))
        self.found.kinds.update(batch["kind"].to_pylist())
        self.found.rows_of.update(batch["document_id"].to_pylist())
        self.found.sources.update(batch["source"].drop_null().to_pylist())
        self.found.states.update(batch["status"].drop_null().to_pylist())
        kept = batch.filter(pc.invert(batch["deleted"]))
        is_document = pc.equal(kept["kind"], "document")
        documents = kept.filter(is_document)
        for row, spans in zip(documents.drop_columns(["vector", "spans"]).to_pylist(), documents["spans"], strict=True):
            # As Arrow has them: as Python's, the spans of a million chunks would be half a gigabyte.
            self._take_document({**row, "spans": spans if spans.is_valid else None})
        self._take_chunks(kept.filter(pc.invert(is_document)))

    def _take_document(self, row: dict[str, Any]) -> None:
        found = self.found
        found.documents += 1
        expected = document_id(row["source"] or "", row["key"] or "")
        if not row["id"] == row["document_id"] == expected:
            found.ownerless[row["id"]] = (row["document_id"] or "", "document")
            return
        found.ledger[expected] = row

    def _take_chunks(self, chunks: pa.RecordBatch) -> None:
        if chunks.num_rows == 0:
            return
        found = self.found
        rows = chunks.drop_columns(["vector"]).to_pylist()
        columns = {name: chunks[name].to_pylist() for name in chunks.schema.names if name != "vector"}
        documents, hashes = columns["document_id"], columns["text_hash"]
        if not found.sample:
            found.sample = dict(list(zip(columns["id"], documents, strict=True))[:_SAMPLE])
            found.word = next(iter((columns["words"][0] or "").split()), "")
        found.chunks += chunks.num_rows
        described = [_described(values) for values in zip(*(columns[name] for name in _DESCRIPTION), strict=True)]
        for document, chunk, text_hash, text, one in zip(
            documents, columns["id"], hashes, columns["text"], described, strict=True
        ):
            characters = len(text or "")
            below_header = characters - (text or "").find("\n") - 1
            self._chunks[document or ""].append(_Chunk(chunk, _bytes(text_hash), characters, below_header, one))
        made = _vectors(chunks, self._index.generation.dimension)
        whole = _are_unit(made)
        for document, heading, text, text_hash, is_whole in zip(
            documents, columns["heading"], columns["text"], hashes, whole, strict=True
        ):
            if not is_whole:
                found.vectors.add(document or "")
            elif text_hash and not self._stored.holds(text_hash):
                found.not_stored.add(text_hash)
            if self._embedded(heading or "", text or "", text_hash) is None:
                found.texts.add(document or "")
        found.texts.update(row["document_id"] or "" for row in rows if with_words(row) != row)
        kept = [at for at, one in enumerate(whole) if one and hashes[at]]
        apart = self._stored.differing([hashes[at] for at in kept], made[kept])
        for at in (at for at in kept if hashes[at] in apart):
            found.doubted.add(documents[at] or "")
            embedded = self._embedded(columns["heading"][at] or "", columns["text"][at] or "", hashes[at])
            found.disagreeing[hashes[at]] = embedded or found.disagreeing.get(hashes[at], "")

    def _embedded(self, heading: str, text: str, text_hash: str | None) -> str | None:
        """Return the string that was embedded of a chunk, "" where it is unknown; None where its text is another."""
        for one in embedded_strings(heading, text):
            if sha256_of_text(one) == text_hash:
                return one
        count_tokens = self._count_tokens()
        if count_tokens is None:
            return ""
        budget = self._index.generation.chunk_tokens
        made = embedded_strings(heading, text, count_tokens, budget)
        return next((one for one in made if sha256_of_text(one) == text_hash), None)

    # --- after the pass ------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        found = self.found
        for document, row in found.ledger.items():
            chunks = self._chunks.pop(document, [])
            described = _described(tuple(row[name] for name in _DESCRIPTION))
            if row["revision"] == WAITING:
                # A document that can no longer be read stays wrong: no sync can write its chunks again.
                (found.waiting if row["status"] == CURRENT else found.rows).add(document)
                continue
            spans = row["spans"].as_py() if row["spans"] is not None else ()
            if len(chunks) != row["chunks"] or not _are_in_place(document, spans, chunks):
                found.rows.add(document)
            if any(one.described != described for one in chunks):
                found.descriptions.add(document)
        for document, chunks in self._chunks.items():
            found.ownerless.update({one.id: (document, "chunk") for one in chunks})
        self._find_doubles()

    def _find_doubles(self) -> None:
        """Find all rows of an id but one, which is a living one where there is one."""
        seen = pa.Table.from_batches(self._seen) if self._seen else pa.table({"id": pa.array([], pa.string())})
        counts = pc.value_counts(seen["id"])
        ids = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        if len(ids) == 0:
            return
        rows = seen.filter(pc.is_in(seen["id"], value_set=ids)).sort_by([("deleted", "ascending")]).to_pylist()
        kept: set[str] = set()
        for row in rows:
            if row["id"] in kept:
                self.found.doubled.append(row["_rowid"])
                self.found.doubled_documents.add(row["document_id"])
            kept.add(row["id"])


def batches(store: Store, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield every row of a table with its `_rowid`, by no index. Raises RuntimeError where its files are damaged."""
    with store.errors():
        query = store.table(name).search().with_row_id(True)
        query = query.select([*columns, "_rowid"]) if columns else query
        yield from query.to_batches(_BATCH)


def _are_in_place(document: str, spans: Sequence[Mapping[str, Any]], chunks: Sequence[_Chunk]) -> bool:
    """Return whether the document names its chunks by the ids of their texts, in order and each as long as its text.

    The names of a table's columns, a line above the text, are no part of the span.
    """
    lengths = {one.id: (one.characters, one.below_header) for one in chunks}
    as_long = all(one["end"] - one["start"] in lengths.get(one["chunk_id"], ()) for one in spans)
    after_the_last = all(one["end"] <= other["start"] for one, other in pairwise(spans))
    texts = Counter(one.text_hash for one in chunks)
    expected = {chunk_id(document, text.hex(), n) for text, count in texts.items() for n in range(count)}
    return as_long and after_the_last and lengths.keys() == expected == {one["chunk_id"] for one in spans}


def _vectors(batch: pa.RecordBatch, dimension: int | None = None) -> Vectors:
    """Return the vectors of a batch, shape (rows, dimension); those that are null are zero."""
    column = batch["vector"]
    size = dimension or column.type.list_size
    made = np.zeros((batch.num_rows, size), np.float32)
    if column.type.list_size == size:
        valid = pc.is_valid(column).to_numpy(zero_copy_only=False)
        made[valid] = to_numpy(pa.chunked_array([column.filter(pc.is_valid(column))]), size)
    return made


def _are_unit(vectors: Vectors) -> Iterable[bool]:
    # NaN is near nothing.
    near: list[bool] = (np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT).tolist()
    return near


def _described(values: Sequence[Any]) -> int:
    return hash(tuple(tuple(one) if isinstance(one, list) else one for one in values))


def _bytes(text_hash: str | None) -> bytes:
    try:
        return bytes.fromhex(text_hash or "")
    except ValueError:
        return b""
