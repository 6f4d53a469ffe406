"""Outcomes of sources added up, and the report that is made of their sum."""

from ragloop.corpus.sync.report import Change, ChangeKind, SourceOutcome, SyncReport, add_up

ADDED = Change(ChangeKind.ADDED, "notes", "a.md", chunks=3, embedded=2, lag_s=1.5)
WITHHELD = Change(ChangeKind.WITHHELD, "mail", "b.eml", chunks=1)
NOTES = SourceOutcome(scanned=4, unchanged=3, documents_read=1, bytes_read=10, chunks_embedded=2, chunks_reused=1,
                      embed_seconds=0.5, changes=(ADDED,), problems=("the disk is full",))  # fmt: skip
MAIL = SourceOutcome(scanned=1, embed_seconds=0.25, changes=(WITHHELD,), problems=("the disk is full",), whole=False)


def test_counts_and_changes_of_sources_are_added_and_a_common_problem_is_said_once() -> None:
    assert add_up([NOTES, MAIL]) == SourceOutcome(
        scanned=5, unchanged=3, documents_read=1, bytes_read=10, chunks_embedded=2, chunks_reused=1,
        embed_seconds=0.75, changes=(ADDED, WITHHELD), problems=("the disk is full",), whole=False,
    )  # fmt: skip
    assert add_up([]) == SourceOutcome()


def test_a_report_counts_the_changes_of_each_kind() -> None:
    report = SyncReport.of(add_up([NOTES, MAIL]), generation="g", state="active")
    assert (report.added, report.updated, report.withheld_deletes, report.scanned) == (1, 0, 1, 5)
    assert (report.withheld, report.complete) == ((WITHHELD,), False)


def test_a_report_is_complete_where_nothing_is_left_out() -> None:
    assert SyncReport.of(SourceOutcome(changes=(ADDED,))).complete
