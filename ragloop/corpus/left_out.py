"""What a sync left out, in words: for the message of a run, whoever notes it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragloop.corpus.report import SyncReport


def left_out(report: "SyncReport") -> list[str]:
    """A sentence per problem, for deletes that are withheld and for documents that cannot be read; none if complete."""
    withheld = (
        f"{report.withheld_deletes} deletes are withheld: more documents are gone than a sync deletes unasked. "
        "Check the source; a run with confirm_deletes lets them through."
    )
    quarantined = (
        f"{report.quarantined} documents are quarantined and keep their last good revision; `ragloop status` shows why."
    )
    failed = f"{report.failed} documents cannot be read and keep their last good revision; `ragloop status` shows why."
    # A batch of changes counts what it failed to read, and not all that is in quarantine.
    unread = [quarantined] * bool(report.quarantined) or [failed] * bool(report.failed)
    return [*report.problems, *[withheld] * bool(report.withheld_deletes), *unread]
