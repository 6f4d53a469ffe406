"""What a sync reports: its counts while it runs and when it has ended, and what it left out, in words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SyncReport:
    """What one run did, over all its sources. Times in seconds.

    The counts are those of `generation`, whose state at the end is `state`. Where that one was built beside the live
    one, `live` holds the counts of what the live one got meanwhile. `notices` are worth knowing and need no repair.
    """

    generation: str = ""
    state: str = ""
    scanned: int = 0
    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    renamed: int = 0
    failed: int = 0
    withheld_deletes: int = 0
    quarantined: int = 0
    documents_read: int = 0
    bytes_read: int = 0
    chunks_total: int = 0
    chunks_embedded: int = 0
    chunks_reused: int = 0
    commits: int = 0
    seconds: float = 0.0
    embed_seconds: float = 0.0
    changes: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    live: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the index now holds all that the sources hold, and nothing else."""
        return not (self.problems or self.withheld_deletes or self.quarantined or self.failed)


Progress = Callable[[int, int, int], None]
"""Called with documents done, documents to do, and strings embedded so far."""


def left_out(report: SyncReport) -> list[str]:
    """A sentence per problem, for deletes that are withheld and for documents that cannot be read; none if complete."""
    withheld = (
        f"{report.withheld_deletes} deletes are withheld: too many documents are gone to delete without asking. "
        "Check the source; a run with confirm_deletes applies them."
    )
    quarantined = (
        f"{report.quarantined} documents are quarantined and keep their last good revision; `ragloop status` shows why."
    )
    failed = f"{report.failed} documents cannot be read and keep their last good revision; `ragloop status` shows why."
    # A batch of changes counts what it failed to read, and not all that is in quarantine.
    unread = [quarantined] * bool(report.quarantined) or [failed] * bool(report.failed)
    return [*report.problems, *[withheld] * bool(report.withheld_deletes), *unread]
