"""Account for a batch: what became of each document, and what it took."""

from collections.abc import Collection, Mapping, Sequence

from ragloop.corpus.index.ledger import LedgerRow
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.corpus.sync.report import Change, ChangeKind, SourceOutcome


def account(
    batch: Sequence[Prepared],
    *,
    source: str,
    before: Collection[str],
    moved: Mapping[str, LedgerRow],
    rows: Mapping[str, LedgerRow],
    new: Collection[str],
    embed_seconds: float,
) -> SourceOutcome:
    """Account for a batch of a source.

    `before` are the keys that the ledger had, `moved` the rows of renamed documents by new key, `rows` the ledger's
    rows by key, `new` the hashes of the strings that were embedded.
    """
    counts = _first_embedded(batch, new)
    changes = tuple(
        Change(
            _kind(one, is_known=one.key in before, is_moved=one.key in moved),
            source,
            one.key,
            was=moved[one.key].key if one.key in moved else None,
            chunks=len(one.chunks or ()),
            embedded=counts[one.key],
            reason=one.reason,
            left_out=one.left_out,
            language=one.language,
            lag_s=None if one.reason else rows[one.key].lag_s,
            uri=one.listed.uri,
        )
        for one in batch
        if one.chunks is not None or one.reason is not None
    )
    return SourceOutcome(
        unchanged=len(batch) - len(changes),
        documents_read=sum(one.read is not None for one in batch),
        bytes_read=sum(one.bytes_read for one in batch),
        chunks_embedded=sum(one.embedded for one in changes),
        chunks_reused=sum(one.chunks - one.embedded for one in changes),
        embed_seconds=embed_seconds,
        changes=changes,
    )


def _kind(document: Prepared, *, is_known: bool, is_moved: bool) -> ChangeKind:
    if document.reason:
        return ChangeKind.FAILED
    if is_moved:
        return ChangeKind.RENAMED
    return ChangeKind.UPDATED if is_known else ChangeKind.ADDED


def _first_embedded(batch: Sequence[Prepared], new: Collection[str]) -> Mapping[str, int]:
    """Count the strings that were embedded for each document, by key: a string of several is counted at the first."""
    left = set(new)
    counts = {}
    for document in batch:
        of_document = left & {chunk.text_hash for chunk in document.chunks or ()}
        counts[document.key] = len(of_document)
        left -= of_document
    return counts
