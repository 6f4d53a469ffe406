"""Find the document that was renamed: gone from the listing under one key, and there under another.

Where the bytes can be read as a document, equal bytes suffice: the same chunks come of them whichever document it was.
Where they cannot, what is left is the last good revision of the one document that it was, and no other's will do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ragloop.corpus.index import identity
from ragloop.corpus.index.ledger import QUARANTINED, LedgerRow, Span
from ragloop.corpus.sync.decisions.planning import bare_stamp

Trace = Callable[[str], str]
"""What a rename leaves of a stamp; see Source.trace."""
Sign = tuple[str | None, ...]
"""What a document can be known by: its kind, and its values."""


class Renames:
    """Documents that are gone from a listing, each of which may be taken once, by the document that it became."""

    def __init__(self, gone: Iterable[LedgerRow], trace: Trace) -> None:
        self._trace = trace
        self._left: dict[str, LedgerRow] = {}
        self._keys: dict[Sign, list[str]] = {}
        self._revisions: dict[Sign, set[str]] = {}
        for row in gone:
            self._left[row.key] = row
            for one in {row.revision, row.text_hash} - {None, ""}:
                self._keys.setdefault(("read", one), []).append(row.key)
            if row.revision:
                for sign in self._signs(row.key, row.stamp, _bytes(row)):
                    self._keys.setdefault(sign, []).append(row.key)
                    self._revisions.setdefault(sign, set()).add(row.revision)

    def of_bytes(self, revision: str) -> LedgerRow | None:
        """Take the document that these bytes were, whether they could be read then or not."""
        return self._take(self._last(("read", revision)))

    def of_unreadable(self, key: str, stamp: str, revision: str | None) -> LedgerRow | None:
        """Take the document with a last good revision that became this one, which cannot be read.

        `revision` is the hash of its bytes. None where several have the same bytes, and neither the file nor its name
        tells which it was.
        """
        for sign in self._signs(key, stamp, revision):
            row = self._last(sign)
            if row is None or len(self._revisions[sign]) > 1:
                continue
            if revision is None or _bytes(row) in (None, revision):
                return self._take(row)
        return None

    def _signs(self, key: str, stamp: str, revision: str | None) -> list[Sign]:
        """List what a document can be known by again, the surest first."""
        # A row that came in behind a sync's back may have no key.
        name, trace = PurePosixPath(key or "").name, self._trace(bare_stamp(stamp))
        of_file: list[Sign] = [("file", trace), ("file and name", trace, name)] if trace else []
        of_bytes: list[Sign] = [("bytes and name", revision, name), ("bytes", revision)] if revision else []
        return of_file + of_bytes

    def _last(self, sign: Sign) -> LedgerRow | None:
        keys = self._keys.get(sign, [])
        while keys and keys[-1] not in self._left:
            keys.pop()
        return self._left[keys[-1]] if keys else None

    def _take(self, row: LedgerRow | None) -> LedgerRow | None:
        return self._left.pop(row.key) if row else None


def _bytes(row: LedgerRow) -> str | None:
    """Return the hash of what a document held when it was last read, where it could be."""
    return row.text_hash if row.status == QUARANTINED else row.revision


def inherit(row: LedgerRow, heir: LedgerRow, hashes: Mapping[str, str]) -> tuple[LedgerRow, dict[str, str]]:
    """Give `heir` the last good revision of `row`; return it with the new id of each chunk by its old one.

    `hashes` are those of the chunks that are there, by id: the new ids are those that reading the document would give.
    """
    ids: dict[str, str] = {}
    spans, seen = [], dict.fromkeys(hashes.values(), 0)
    for span in row.spans:
        if (text_hash := hashes.get(span.chunk_id)) is not None:
            ids[span.chunk_id] = identity.chunk_id(heir.document_id, text_hash, seen[text_hash])
            seen[text_hash] += 1
            spans.append(Span(ids[span.chunk_id], span.start, span.end))
    kept = replace(
        heir, revision=row.revision, title=row.title, changed_at=row.changed_at, committed_at=row.committed_at,
        lag_s=row.lag_s, chunks=len(spans), spans=tuple(spans), encoding=row.encoding, left_out=row.left_out,
        recognised=row.recognised,
    )  # fmt: skip
    return kept, ids
