"""What was erased and must not come back: a sync passes over it, whatever its source has.

A row is a hash: of source and key, of the URI, or of the content, so that neither a file that stayed in its source nor
a copy of it under another name is indexed again.
"""

from ragloop.corpus.sync.policy import SuppressedBy, Suppressions
from ragloop.store import Store, quoted

TABLE = "suppressions"


def suppressions(store: Store) -> Suppressions:
    """Read what must not be indexed. A sync reads it under the lease of the index, under which it is written."""
    if not store.tables.has(TABLE):  # it is gone, which doctor says
        return Suppressions()
    rows = store.rows(TABLE, columns=["kind", "sha256"]).to_pylist()
    of = {kind: frozenset(row["sha256"] for row in rows if row["kind"] == kind) for kind in SuppressedBy}
    return Suppressions(of[SuppressedBy.DOCUMENT], of[SuppressedBy.URI], of[SuppressedBy.REVISION])


def suppress(store: Store, what: Suppressions, certificate_id: str) -> None:
    """Keep what must not be indexed, in one commit. Needs the lease of the index."""
    now = store.now()
    rows = [
        {
            "suppression_id": f"{kind}:{one}",
            "kind": str(kind),
            "sha256": one,
            "at": now,
            "certificate_id": certificate_id,
        }
        for kind, one in what.rows()
    ]
    store.upsert_rows(TABLE, rows)


def lift(store: Store, certificate_id: str) -> int:
    """Let what one erasure suppressed be indexed again; return how many hashes that were. Needs the index lease."""
    where = f"certificate_id IN ({quoted([certificate_id])})"
    found = store.count(TABLE, where)
    if found:
        store.delete(TABLE, where)
    return found
