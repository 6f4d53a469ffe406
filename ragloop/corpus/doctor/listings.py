"""What sources list, compared with the ledger of an index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragloop.corpus.sources.source import Source
from ragloop.corpus.sync.decisions.planning import bare_stamp
from ragloop.errors import RagloopError


@dataclass(frozen=True)
class Listings:
    """Keys of documents that differ between sources and ledger, and why a source cannot be listed, by its name."""

    differing: Sequence[str] = ()
    unlisted: Mapping[str, str] = field(default_factory=dict)


def compared(sources: Sequence[Source], ledger: Iterable[Mapping[str, Any]]) -> Listings:
    """Compare what sources list with the rows of a ledger; documents of no source differ too."""
    by_source: dict[str, dict[str, Mapping[str, Any]]] = {one.name: {} for one in sources}
    for row in ledger:
        by_source.setdefault(row["source"], {})[row["key"]] = row
    differing: list[str] = []
    unlisted: dict[str, str] = {}
    for source in sources:
        try:
            differing += _differing(source, by_source.pop(source.name))
        except RagloopError as error:
            unlisted[source.name] = str(error)
    return Listings(differing + [key for rows in by_source.values() for key in rows], unlisted)


def _differing(source: Source, ledger: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the keys that are listed and not in the ledger, the other way round, or of another stamp, place or labels.

    A stamp that is empty says nothing: its document waits to be read again.
    """
    found, left = [], set(ledger)
    for listed in source.list():
        left.discard(listed.key)
        row = ledger.get(listed.key)
        described = row is not None and (row["uri"], tuple(row["labels"] or ())) == (listed.uri, source.labels)
        if row is None or not described or (row["stamp"] and listed.stamp and bare_stamp(row["stamp"]) != listed.stamp):
            found.append(listed.key)
    return found + sorted(left)
