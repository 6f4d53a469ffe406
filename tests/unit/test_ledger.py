"""Columns of the index in, rows of the ledger out."""

from dataclasses import replace

import pyarrow as pa

from ragloop.corpus.index import document_row
from ragloop.corpus.ledger import Ledger
from ragloop.corpus.planning import CURRENT, QUARANTINED, LedgerRow
from ragloop.store.schemas import index_schema


def _row(key: str, labels: tuple[str, ...] = (), status: str = CURRENT) -> LedgerRow:
    return LedgerRow(f"id-{key}", key, f"file:///{key}", "r", "t", labels, status, None, 0, "1", 5, 6, 0.5, 1, 7)


def _ledger(*rows: LedgerRow) -> Ledger:
    return Ledger(pa.Table.from_pylist([document_row(row, "docs") for row in rows], schema=index_schema(2)))


def test_rows_come_back_as_they_were_committed() -> None:
    rows = {"a": _row("a", ("x", "y")), "b": replace(_row("b"), revision=None, lag_s=None, retry_at=None)}
    assert dict(_ledger(*rows.values())) == rows
    assert ("a" in _ledger(rows["a"]), "b" in _ledger(rows["a"]), len(_ledger())) == (True, False, 0)


def test_settled_is_what_is_current_under_the_same_labels() -> None:
    plain, labelled, other = _row("a"), _row("b", ("x", "y")), _row("c", ("y", "x"))
    ledger = _ledger(plain, labelled, other, _row("d", ("x",)), _row("e", ("x", "y"), QUARANTINED))
    assert ledger.settled(()) == {"a": ("1", "file:///a")}
    assert ledger.settled(("x", "y")) == {"b": ("1", "file:///b")}
    assert ledger.settled(("z",)) == {}


def test_a_document_without_a_revision_cannot_be_retrieved() -> None:
    assert _ledger(_row("a"), replace(_row("b"), revision=None)).retrievable() == {"a"}
