"""The ledger of one source as it was read from the index: columns, of which rows are made when they are asked for."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ragloop.corpus.planning import CURRENT, LedgerRow

COLUMNS = (
    "document_id", "key", "uri", "revision", "title", "labels", "status", "reason", "attempts", "stamp",
    "changed_at", "committed_at", "lag_s", "chunks", "retry_at",
)  # fmt: skip
"""Columns of a ledger row, in the order of its fields."""
_TIMES = ("changed_at", "committed_at", "retry_at")


class Ledger(Mapping[str, LedgerRow]):
    """Rows by key. A sync needs few of them: most documents are as they were (`settled`)."""

    def __init__(self, rows: pa.Table) -> None:
        """`rows` has COLUMNS."""
        whole = {name: rows[name].combine_chunks() for name in COLUMNS}
        self._columns = {**whole, **{name: whole[name].cast(pa.int64()) for name in _TIMES}}
        self._number = {key: number for number, key in enumerate(whole["key"].to_pylist())}

    def __getitem__(self, key: str) -> LedgerRow:
        number = self._number[key]
        values = {name: column[number].as_py() for name, column in self._columns.items()}
        return LedgerRow(**{**values, "labels": tuple(values["labels"] or ())})

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, key: object) -> bool:
        return key in self._number

    def settled(self, labels: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        """Stamp and place of every document that is current under these labels, by key."""
        given = self._columns["labels"]
        same = pc.equal(pc.fill_null(pc.list_value_length(given), 0), len(labels))
        if labels:
            same = pc.and_(same, pc.equal(pc.binary_join(given, "\0"), "\0".join(labels)))
        same = pc.and_(same, pc.equal(self._columns["status"], CURRENT))
        keys, stamps, places = (self._columns[name].filter(same).to_pylist() for name in ("key", "stamp", "uri"))
        return dict(zip(keys, zip(stamps, places, strict=True), strict=True))

    def retrievable(self) -> set[str]:
        """Keys of the documents of which some revision can be found."""
        return set(self._columns["key"].filter(self._columns["revision"].is_valid()).to_pylist())
