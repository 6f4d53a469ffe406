"""What is said of a sync that left something out."""

import pytest

from ragloop.corpus.sync.report import SyncReport, left_out


def test_nothing_is_said_of_a_sync_that_is_complete() -> None:
    assert left_out(SyncReport(added=3)) == []


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (SyncReport(problems=("the bucket is gone",)), ["the bucket is gone"]),
        (SyncReport(withheld_deletes=12), ["12 deletes are withheld"]),
        (SyncReport(failed=1), ["1 document cannot be read"]),
        (SyncReport(quarantined=1, withheld_deletes=1), ["1 delete is", "1 document is quarantined"]),
        (SyncReport(failed=1, quarantined=2, withheld_deletes=3), ["3 deletes", "2 documents are quarantined"]),
    ],
)
def test_whatever_makes_a_sync_incomplete_is_reported(report: SyncReport, told: list[str]) -> None:
    assert not report.complete
    assert [one for one, begins in zip(left_out(report), told, strict=True) if not one.startswith(begins)] == []
