"""A listing and a ledger in, a plan out."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ragloop.corpus.planning import CURRENT, QUARANTINED, LedgerRow, Listed, plan, retry_after_s, withholds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _listed(key: str, stamp: str = "1") -> Listed:
    return Listed(key, f"file:///{key}", stamp, 10, NOW, f"/{key}")


def _row(key: str, stamp: str = "1", status: str = CURRENT, labels: tuple[str, ...] = ()) -> LedgerRow:
    return LedgerRow(f"id-{key}", key, f"file:///{key}", "r", "t", labels, status, None, 0, stamp, 0, 0, None, 1)


def _read(listing: list[Listed], ledger: list[LedgerRow], **asked: bool) -> set[str]:
    return {one.key for one in plan(listing, {row.key: row for row in ledger}, (), **asked).read}


def test_what_the_ledger_does_not_know_is_read() -> None:
    assert _read([_listed("a"), _listed("b")], [_row("a")]) == {"b"}


def test_an_equal_stamp_is_not_read() -> None:
    planned = plan([_listed("a")], {"a": _row("a")}, ())
    assert (planned.read, planned.missing, planned.unchanged) == ((), (), 1)


def test_another_stamp_is_read() -> None:
    assert _read([_listed("a", "2")], [_row("a", "1")]) == {"a"}


def test_an_empty_stamp_is_never_trusted() -> None:
    assert _read([_listed("a", "")], [_row("a", "")]) == {"a"}


def test_other_labels_or_another_place_are_read() -> None:
    assert _read([_listed("a")], [_row("a", labels=("x",))]) == {"a"}
    assert _read([_listed("a")], [replace(_row("a"), uri="file:///elsewhere/a")]) == {"a"}


def test_a_quarantined_document_is_read_when_it_changed_or_on_request() -> None:
    quarantined = [_row("a", status=QUARANTINED)]
    assert _read([_listed("a")], quarantined) == set()
    assert _read([_listed("a", "2")], quarantined) == {"a"}
    assert _read([_listed("a")], quarantined, retry_quarantined=True) == {"a"}
    assert _read([_listed("a")], [_row("a")], retry_quarantined=True) == set()


def test_a_settled_document_is_read_when_its_stamp_or_place_is_another_or_there_is_no_stamp() -> None:
    settled = {key: ("1", f"file:///{key}") for key in "abc"} | {"d": ("", "file:///d")}
    listing = [_listed("a"), _listed("b", "2"), replace(_listed("c"), uri="file:///elsewhere/c"), _listed("d", "")]
    ledger = {key: _row(key) for key in "abcd"}
    planned = plan(listing, ledger, (), settled=settled)
    assert ([one.key for one in planned.read], planned.unchanged) == (["b", "c", "d"], 1)


def test_what_the_listing_no_longer_has_is_missing() -> None:
    ledger = {key: _row(key) for key in "abc"}
    assert [row.key for row in plan([_listed("b")], ledger, ()).missing] == ["a", "c"]


@pytest.mark.parametrize(
    ("deletes", "documents", "withheld"),
    [
        (0, 0, False),
        (10, 10, False),
        (11, 11, True),
        (11, 109, True),
        (11, 110, False),
        (100, 1000, False),
        (101, 1000, True),
    ],
)
def test_more_deletes_than_ten_documents_and_a_tenth_are_withheld(deletes: int, documents: int, withheld: bool) -> None:
    assert withholds(deletes, documents, 10, 0.10) == withheld


def test_a_guard_of_zero_withholds_every_delete() -> None:
    assert withholds(1, 100, 0, 0.0)


def test_a_document_whose_parser_was_stopped_is_read_again_when_its_time_has_come() -> None:
    rows = {"a": replace(_row("a", status=QUARANTINED), retry_at=1_000), "b": _row("b", status=QUARANTINED)}

    def read(now_us: int) -> list[str]:
        return [one.key for one in plan([_listed("a"), _listed("b")], rows, (), now_us=now_us).read]

    assert (read(999), read(1_000)) == ([], ["a"])


def test_the_wait_before_another_try_doubles_up_to_a_day() -> None:
    assert [retry_after_s(attempts) / 60 for attempts in (1, 2, 3, 8, 5_000)] == [15, 30, 60, 1_440, 1_440]
