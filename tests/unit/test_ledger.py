"""Columns of the index in, rows of the ledger out."""

from dataclasses import replace

import pyarrow as pa

from ragloop.corpus.index.ledger import CURRENT, QUARANTINED, Ledger, LedgerRow, known
from ragloop.corpus.index.table import document_row
from ragloop.store.schemas import index_schema


def _row(key: str, labels: tuple[str, ...] = (), status: str = CURRENT) -> LedgerRow:
    return LedgerRow(f"id-{key}", key, f"file:///{key}", "r", "t", labels, status, None, 0, "1", 5, 6, 0.5, 1, 7)


def _table(*rows: LedgerRow) -> pa.Table:
    return pa.Table.from_pylist([document_row(row, "docs") for row in rows], schema=index_schema(2))


def _ledger(*rows: LedgerRow) -> Ledger:
    return Ledger(_table(*rows))


def test_rows_come_back_as_they_were_committed() -> None:
    rows = {"a": _row("a", ("x", "y")), "b": replace(_row("b"), revision=None, lag_s=None, retry_at=None)}
    assert dict(_ledger(*rows.values())) == rows
    assert ("a" in _ledger(rows["a"]), "b" in _ledger(rows["a"]), len(_ledger())) == (True, False, 0)


def test_known_are_places_under_the_same_labels_and_the_quarantined() -> None:
    plain, labelled, other = _row("a"), _row("b", ("x", "y")), _row("c", ("y", "x"))
    poison, hopeless = _row("e", ("x", "y"), QUARANTINED), replace(_row("f", (), QUARANTINED), retry_at=None)
    rows = _table(plain, labelled, other, _row("d", ("x",)), poison, hopeless)
    assert known(rows, ()).places == {"a": ("1", "file:///a"), "f": ("1", "file:///f")}
    assert list(known(rows, ()).relabelled) == list("bcde")
    assert known(rows, ("x", "y")).places == {"b": ("1", "file:///b"), "e": ("1", "file:///e")}
    assert known(rows, ("z",)).places == {}
    assert known(rows, ()).retry_at == {"e": 7, "f": None}
    assert len(known(_table(), ("x",))) == 0


def test_labels_that_are_null_are_other_labels_than_some_and_a_key_twice_is_one_document() -> None:
    schema = index_schema(2)
    rows = pa.Table.from_pylist([{"key": "b"}, {"key": "a", "labels": ["x", None]}, {"key": "a"}], schema=schema)
    assert list(known(rows, ("x",)).relabelled) == ["b", "a"]
    assert (list(known(rows, ()).places), list(known(rows, ()).relabelled)) == (["b", "a"], [])


def test_a_document_without_a_revision_cannot_be_retrieved() -> None:
    assert _ledger(_row("a"), replace(_row("b"), revision=None)).retrievable() == {"a"}
