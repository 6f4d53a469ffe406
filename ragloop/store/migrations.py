"""Numbered migrations, each of which brings a store from the number before it to its own.

One that was killed is run again from its start, so each finds what it has done already. What a migration knows of
older schemas stands here, and is never changed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from ragloop.errors import NotFoundError, StoreDamagedError
from ragloop.store.schemas import TABLES, TIME, keyed

if TYPE_CHECKING:
    from ragloop.store.database import Store

_GENERATIONS_1 = pa.schema(
    [
        pa.field("fingerprint", pa.string(), nullable=False),
        ("table", pa.string()),
        ("parser", pa.string()),
        ("chunker", pa.string()),
        ("embedder", pa.string()),
        ("dimension", pa.int32()),
        ("created_at", TIME),
    ]
)


def _create_tables(store: "Store") -> None:
    for name, schema in {**TABLES, "generations": _GENERATIONS_1}.items():
        keyed(store.create(name, schema))


def _keep_several_generations(store: "Store") -> None:
    """Generations get states and are keyed by their table, since one fingerprint may be built twice."""
    generations = store.table("generations")
    if "state" not in generations.schema.names:
        rows = sorted(generations.to_arrow().to_pylist(), key=lambda row: row["created_at"], reverse=True)
        states = ["live", *["retired"] * len(rows)]
        # The name of the embedder was not kept; the settings' is tried, and its fingerprint compared.
        new = [
            {**row, "state": state, "number": 1, "cut_over_at": row["created_at"]}
            for row, state in zip(rows, states, strict=False)
        ]
        store.replace("generations", pa.Table.from_pylist(new, schema=TABLES["generations"]))
    keyed(store.table("generations"))
    for name in filter(store.has, store.names("vectors_")):
        _note_unused_vectors(store, name)


def _note_unused_vectors(store: "Store", name: str) -> None:
    try:
        with store.errors():
            table = store.table(name)
            if "unused_since" not in table.schema.names:
                table.add_columns(pa.field("unused_since", TIME))
    except StoreDamagedError:
        # Vectors can be made again; a table that cannot be read must not keep the store from being opened.
        store.set_aside(name)


def _retry_documents(store: "Store") -> None:
    """The ledger says when a document whose parser was stopped is tried again."""
    for name in filter(store.has, store.names("index_")):
        # `ragloop sync --rebuild` builds anew what cannot be read.
        with suppress(StoreDamagedError), store.errors():
            table = store.table(name)
            if "retry_at" not in table.schema.names:
                table.add_columns(pa.field("retry_at", TIME))


_SPANS = pa.list_(pa.struct([("chunk_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())]))
_PART = 500
_WAIT_S = 30.0


def _place_chunks_by_document(store: "Store") -> None:
    """Where chunks stand moves from their rows to those of their documents."""
    names = list(filter(store.has, store.names("index_")))
    if not names:
        return
    # What a sync of an older ragloop commits meanwhile would have no spans.
    with store.lease("index", wait_s=_WAIT_S):
        for name in names:
            # `ragloop sync --rebuild` builds anew what cannot be read.
            with suppress(StoreDamagedError), store.errors():
                _place_chunks(store, name)


def _place_chunks(store: "Store", name: str) -> None:
    table = store.table(name)
    if "spans" not in table.schema.names:
        table.add_columns(pa.field("spans", _SPANS))
    if "ordinal" in table.schema.names:
        _fill_spans(store, name)
        store.table(name).drop_columns(["ordinal", "start", "end", "tokens"])


def _fill_spans(store: "Store", name: str) -> None:
    """One part of the documents after the other, each in a commit of its own; those that have theirs are left out."""
    where = "kind = 'document' AND live AND spans IS NULL"
    found = Counter(store.rows(name, where, ["id"])["id"].to_pylist())
    waiting = [one for one, count in found.items() if count == 1]  # of those that stand twice a doctor leaves one
    for first in range(0, len(waiting), _PART):
        # One that is not of our making may be anything; a doctor finds it.
        ids = ", ".join(f"'{one}'" for one in waiting[first : first + _PART] if one.isalnum()) or "''"
        documents = store.rows(name, f"id IN ({ids})")
        columns = ["document_id", "ordinal", "id", "start", "end"]
        chunks = store.rows(name, f"kind = 'chunk' AND live AND document_id IN ({ids})", columns)
        spans: dict[str, list[tuple[str, int, int]]] = {one: [] for one in documents["id"].to_pylist()}
        for row in chunks.sort_by("ordinal").to_pylist():
            spans[row["document_id"]].append((row["id"], row["start"], row["end"]))
        at = documents.schema.get_field_index("spans")
        filled = pa.array([spans[one] for one in documents["id"].to_pylist()], _SPANS)
        store.upsert(name, documents.set_column(at, "spans", filled))


def _note_bases_and_fallbacks(store: "Store") -> None:
    """Adapters name the weights that they were trained on, answers why another lane gave them."""
    for name, column in (("adapters", "base_sha256"), ("interactions", "fallback")):
        # What a doctor tells of must not keep the store from being opened.
        with suppress(StoreDamagedError, NotFoundError), store.errors():
            table = store.table(name)
            if column not in table.schema.names:
                table.add_columns(pa.field(column, pa.string()))


_SUPPORT = pa.list_(pa.struct([("document_id", pa.string()), ("statements", pa.list_(pa.string()))]))


def _hold_support(store: "Store") -> None:
    """The log says on which statements an answer and a correction rest; of older ones nobody knows."""
    for name in filter(store.has, ("interactions", "feedback")):
        with suppress(StoreDamagedError), store.errors():
            table = store.table(name)
            if "support" not in table.schema.names:
                table.add_columns(pa.field("support", _SUPPORT))


MIGRATIONS: Sequence[Callable[["Store"], None]] = (
    _create_tables,
    _keep_several_generations,
    _retry_documents,
    _place_chunks_by_document,
    _note_bases_and_fallbacks,
    _hold_support,
)
"""Numbered from 1."""
