"""What people decided about deletes that the guard withheld: kept for ever, with who decided and why.

A refusal may hold for some days. Until then a sync keeps the refused documents and asks nobody about them again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ragloop.corpus.sync.report import Change, ChangeKind
from ragloop.reports import Report, Reports
from ragloop.store import Store
from ragloop.wording import counted_with

DECISION = "delete decision"
"""The kind of report that a decision is kept as."""
Documents = frozenset[tuple[str, str]]
"""Source and key of documents."""


@dataclass(frozen=True)
class DeleteDecision:
    """What a person decided at `at` about so many documents of each source, and why.

    `until` is when a refusal ends; None where it held for one sync, or where the deletes were approved.
    """

    at: datetime
    approved: bool
    by: str
    reason: str
    counts: Mapping[str, int]
    until: datetime | None = None
    refused: Documents = frozenset()

    @property
    def sentence(self) -> str:
        """Say who decided what."""
        why = f" ({self.reason})" if self.reason else ""
        return f"{'approved' if self.approved else 'refused'} by {self.by}{why}"


def decide(
    store: Store,
    documents: Documents,
    *,
    approved: bool,
    by: str,
    reason: str,
    days: float = 0,
    key: str = "",
) -> DeleteDecision:
    """Keep a decision about documents; a refusal holds for so many days. Kept again under `key`, it replaces itself."""
    now = store.now()
    until = now + timedelta(days=days) if days and not approved else None
    counts = dict(sorted(Counter(source for source, _ in documents).items()))
    decision = DeleteDecision(now, approved, by, reason, counts, until, documents if until else frozenset())
    Reports(store).append(Report(DECISION, "", now, _body(decision)), key)
    return decision


def keep_confirmation(
    store: Store, changes: Iterable[Change], *, by: str, reason: str, key: str = ""
) -> DeleteDecision | None:
    """Keep who confirmed the deletes of a sync beforehand, and why; None where it deleted nothing."""
    gone = frozenset((one.source, one.key) for one in changes if one.change is ChangeKind.DELETED)
    return decide(store, gone, approved=True, by=by, reason=reason, key=key) if gone else None


def decisions(reports: Reports) -> list[DeleteDecision]:
    """Read every decision, oldest first."""
    return [_decision(report.at, report.body) for report in reports.history(DECISION)]


def refusals(reports: Reports) -> list[DeleteDecision]:
    """Read the refusals that hold now, the last first."""
    now = reports.store.now()
    return [one for one in reversed(decisions(reports)) if one.until and one.until > now]


def refused_documents(holding: Iterable[DeleteDecision]) -> Documents:
    """Gather the documents of refusals."""
    return frozenset().union(*(one.refused for one in holding))


def kept_by(holding: Iterable[DeleteDecision], kept: Documents) -> tuple[str, ...]:
    """Say of documents that are gone from their source and kept who refused to delete them, and until when."""
    lines, left = [], set(kept)
    for one in holding:
        if of_it := one.refused & left:
            left -= of_it
            until = f"{one.until:%Y-%m-%d %H:%M} UTC"
            gone = counted_with(len(of_it), "document", "is", "are")
            lines.append(f"{gone} gone from the source and kept until {until}: {one.sentence}")
    return tuple(lines)


def _body(decision: DeleteDecision) -> dict[str, Any]:
    refused: dict[str, list[str]] = {}
    for source, key in sorted(decision.refused):
        refused.setdefault(source, []).append(key)
    return {
        "approved": decision.approved,
        "by": decision.by,
        "reason": decision.reason,
        "counts": decision.counts,
        "until": decision.until.isoformat() if decision.until else None,
        "refused": refused,
    }


def _decision(at: datetime, body: Mapping[str, Any]) -> DeleteDecision:
    return DeleteDecision(
        at,
        body["approved"],
        body["by"],
        body["reason"],
        body["counts"],
        datetime.fromisoformat(body["until"]) if body["until"] else None,
        frozenset((source, key) for source, keys in body["refused"].items() for key in keys),
    )
