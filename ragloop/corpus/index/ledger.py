"""What the index records of each document, and the ledger of one source as it was read."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

CURRENT = "current"
QUARANTINED = "quarantined"
WAITING = ""
"""Revision of a document all of whose rows the next sync has to write, as a repair leaves it; equal to no hash."""
COLUMNS = (
    "document_id", "key", "uri", "revision", "title", "labels", "status", "reason", "attempts", "stamp",
    "changed_at", "committed_at", "lag_s", "chunks", "retry_at", "spans",
    "text_hash", "format", "encoding", "left_out", "recognised",
)  # fmt: skip
"""Columns of a ledger row, in the order of its fields."""
COMPARED = ("key", "stamp", "uri", "labels", "status", "retry_at")
"""What a listing is compared with."""
_TIMES = ("changed_at", "committed_at", "retry_at")


class Span(NamedTuple):
    """Where a chunk stands in its document, in characters of the text that was parsed."""

    chunk_id: str
    start: int
    end: int


class Held(NamedTuple):
    """What a chunk that is in the index says beside its description; its id says the rest."""

    document_id: str
    heading: str
    text: str
    confidence: float | None = None


@dataclass(frozen=True)
class LedgerRow:
    """What the index says of one document. Times are microseconds since 1970 (UTC), `lag_s` is seconds.

    `retry_at` is of a quarantined document that is worth another try though its bytes are the same. `spans`: its
    chunks, in the order of its text. `text_hash`: of a quarantined document, the hash of the bytes that failed, None
    where they could not be had. `format` is that of its name; `encoding`, empty for a binary format, and `left_out`,
    which says in sentences what was not read, are of the last good revision, as is `recognised`: the images whose
    text is kept because of it.
    """

    document_id: str
    key: str
    uri: str
    revision: str | None
    title: str | None
    labels: tuple[str, ...]
    status: str
    reason: str | None
    attempts: int
    stamp: str
    changed_at: int
    committed_at: int
    lag_s: float | None
    chunks: int
    retry_at: int | None = None
    spans: tuple[Span, ...] = ()
    text_hash: str | None = None
    format: str | None = None
    encoding: str | None = None
    left_out: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()

    def is_described_as(self, uri: str, labels: tuple[str, ...]) -> bool:
        """Return whether the ledger has the document's place and labels as they are now."""
        return self.labels == labels and self.uri == uri


@dataclass(frozen=True)
class Known:
    """What the index knows of the documents of a source, as far as a listing can say otherwise.

    `places`: stamp and URI by key of the documents under the labels that their source has now. `relabelled`: keys of
    the others. `retry_at`: of those that are quarantined, when another try is worth it (microseconds since 1970).
    """

    places: Mapping[str, tuple[str, str]]
    relabelled: Collection[str]
    retry_at: Mapping[str, int | None]

    def __contains__(self, key: object) -> bool:
        return key in self.places or key in self.relabelled

    def __len__(self) -> int:
        return len(self.places) + len(self.relabelled)


class Ledger(Mapping[str, LedgerRow]):
    """Rows by key."""

    def __init__(self, rows: pa.Table) -> None:
        """`rows` has COLUMNS."""
        whole = {name: rows[name].combine_chunks() for name in COLUMNS}
        self._columns = {**whole, **{name: whole[name].cast(pa.int64()) for name in _TIMES}}
        self._number = {key: number for number, key in enumerate(whole["key"].to_pylist())}

    def __getitem__(self, key: str) -> LedgerRow:
        number = self._number[key]
        values = {name: column[number].as_py() for name, column in self._columns.items()}
        spans = tuple(Span(**one) for one in values["spans"] or ())
        lists = {name: tuple(values[name] or ()) for name in ("labels", "left_out", "recognised")}
        return LedgerRow(**{**values, **lists, "spans": spans})

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, key: object) -> bool:
        return key in self._number

    def retrievable(self) -> set[str]:
        """Return the keys of the documents of which some revision can be found."""
        return set(self._columns["key"].filter(self._columns["revision"].is_valid()).to_pylist())


def known(rows: pa.Table, labels: tuple[str, ...]) -> Known:
    """Take what COMPARED says of the documents of a source that has these labels now."""
    same = pc.equal(pc.fill_null(pc.list_value_length(rows["labels"]), 0), len(labels))
    if labels:
        same = pc.and_(same, pc.equal(pc.binary_join(rows["labels"], "\0"), "\0".join(labels)))
    same = pc.fill_null(same, False)  # labels that are null, or one of them
    keys, stamps, uris = (rows[name].filter(same).to_pylist() for name in ("key", "stamp", "uri"))
    places = dict(zip(keys, zip(stamps, uris, strict=True), strict=True))
    # A dict is a set in the order of the ledger, which the plan is to depend on. A damaged ledger may have a key twice.
    others = {key: None for key in rows["key"].filter(pc.invert(same)).to_pylist() if key not in places}
    quarantined = rows.filter(pc.equal(rows["status"], QUARANTINED))
    retry_at = quarantined["retry_at"].cast(pa.int64()).to_pylist()
    return Known(
        places,
        others,
        dict(zip(quarantined["key"].to_pylist(), retry_at, strict=True)),
    )
