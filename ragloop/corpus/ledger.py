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
        for name in _TIMES:
            rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(pa.int64()))
        self._rows = rows.select(COLUMNS).combine_chunks()
        self._number = {key: number for number, key in enumerate(self._rows["key"].to_pylist())}

    def __getitem__(self, key: str) -> LedgerRow:
        number = self._number[key]
        values = {name: column[number].as_py() for name, column in zip(COLUMNS, self._rows.columns, strict=True)}
        return LedgerRow(**{**values, "labels": tuple(values["labels"] or ())})

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, key: object) -> bool:
        return key in self._number

    def settled(self, labels: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        """Stamp and place of every document that is current under these labels, by key."""
        same = pc.equal(pc.fill_null(pc.list_value_length(self._rows["labels"]), 0), len(labels))
        if labels:
            same = pc.and_(same, pc.equal(pc.binary_join(self._rows["labels"], "\0"), "\0".join(labels)))
        rows = self._rows.select(["key", "stamp", "uri"]).filter(pc.and_(same, pc.equal(self._rows["status"], CURRENT)))
        keys, stamps, places = (column.to_pylist() for column in rows.columns)
        return dict(zip(keys, zip(stamps, places, strict=True), strict=True))

    def retrievable(self) -> set[str]:
        """Keys of the documents of which some revision can be found."""
        return set(self._rows["key"].filter(pc.is_valid(self._rows["revision"])).to_pylist())
