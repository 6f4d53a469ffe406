"""Arrow schemas of every table. They live here and nowhere else; a change needs a migration."""

from collections.abc import Mapping

import pyarrow as pa
from lancedb.table import LanceTable, Table

TIME = pa.timestamp("us", tz="UTC")
_PRIMARY_KEY = b"lance-schema:unenforced-primary-key:position"
"""Where LanceDB notes a primary key, which may be set once."""
_SPAN = pa.struct([("chunk_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
_PASSAGE = pa.struct(
    [
        ("chunk_id", pa.string()),
        ("document_id", pa.string()),
        ("revision", pa.string()),
        ("text_hash", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("similarity", pa.float64()),
        ("verdict", pa.string()),
        ("relevance", pa.float64()),
    ]
)
"""`verdict` says how a passage of another service was tied to its document; null for those that ragloop retrieved."""
_CITATION = pa.struct(
    [
        ("n", pa.int32()),
        ("uri", pa.string()),
        ("heading", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("chunk_id", pa.string()),
        ("document_id", pa.string()),
        ("revision", pa.string()),
    ]
)
_SUPPORT = pa.list_(pa.struct([("document_id", pa.string()), ("statements", pa.list_(pa.string()))]))
"""Digests of the statements that an answer or a correction rests on, per document; null where nobody looked."""


def _schema(key: str, /, **columns: pa.DataType) -> pa.Schema:
    """Make a schema whose first column is the primary key, so that no commit of its own has to declare the key."""
    fields = [pa.field(key, pa.string(), nullable=False, metadata={_PRIMARY_KEY: b"1"})]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in columns.items()])


LATER = frozenset({"planted"})
"""Columns that an index of an earlier ragloop lacks: it is read without them, and the next write to it adds them."""


def index_schema(dimension: int) -> pa.Schema:
    """Describe rows of kind `document` (the ledger) and of kind `chunk`; `deleted` marks tombstones.

    `text_hash` is that of a chunk's embedded string, and of a quarantined document's bytes. `words` and `title_words`
    are text, title and heading as full-text search compares them. `left_out` says in sentences what of a document was
    not read, `recognised` which images its text was recognised in; `confidence` is that of a chunk's recognised text.
    `planted` counts the passages of a chunk that speak to a model.
    `labels` of a chunk whose document has none hold an empty string, which its index can find.
    A document's own row alone says its revision and where its chunks stand: an edit changes the rows of the chunks that
    it changes, and no others.
    """
    return _schema(
        "id",
        kind=pa.string(),
        deleted=pa.bool_(),
        document_id=pa.string(),
        source=pa.string(),
        key=pa.string(),
        uri=pa.string(),
        revision=pa.string(),
        title=pa.string(),
        labels=pa.list_(pa.string()),
        status=pa.string(),
        reason=pa.string(),
        attempts=pa.int32(),
        stamp=pa.string(),
        changed_at=TIME,
        committed_at=TIME,
        lag_s=pa.float64(),
        chunks=pa.int32(),
        retry_at=TIME,
        spans=pa.list_(_SPAN),
        format=pa.string(),
        encoding=pa.string(),
        left_out=pa.list_(pa.string()),
        recognised=pa.list_(pa.string()),
        heading=pa.string(),
        text=pa.string(),
        text_hash=pa.string(),
        confidence=pa.float64(),
        words=pa.string(),
        title_words=pa.string(),
        planted=pa.int32(),
        vector=pa.list_(pa.float32(), dimension),
    )


def vectors_schema(dimension: int) -> pa.Schema:
    """Describe vectors, kept by the SHA-256 of the embedded string; `unused_since` is null while an index uses it."""
    return _schema("text_hash", created_at=TIME, vector=pa.list_(pa.float32(), dimension), unused_since=TIME)


TABLES: Mapping[str, pa.Schema] = {
    "generations": _schema(
        "table",
        fingerprint=pa.string(),
        state=pa.string(),
        parser=pa.string(),
        chunker=pa.string(),
        embedder=pa.string(),
        dimension=pa.int32(),
        embedder_name=pa.string(),
        embedder_backend=pa.string(),
        number=pa.int32(),
        created_at=TIME,
        cut_over_at=TIME,
        ended_at=TIME,
    ),
    "interactions": _schema(
        "interaction_id",
        asked_at=TIME,
        origin=pa.string(),
        question=pa.string(),
        rewritten=pa.string(),
        answer=pa.string(),
        abstained=pa.bool_(),
        lane=pa.string(),
        model=pa.string(),
        adapter=pa.string(),
        generation=pa.string(),
        prompt_hash=pa.string(),
        prompt_tokens=pa.int32(),
        completion_tokens=pa.int32(),
        cost_usd=pa.float64(),
        guard=pa.string(),
        top_similarity=pa.float64(),
        passages=pa.list_(_PASSAGE),
        citations=pa.list_(_CITATION),
        latency_ms=pa.map_(pa.string(), pa.float64()),
        fallback=pa.string(),
        support=_SUPPORT,
        labels=pa.list_(pa.string()),
        asked_by=pa.string(),
        conversation=pa.string(),
        message=pa.string(),
        cut=pa.bool_(),
        decisions=pa.map_(pa.string(), pa.string()),
        reuse_key=pa.string(),
        reused_from=pa.string(),
    ),
    "feedback": _schema(
        "feedback_id",
        interaction_id=pa.string(),
        given_at=TIME,
        kind=pa.string(),
        correction=pa.string(),
        support=_SUPPORT,
    ),
    "datasets": _schema(
        "dataset_id", created_at=TIME, path=pa.string(), rows=pa.int64(), train=pa.int64(), eval=pa.int64()
    ),
    "adapters": _schema(
        "adapter_id",
        created_at=TIME,
        base=pa.string(),
        dataset_id=pa.string(),
        path=pa.string(),
        sha256=pa.string(),
        state=pa.string(),
        verdict=pa.string(),
        reasons=pa.list_(pa.string()),
        metrics=pa.string(),
        base_sha256=pa.string(),
        recipe=pa.string(),
        lane=pa.string(),
    ),
    "aliases": _schema(
        "change_id",
        at=TIME,
        lane=pa.string(),
        alias=pa.string(),
        kind=pa.string(),
        adapter_id=pa.string(),
        reason=pa.string(),
        by=pa.string(),
        share=pa.float64(),
    ),
    "keys": _schema(
        "change_id",
        at=TIME,
        kind=pa.string(),
        key_id=pa.string(),
        name=pa.string(),
        sha256=pa.string(),
        labels=pa.list_(pa.string()),
        roles=pa.list_(pa.string()),
        inline_links=pa.bool_(),
    ),
    "topics": _schema(
        "topic_id",
        made_at=TIME,
        name=pa.string(),
        named_by=pa.string(),
        terms=pa.list_(pa.string()),
        pinned=pa.bool_(),
    ),
    "topic_questions": _schema("text_hash", topic_id=pa.string()),
    "routes": _schema(
        "change_id",
        at=TIME,
        topic_id=pa.string(),
        kind=pa.string(),
        lane=pa.string(),
        share=pa.float64(),
        adapter_id=pa.string(),
        reason=pa.string(),
        by=pa.string(),
        documents=pa.list_(pa.struct([("document_id", pa.string()), ("revision", pa.string())])),
        rest=pa.string(),
        rest_adapter_id=pa.string(),
    ),
    "suppressions": _schema(
        "suppression_id", kind=pa.string(), sha256=pa.string(), at=TIME, certificate_id=pa.string()
    ),
    "reports": _schema("report_id", at=TIME, kind=pa.string(), subject=pa.string(), body=pa.string()),
}
"""Every table with a fixed schema. `aliases`, `keys` and `routes` are append-only; of
`reports`, some kinds replace their row, others add."""


def keyed(table: Table) -> Table:
    """Declare the first column the primary key: LanceDB then refuses what two writers would silently double."""
    if not isinstance(table, LanceTable):
        raise TypeError(f"expected a local LanceDB table, found {type(table).__name__}")
    key = table.schema.field(0)
    if _PRIMARY_KEY not in (key.metadata or {}):
        table.set_unenforced_primary_key([key.name])
    return table
