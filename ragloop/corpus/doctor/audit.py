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
from ragloop.corpus.index.table import Index, labels_of_chunk, searchable_row
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


@dataclass(frozen=True)
class Counts:
    """How many rows have what: a kind, an owner (a document), a source, a state, a first label. Tombstones count."""

    kinds: Counter[str] = field(default_factory=Counter)
    owners: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Audit:
    """What was found. Documents are named by id, stored vectors by text hash.

    `documents` and `chunks` count those that are there. `sample`: some chunk ids with their documents. `word`: one by
    which a chunk is found. `doubled`: `_rowid` of every row whose id another row has, but for one of each. `ownerless`:
    chunk ids whose document is not in the ledger, and ids of ledger rows that no key has, with their document ids and
    kinds.
    `disagreeing`: hashes whose vectors differ between index and store, with the embedded string where it is known;
    `doubted`: the documents that have them. `broken`: hashes whose stored vectors are not of unit length.
    """

    documents: int = 0
    chunks: int = 0
    counts: Counts = field(default_factory=Counts)
    sample: Mapping[str, str] = field(default_factory=dict)
    word: str = ""
    ledger: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    doubled: tuple[int, ...] = ()
    doubled_documents: frozenset[str] = frozenset()
    ownerless: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    descriptions: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    vectors: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()
    disagreeing: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    not_stored: frozenset[str] = frozenset()

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


@dataclass(frozen=True)
class _Chunks:
    """What the chunks of one batch are, by document, and what is wrong with them; see Audit."""

    of: Mapping[str, Sequence[_Chunk]]
    sample: Mapping[str, str]
    word: str
    texts: frozenset[str]
    vectors: frozenset[str]
    doubted: frozenset[str]
    disagreeing: Mapping[str, str]
    not_stored: frozenset[str]


@dataclass(frozen=True)
class _Part:
    """What one batch of rows holds. Of `seen`, every row has its id, place and owner."""

    seen: pa.RecordBatch
    counts: Counts
    documents: Sequence[Mapping[str, Any]]
    chunks: _Chunks


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

    def run(self, progress: Callable[[int, int], None]) -> Audit:
        """Audit every row. `progress` takes rows done and rows to do. Raises RuntimeError where files are damaged."""
        store, name = self._index.store, self._index.generation.table
        total, done, parts = store.count(name), 0, list[_Part]()
        for batch in batches(store, name):
            parts.append(self._part(batch))
            done += batch.num_rows
            progress(done, total)
        return _joined(parts, frozenset(self._stored.broken))

    def _part(self, batch: pa.RecordBatch) -> _Part:
        kept = batch.filter(pc.invert(batch["deleted"]))
        is_document = pc.equal(kept["kind"], "document")
        return _Part(
            seen=batch.select(["id", "_rowid", "deleted", "document_id"]),
            counts=_counted(batch),
            documents=_ledger_rows(kept.filter(is_document)),
            chunks=self._chunks(kept.filter(pc.invert(is_document))),
        )

    def _chunks(self, chunks: pa.RecordBatch) -> _Chunks:
        columns = {name: chunks[name].to_pylist() for name in chunks.schema.names if name != "vector"}
        owners, hashes = [one or "" for one in columns["document_id"]], columns["text_hash"]
        texts = [(heading or "", text or "") for heading, text in zip(columns["heading"], columns["text"], strict=True)]
        embedded = [self._embedded(*one, text_hash) for one, text_hash in zip(texts, hashes, strict=True)]
        made = _vectors(chunks, self._index.generation.dimension)
        whole = list(_are_unit(made))
        kept = [at for at, one in enumerate(whole) if one and hashes[at]]
        other = self._stored.differing([hashes[at] for at in kept], made[kept])
        apart = [at for at in kept if hashes[at] in other]
        return _Chunks(
            of=_by_document(columns, owners),
            sample=dict(list(zip(columns["id"], columns["document_id"], strict=True))[:_SAMPLE]),
            word=next(iter((columns["words"][0] or "").split()), "") if owners else "",
            texts=frozenset(owners[at] for at, one in enumerate(embedded) if one is None) | _not_searchable(chunks),
            vectors=frozenset(owners[at] for at, one in enumerate(whole) if not one),
            doubted=frozenset(owners[at] for at in apart),
            disagreeing=_known_first((hashes[at], embedded[at] or "") for at in apart),
            not_stored=frozenset(hashes[at] for at in kept if not self._stored.holds(hashes[at])),
        )

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


# --- of one batch ----------------------------------------------------------------------------------------------------


def _counted(batch: pa.RecordBatch) -> Counts:
    labels = (set(row or ()) - {None} for row in batch["labels"].to_pylist())
    return Counts(
        kinds=Counter(batch["kind"].to_pylist()),
        owners=Counter(batch["document_id"].to_pylist()),
        sources=Counter(batch["source"].drop_null().to_pylist()),
        states=Counter(batch["status"].drop_null().to_pylist()),
        labels=Counter(min(one) for one in labels if one),
    )


