"""What a sync reports: the documents that changed, what was done for each source, their sum, and what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Self

from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.sources.listing import PassedOver, add_up_passed
from ragloop.printable import html_table
from ragloop.wording import counted, counted_with

UNDETERMINED = "und"
"""The code that ISO 639-2 has for a language that is not told."""


class ChangeKind(StrEnum):
    """What became of a document."""

    ADDED = "added"
    UPDATED = "updated"
    RENAMED = "renamed"
    FAILED = "failed"
    DELETED = "deleted"
    WITHHELD = "withheld"
    """It is gone from its source, and the guard of deletes keeps it."""
    REFUSED = "refused"
    """It is gone from its source, and a person refused to delete it."""


@dataclass(frozen=True)
class Change:
    """A document that changed: `was` is the key that it was renamed from, `reason` says why it cannot be read.

    `left_out` says in sentences what of it was not read. `language` is the code of the one that it is in, None where
    that is not sure or it was not read.
    `lag_s`: seconds until it became searchable; a first index, and what cannot be read, have none.
    """

    change: ChangeKind
    source: str
    key: str
    was: str | None = None
    chunks: int = 0
    embedded: int = 0
    reason: str | None = None
    left_out: tuple[str, ...] = ()
    lag_s: float | None = None
    uri: str = ""
    language: str | None = None

    @property
    def was_read(self) -> bool:
        """Whether a document was read anew."""
        return self.change in (ChangeKind.ADDED, ChangeKind.UPDATED, ChangeKind.RENAMED)

    @property
    def is_without_text(self) -> bool:
        """Whether a document was read and no text was found in it."""
        return self.change in (ChangeKind.ADDED, ChangeKind.UPDATED) and not self.chunks


def changes_of(change: ChangeKind, source: str, rows: Sequence[LedgerRow]) -> tuple[Change, ...]:
    """Return a change of this kind for each of these documents, which are gone from their source."""
    return tuple(Change(change, source, row.key, chunks=row.chunks, uri=row.uri) for row in rows)


@dataclass(frozen=True)
class NamedDocument:
    """A document that was not read as a whole, and in sentences what is missing, or that speaks to a model.

    `planted` counts the places where it does.
    """

    source: str
    key: str
    uri: str
    left_out: tuple[str, ...] = ()
    planted: int = 0


def _named(changes: Iterable[Change]) -> tuple[NamedDocument, ...]:
    return tuple(NamedDocument(one.source, one.key, one.uri, one.left_out) for one in changes)


@dataclass(frozen=True)
class QualityCounts:
    """How well the documents of an index were read, since the run at `at` (ISO 8601) that found these counts first."""

    at: str
    documents: int
    read_in_part: int
    without_text: int
    quarantined: int
    passed_over: int


@dataclass(frozen=True)
class SourceOutcome:
    """What was done for one source, or for several added up. `whole`: nothing of them was left for another pass.

    `suppressed` counts documents that are in the source and were erased.

    `unmatched` says of a source without documents what it was looked for in; it keeps no build from its end.
    """

    scanned: int = 0
    unchanged: int = 0
    documents_read: int = 0
    bytes_read: int = 0
    chunks_embedded: int = 0
    chunks_reused: int = 0
    embed_seconds: float = 0.0
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    whole: bool = True
    suppressed: int = 0
    passed_over: PassedOver = field(default_factory=PassedOver)
    unmatched: tuple[str, ...] = ()

    def count(self, *kinds: ChangeKind) -> int:
        """Return how many documents changed in one of these ways."""
        return sum(change.change in kinds for change in self.changes)


def add_up(outcomes: Iterable[SourceOutcome]) -> SourceOutcome:
    """Add outcomes up; a problem that several have is said once."""
    parts = tuple(outcomes)
    return SourceOutcome(
        scanned=sum(one.scanned for one in parts),
        unchanged=sum(one.unchanged for one in parts),
        documents_read=sum(one.documents_read for one in parts),
        bytes_read=sum(one.bytes_read for one in parts),
        chunks_embedded=sum(one.chunks_embedded for one in parts),
        chunks_reused=sum(one.chunks_reused for one in parts),
        embed_seconds=sum(one.embed_seconds for one in parts),
        changes=tuple(chain.from_iterable(one.changes for one in parts)),
        problems=tuple(dict.fromkeys(chain.from_iterable(one.problems for one in parts))),
        notices=tuple(chain.from_iterable(one.notices for one in parts)),
        whole=all(one.whole for one in parts),
        suppressed=sum(one.suppressed for one in parts),
        passed_over=add_up_passed(one.passed_over for one in parts),
        unmatched=tuple(chain.from_iterable(one.unmatched for one in parts)),
    )


@dataclass(frozen=True)
class SyncReport:
    """What one run did, over all its sources. Times in seconds.

    The counts are those of `generation`, whose state at the end is `state`. Where that one was built beside the active
    one, `active` holds the counts of what the active one got meanwhile. `notices` are worth knowing and need no repair.
    `quarantine`, `read_in_part`, `without_text` and `planted` (those that speak to a model) name documents of the index
    as it is at the end, of the sources that were synced; where only single documents were, those of them.
    `passed_over` is of the listings. `suppressed` counts documents of the sources that were erased, which no sync
    brings back. `languages` counts the documents that were read anew by the code of their language, "und" where it is
    not sure. `trend`: how well the whole index was read at the last runs that changed that.
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
    suppressed: int = 0
    quarantined: int = 0
    read_in_part: tuple[NamedDocument, ...] = ()
    without_text: tuple[NamedDocument, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)
    documents_read: int = 0
    bytes_read: int = 0
    chunks_total: int = 0
    chunks_embedded: int = 0
    chunks_reused: int = 0
    commits: int = 0
    seconds: float = 0.0
    embed_seconds: float = 0.0
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    active: dict[str, int] = field(default_factory=dict)
    quarantine: tuple[NamedDocument, ...] = ()
    trend: tuple[QualityCounts, ...] = ()
    planted: tuple[NamedDocument, ...] = ()
    languages: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcome: SourceOutcome, *, generation: str = "", state: str = "") -> Self:
        """Report an outcome; what only the index can tell stays at nothing."""
        counts = Counter(change.change for change in outcome.changes)
        return cls(
            generation=generation,
            state=state,
            scanned=outcome.scanned,
            added=counts[ChangeKind.ADDED],
            updated=counts[ChangeKind.UPDATED],
            deleted=counts[ChangeKind.DELETED],
            unchanged=outcome.unchanged,
            renamed=counts[ChangeKind.RENAMED],
            failed=counts[ChangeKind.FAILED],
            withheld_deletes=counts[ChangeKind.WITHHELD],
            suppressed=outcome.suppressed,
            read_in_part=_named(change for change in outcome.changes if change.left_out),
            without_text=_named(change for change in outcome.changes if change.is_without_text),
            passed_over=outcome.passed_over,
            documents_read=outcome.documents_read,
            bytes_read=outcome.bytes_read,
            chunks_embedded=outcome.chunks_embedded,
            chunks_reused=outcome.chunks_reused,
            embed_seconds=outcome.embed_seconds,
            changes=outcome.changes,
            problems=(*outcome.problems, *outcome.unmatched),
            notices=outcome.notices,
            languages=dict(Counter(one.language or UNDETERMINED for one in outcome.changes if one.was_read)),
        )

    @property
    def complete(self) -> bool:
        """Return whether the index now holds all that the sources hold, and nothing else."""
        return not (self.problems or self.withheld_deletes or self.quarantined or self.failed)

    @property
    def withheld(self) -> tuple[Change, ...]:
        """Return the documents whose deletes are withheld, as far as they are known by name."""
        return tuple(change for change in self.changes if change.change is ChangeKind.WITHHELD)

    @property
    def refused(self) -> tuple[Change, ...]:
        """Return the documents that a person refused to delete."""
        return tuple(change for change in self.changes if change.change is ChangeKind.REFUSED)

    def _repr_html_(self) -> str:
        """Show the counts in a notebook, and what was left out."""
        names = ("added", "updated", "renamed", "deleted", "unchanged", "failed", "chunks_total", "chunks_embedded")
        counts = [(name.replace("_", " "), f"{getattr(self, name):,}") for name in names]
        rest = [("left out", sentence) for sentence in left_out(self)]
        return html_table(("sync", f"{self.seconds:.1f} s"), [*counts, *rest])


Progress = Callable[[int, int, int], None]
"""Called with documents done, documents to do, and strings embedded so far, each of one source."""
Looking = Callable[[str, int, int | None], None]
"""Called while a source is listed, with its name and the documents found so far; when the listing has ended, also with
how many of them are to be read."""


def left_out(report: SyncReport) -> list[str]:
    """Write a sentence per problem, for withheld deletes and for unreadable documents; none if complete."""
    withheld = (
        f"{counted_with(report.withheld_deletes, 'delete', 'is', 'are')} withheld: too many documents are gone to "
        "delete without asking. Check the source; a run with confirm_deletes applies them."
    )
    quarantined = (
        f"{counted_with(report.quarantined, 'document', 'is', 'are')} quarantined, the last good revision stays; "
        "`ragloop status` shows why."
    )
    failed = (
        f"{counted(report.failed, 'document')} cannot be read, the last good revision stays; "
        "`ragloop status` shows why."
    )
    # A batch of changes counts what it failed to read, and not all that is in quarantine.
    unread = [quarantined] * bool(report.quarantined) or [failed] * bool(report.failed)
    return [*report.problems, *[withheld] * bool(report.withheld_deletes), *unread]
