"""What a sync tells: its counts while it runs and when it has ended."""

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