def _ledger_rows(documents: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows whose spans stay Arrow's: as Python's, those of a million chunks would be half a gigabyte."""
    rows = documents.drop_columns(["vector", "spans"]).to_pylist()
    spans = (one if one.is_valid else None for one in documents["spans"])
    return [{**row, "spans": one} for row, one in zip(rows, spans, strict=True)]


def _by_document(columns: Mapping[str, Sequence[Any]], owners: Sequence[str]) -> dict[str, list[_Chunk]]:
    found: dict[str, list[_Chunk]] = defaultdict(list)
    described = (_described(values) for values in zip(*(columns[name] for name in _DESCRIPTION), strict=True))
    rows = zip(owners, columns["id"], columns["text_hash"], columns["text"], described, strict=True)
    for owner, chunk, text_hash, text, one in rows:
        characters = len(text or "")
        below_header = characters - (text or "").find("\n") - 1
        found[owner].append(_Chunk(chunk, _bytes(text_hash), characters, below_header, one))
    return found


def _not_searchable(chunks: pa.RecordBatch) -> frozenset[str]:
    """Name the documents of chunks whose words or labels are not those that they are searched by."""
    rows = chunks.drop_columns(["vector"]).to_pylist()
    return frozenset(row["document_id"] or "" for row in rows if searchable_row(row) != row)


def _known_first(strings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the strings by their hash: one that is known before one that is not."""
    found: dict[str, str] = {}
    for text_hash, text in strings:
        found[text_hash] = text or found.get(text_hash, "")
    return found


# --- of all batches --------------------------------------------------------------------------------------------------


def _joined(parts: Sequence[_Part], broken: frozenset[str]) -> Audit:
    documents = [row for part in parts for row in part.documents]
    ledger = {row["id"]: row for row in documents if _has_its_key(row)}
    keyless = {row["id"]: (row["document_id"] or "", "document") for row in documents if not _has_its_key(row)}
    chunks = _chunks_of(parts)
    left = {one.id: (owner, "chunk") for owner, held in chunks.items() if owner not in ledger for one in held}
    written = {one: row for one, row in ledger.items() if row["revision"] != WAITING}
    # A document that can no longer be read stays wrong: no sync can write its chunks again.
    waiting = frozenset(one for one in ledger.keys() - written.keys() if ledger[one]["status"] == CURRENT)
    unread = frozenset(ledger.keys() - written.keys() - waiting)
    first = next((part.chunks for part in parts if part.chunks.sample), None)
    doubled, doubled_documents = _doubles([part.seen for part in parts])
    return Audit(
        documents=len(documents),
        chunks=sum(map(len, chunks.values())),
        counts=_summed([part.counts for part in parts]),
        sample=first.sample if first else {},
        word=first.word if first else "",
        ledger=ledger,
        doubled=doubled,
        doubled_documents=doubled_documents,
        ownerless=keyless | left,
        waiting=waiting,
        rows=unread | frozenset(one for one, row in written.items() if not _has_its_chunks(row, chunks.get(one, ()))),
        descriptions=frozenset(one for one, row in written.items() if not _is_repeated(row, chunks.get(one, ()))),
        texts=_all(part.chunks.texts for part in parts),
        vectors=_all(part.chunks.vectors for part in parts),
        doubted=_all(part.chunks.doubted for part in parts),
        disagreeing=_known_first(one for part in parts for one in part.chunks.disagreeing.items()),
        broken=broken,
        not_stored=_all(part.chunks.not_stored for part in parts),
    )


def _all(found: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*found)


def _summed(counts: Sequence[Counts]) -> Counts:
    total = Counts()
    for one in counts:
        for name, counter in vars(total).items():
            counter.update(getattr(one, name))
    return total


def _chunks_of(parts: Sequence[_Part]) -> dict[str, list[_Chunk]]:
    found: dict[str, list[_Chunk]] = defaultdict(list)
    for part in parts:
        for owner, held in part.chunks.of.items():
            found[owner].extend(held)
    return dict(found)


def _has_its_key(row: Mapping[str, Any]) -> bool:
    """Return whether a row of the ledger has the id that its source and key make."""
    return bool(row["id"] == row["document_id"] == document_id(row["source"] or "", row["key"] or ""))


def _has_its_chunks(row: Mapping[str, Any], chunks: Sequence[_Chunk]) -> bool:
    spans = row["spans"].as_py() if row["spans"] is not None else ()
    return len(chunks) == row["chunks"] and _are_in_place(row["id"], spans, chunks)


def _is_repeated(row: Mapping[str, Any], chunks: Sequence[_Chunk]) -> bool:
    """Return whether every chunk says of its document what the ledger says."""
    repeated = {**row, "labels": labels_of_chunk(row["labels"])}
    described = _described(tuple(repeated[name] for name in _DESCRIPTION))
    return all(one.described == described for one in chunks)


def _doubles(batches: Sequence[pa.RecordBatch]) -> tuple[tuple[int, ...], frozenset[str]]:
    """Find all rows of an id but one, which is a living one where there is one, and their documents."""
    seen = pa.Table.from_batches(batches) if batches else pa.table({"id": pa.array([], pa.string())})
    counts = pc.value_counts(seen["id"])
    ids = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(ids) == 0:
        return (), frozenset()
    rows = seen.filter(pc.is_in(seen["id"], value_set=ids)).sort_by([("deleted", "ascending")]).to_pylist()
    first = {row["id"]: row["_rowid"] for row in reversed(rows)}
    doubled = [row for row in rows if row["_rowid"] != first[row["id"]]]
    return tuple(row["_rowid"] for row in doubled), frozenset(row["document_id"] for row in doubled)


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
