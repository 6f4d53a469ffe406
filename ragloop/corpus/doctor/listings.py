"""What sources list, compared with the ledger of an index."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragloop.corpus.sources.source import Listed, Source
from ragloop.corpus.sync.decisions.planning import bare_stamp
from ragloop.corpus.sync.policy import NOTHING_ERASED, Suppressions
from ragloop.errors import RagloopError

_MOST_BYTES = 2**30
"""No document that was indexed is larger, by any sensible setting."""


@dataclass(frozen=True)
class Listings:
    """Keys of documents that differ between sources and ledger, and why a source cannot be listed, by its name."""

    differing: Sequence[str] = ()
    unlisted: Mapping[str, str] = field(default_factory=dict)


def compared(
    sources: Sequence[Source], ledger: Iterable[Mapping[str, Any]], suppressed: Suppressions = NOTHING_ERASED
) -> Listings:
    """Compare what sources list with the rows of a ledger; documents of no source differ too.

    What was erased, `suppressed`, is to be in no ledger.
    """
    by_source: dict[str, dict[str, Mapping[str, Any]]] = {one.name: {} for one in sources}
    for row in ledger:
        by_source.setdefault(row["source"], {})[row["key"]] = row
    differing: list[str] = []
    unlisted: dict[str, str] = {}
    for source in sources:
        try:
            differing += _differing(source, by_source.pop(source.name), suppressed)
        except RagloopError as error:
            unlisted[source.name] = str(error)
    return Listings(differing + [key for rows in by_source.values() for key in rows], unlisted)


def _differing(source: Source, ledger: Mapping[str, Mapping[str, Any]], suppressed: Suppressions) -> list[str]:
    """Return the keys that are listed and not in the ledger, the other way round, or of another stamp, place or labels.

    A stamp that is empty says nothing: its document waits to be read again.
    """
    found, left = [], set(ledger)
    for listed in source.list():
        if suppressed.holds(source.name, listed.key, listed.uri):
            continue
        row = ledger.get(listed.key)
        left.discard(listed.key)
        if _differs(listed, row, source) and not _is_copy(source, listed, suppressed):
            found.append(listed.key)
    return found + sorted(left)


def _differs(listed: Listed, row: Mapping[str, Any] | None, source: Source) -> bool:
    if row is None or (row["uri"], tuple(row["labels"] or ())) != (listed.uri, source.labels):
        return True
    return bool(row["stamp"] and listed.stamp and bare_stamp(row["stamp"]) != listed.stamp)


def _is_copy(source: Source, listed: Listed, suppressed: Suppressions) -> bool:
    """Return whether a document has the content of one that was erased; it is read only where something was."""
    if not suppressed.revisions:
        return False
    try:
        content = source.read(listed, _MOST_BYTES).data
        return hashlib.sha256(content).hexdigest() in suppressed.revisions
    except (RagloopError, OSError):
        return False
