"""Reports are kept by kind and subject: some kinds replace the one before, others add."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.reports import Report, Reports
from ragloop.store import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(Store.open(tmp_path))


def report(number: int, kind: str = "drift", subject: str = "") -> Report:
    return Report(kind, subject, AT + timedelta(days=number), {"number": number})


def numbers(reports: Reports, kind: str = "drift") -> list[int]:
    return [one.body["number"] for one in reports.history(kind)]


def test_a_report_that_is_put_replaces_that_of_its_kind_and_subject_alone(reports: Reports) -> None:
    for one in (report(1, "scan", "a"), report(2, "scan", "b"), report(3, "way", "a"), report(4, "scan", "a")):
        reports.put(one)
    assert reports.latest("scan", "a") == report(4, "scan", "a")
    assert numbers(reports, "scan") == [2, 4]
    assert reports.latest("way", "a") == report(3, "way", "a")
    assert reports.latest("scan") is None


def test_the_latest_report_is_the_newest_and_not_the_last_that_was_written(reports: Reports) -> None:
    for number in (1, 3, 2):
        reports.append(report(number))
    assert numbers(reports) == [1, 2, 3]
    assert reports.latest("drift") == report(3)


def test_reports_that_are_appended_at_once_are_all_there(tmp_path: Path) -> None:
    Store.open(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: Reports(Store.open(tmp_path)).append(report(number)), range(16)))
    assert numbers(Reports(Store.open(tmp_path))) == list(range(16))


def test_a_report_that_is_appended_again_under_its_key_is_there_once(reports: Reports) -> None:
    for number in range(2):
        reports.append(report(number), "task run 1")
    reports.append(report(2))
    assert numbers(reports) == [1, 2]


def test_the_reports_of_one_subject_are_dropped_by_kind(reports: Reports) -> None:
    for kind in ("scan", "way", "sync"):
        for subject in ("it's", "other"):
            reports.put(report(1, kind, subject))
    reports.drop("it's", "scan", "way")
    left = [(one.kind, one.subject) for kind in ("scan", "way", "sync") for one in reports.history(kind)]
    assert sorted(left) == [("scan", "other"), ("sync", "it's"), ("sync", "other"), ("way", "other")]


def test_reports_that_are_held_are_those_of_the_table_after_what_is_written_through_them(reports: Reports) -> None:
    for one in (report(1, "scan", "a"), report(2, "scan", "b"), report(3, "way", "a"), report(4, "drift")):
        reports.put(one)
    held = reports.holding("scan", "way", "sync")
    reports.put(report(9, "scan", "c"), report(9, "drift"))
    assert (numbers(held, "scan"), numbers(held), held.latest("sync")) == ([1, 2], [9], None), "drift is not held"
    held.put(report(8, "scan", "a"), report(5, "sync"))
    held.append(report(6, "sync"))
    held.drop("a", "way")
    assert (numbers(held, "scan"), numbers(held, "sync"), numbers(held, "way")) == ([2, 8], [5, 6], [])
    assert (numbers(reports, "scan"), numbers(reports, "sync"), numbers(reports, "way")) == ([2, 8, 9], [5, 6], [])
    assert held.latest("scan", "a") == reports.latest("scan", "a") == report(8, "scan", "a")
