"""A listing and what the index knows in, a plan out."""

from datetime import UTC, datetime

from ragloop.corpus.index.ledger import Known
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.decisions.planning import bare_stamp, kept_stamp, plan, retry_after_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _listed(key: str, stamp: str = "1") -> Listed:
    return Listed(key, f"file:///{key}", stamp, 10, NOW, f"/{key}")


def _known(*keys: str, stamp: str = "1", relabelled: str = "", **retry_at: int | None) -> Known:
    """Documents of that stamp; those named by keyword are quarantined."""
    places = {key: (stamp, f"file:///{key}") for key in (*keys, *retry_at)}
    return Known(places, relabelled, retry_at)


def _read(listing: list[Listed], known: Known, **asked: bool) -> list[str]:
    return [one.key for one in plan(listing, known, **asked).read]


def test_what_the_index_does_not_know_is_read() -> None:
    assert _read([_listed("a"), _listed("b")], _known("a")) == ["b"]


def test_an_equal_stamp_is_not_read() -> None:
    planned = plan([_listed("a")], _known("a"))
    assert (planned.read, planned.missing, planned.unchanged) == ((), (), 1)


def test_another_stamp_is_read() -> None:
    assert _read([_listed("a", "2")], _known("a")) == ["a"]


def test_an_empty_stamp_is_never_trusted() -> None:
    assert _read([_listed("a", "")], _known("a", stamp="")) == ["a"]


def test_other_labels_or_another_place_are_read() -> None:
    assert _read([_listed("a")], _known(relabelled="a")) == ["a"]
    assert _read([_listed("a")._replace(uri="file:///elsewhere/a")], _known("a")) == ["a"]


def test_a_quarantined_document_is_read_when_it_changed_or_on_request() -> None:
    quarantined = _known(a=None)
    assert _read([_listed("a")], quarantined) == []
    assert _read([_listed("a", "2")], quarantined) == ["a"]
    assert _read([_listed("a")], quarantined, retry_quarantined=True) == ["a"]
    assert _read([_listed("a")], _known("a"), retry_quarantined=True) == []


def test_what_the_listing_no_longer_has_is_missing() -> None:
    assert plan([_listed("b")], _known("a", "b", relabelled="c")).missing == ("a", "c")


def test_the_index_knows_a_document_under_whatever_labels() -> None:
    known = _known("a", relabelled="b")
    assert ("a" in known, "b" in known, "c" in known, len(known)) == (True, True, False, 2)


def test_a_document_whose_parser_was_stopped_is_read_again_when_its_time_has_come() -> None:
    def read(now_us: int) -> list[str]:
        return [one.key for one in plan([_listed("a"), _listed("b")], _known(a=1_000, b=None), now_us=now_us).read]

    assert (read(999), read(1_000)) == ([], ["a"])


def test_the_wait_before_another_try_doubles_up_to_a_day() -> None:
    assert [retry_after_s(attempts) / 60 for attempts in (1, 2, 3, 8, 5_000)] == [15, 30, 60, 1_440, 1_440]


def test_a_stamp_that_a_later_write_may_get_is_kept_with_the_time_until_it_has_settled() -> None:
    first = kept_stamp("", "S", 20, began_us=100, now_us=110)
    assert first != bare_stamp(first) == "S"
    assert _read([_listed("a", "S")], _known("a", stamp=first)) == ["a"]
    again = kept_stamp(first, "S", 20, began_us=129, now_us=140)
    assert again == first, "19 microseconds after it was kept"
    assert kept_stamp(again, "S", 20, began_us=130, now_us=150) == "S"


def test_a_stamp_settles_again_when_it_changes_or_the_clock_is_set_back() -> None:
    first = kept_stamp("", "S", 20, began_us=100, now_us=110)
    other = kept_stamp(first, "T", 20, began_us=200, now_us=210)
    assert kept_stamp(other, "T", 20, began_us=229, now_us=240) == other
    back = kept_stamp(first, "S", 20, began_us=50, now_us=60)
    assert back != first
    assert kept_stamp(back, "S", 20, began_us=80, now_us=90) == "S"


def test_a_stamp_that_is_certain_or_was_trusted_is_kept_by_itself() -> None:
    assert kept_stamp("", "S", 0, began_us=100, now_us=110) == "S"
    assert kept_stamp("S", "S", 20, began_us=100, now_us=110) == "S"
    assert kept_stamp("?100:S", "", 0, began_us=100, now_us=110) == ""
