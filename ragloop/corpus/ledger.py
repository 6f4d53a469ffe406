"""The ledger of one source as it was read from the index: columns, of which rows are made when they are asked for."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.planning import QUARANTINED, Known, LedgerRow, Span

COLUMNS = (
    "document_id", "key", "uri", "revision", "title", "labels", "status", "reason", "attempts", "stamp",
    "changed_at", "committed_at", "lag_s", "chunks", "retry_at", "spans",
    "text_hash",
)  # fmt: skip
"""Columns of a ledger row, in the order of its fields."""
COMPARED = ("key", "stamp", "uri", "labels", "status", "retry_at")
"""What a listing is compared with."""
_TIMES = ("changed_at", "committed_at", "retry_at")


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
        return LedgerRow(**{**values, "labels": tuple(values["labels"] or ()), "spans": spans})

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, key: object) -> bool:
        return key in self._number

    def retrievable(self) -> set[str]:
        """Keys of the documents of which some revision can be found."""
        return set(self._columns["key"].filter(self._columns["revision"].is_valid()).to_pylist())


def known(rows: pa.Table, labels: tuple[str, ...]) -> Known:
    """What COMPARED says of the documents of a source that has these labels now."""
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
