"""Ledger rows that are gone and a document in, the row that it was out."""

from ragloop.corpus.index.ledger import CURRENT, QUARANTINED, LedgerRow
from ragloop.corpus.sync.decisions.renames import Renames
from tests.support.cpu import cpu_seconds_below


def _row(key: str, good: str | None, bad: str | None = None, stamp: str = "") -> LedgerRow:
    """A document with a good revision, which is quarantined where it has bad bytes."""
    status = QUARANTINED if bad else CURRENT
    return LedgerRow(f"id-{key}", key, key, good, "t", (), status, None, 0, stamp, 5, 6, 0.5, 1, text_hash=bad)


def _trace(stamp: str) -> str:
    return stamp[:1]


def _unreadable(renames: Renames, key: str, stamp: str, revision: str | None) -> str | None:
    row = renames.of_unreadable(key, stamp, revision)
    return row.key if row else None


def test_each_is_taken_once() -> None:
    renames = Renames([_row("a", "R"), _row("b", "R")], _trace)
    taken = [row.key for row in (renames.of_bytes("R"), renames.of_bytes("R")) if row]
    assert sorted(taken) == ["a", "b"]
    assert renames.of_bytes("R") is None


def test_bytes_that_could_not_be_read_are_known_again_when_they_can() -> None:
    row = Renames([_row("a", "R", "X")], _trace).of_bytes("X")
    assert row
    assert row.key == "a"


def test_the_file_tells_before_the_name_and_the_name_before_the_bytes() -> None:
    gone = [_row("a", "R1", "X", "1"), _row("b", "R2", "X", "2"), _row("in/c", "R3", "X", "3")]
    renames = Renames(gone, _trace)
    assert _unreadable(renames, "b", "1?", "X") == "a"
    assert _unreadable(renames, "c", "9", "X") == "in/c"
    assert _unreadable(renames, "d", "9", "X") is None, "other revisions had these bytes as well"


def test_copies_of_one_revision_need_no_distinction() -> None:
    assert _unreadable(Renames([_row("a", "R", "X"), _row("b", "R", "X")], _trace), "c", "", "X") in ("a", "b")


def test_the_same_file_with_other_bytes_is_another_document() -> None:
    assert _unreadable(Renames([_row("a", "R", "X", "1")], _trace), "b", "1", "Y") is None
    assert _unreadable(Renames([_row("a", "R", None, "1")], _trace), "b", "1", "Y") is None
    assert _unreadable(Renames([_row("a", "R", "X", "1")], _trace), "b", "1", None) == "a"


def test_what_was_never_good_has_nothing_to_give() -> None:
    assert _unreadable(Renames([_row("a", None, "X", "1"), _row("b", "", "X", "1")], _trace), "c", "1", "X") is None


def test_many_documents_with_the_same_bytes_are_matched_quickly() -> None:
    for revisions in (1, 2):
        gone = [_row(f"{number}", f"R{number % revisions}", "X") for number in range(20_000)]
        renames = Renames(gone, _trace)
        with cpu_seconds_below(2):
            found = sum(_unreadable(renames, f"n{number}", "", "X") is not None for number in range(20_000))
        assert found == (20_000 if revisions == 1 else 0)
