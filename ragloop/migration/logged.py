"""Read the log of a window by columns, without a row in Python."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ragloop.answering.routing import SAID_IN_PART
from ragloop.journal import Journal, LogTable
from ragloop.migration.columns import Amounts, Cited, Coded, Flags, Logged
from ragloop.records import FeedbackKind

_OF_LOG = (
    "interaction_id", "asked_at", "question", "rewritten", "lane", "model", "adapter", "abstained", "prompt_tokens",
    "completion_tokens", "cost_usd", "latency_ms", "citations", "reused_from", "fallback",
)  # fmt: skip
_OF_FEEDBACK = ("interaction_id", "given_at", "kind")
GENERATE = "generate"
"""The stage in which a model writes, and a machine waits for a remote one."""


def logged(journal: Journal, since: datetime | None = None) -> Logged:
    """Read the answers since a moment, or all, and the feedback on them."""
    answers, feedback = journal.tables()
    where = f"asked_at >= timestamp '{since:%Y-%m-%dT%H:%M:%S.%f}'" if since else None
    rows = answers.rows(_OF_LOG, where).sort_by([("asked_at", "ascending"), ("interaction_id", "ascending")])
    votes, corrected = _votes(feedback, rows["interaction_id"])
    seconds, writing_s = _seconds(rows["latency_ms"])
    return Logged(
        asked_at=rows["asked_at"].cast(pa.timestamp("us")).to_numpy(),
        texts=Coded.of(asked_texts(rows)),
        lanes=Coded.of(rows["lane"]),
        models=Coded.of(rows["model"]),
        adapters=Coded.of(rows["adapter"]),
        doubted=_flags(pc.starts_with(rows["fallback"], SAID_IN_PART)),
        abstained=_flags(rows["abstained"]),
        reused=_flags(pc.greater(pc.utf8_length(pc.fill_null(rows["reused_from"], "")), 0)),
        tokens=np.stack([_amounts(rows[name]) for name in ("prompt_tokens", "completion_tokens")], axis=1),
        charged_usd=_amounts(rows["cost_usd"]),
        seconds=seconds,
        writing_s=writing_s,
        cited=_cited(rows["citations"]),
        votes=votes,
        corrected=corrected,
    )


def asked_texts(rows: pa.Table) -> pa.ChunkedArray:
    """Return what was looked for: the rewritten question where that is one line, else the question as it was asked."""
    rewritten = rows["rewritten"]
    one_line = pc.and_(pc.is_valid(rewritten), pc.invert(pc.match_substring(pc.fill_null(rewritten, ""), "\n")))
    return pc.if_else(one_line, rewritten, rows["question"])


def _amounts(column: pa.ChunkedArray) -> Amounts:
    found: Amounts = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy().astype(np.float64)
    return found


def _flags(column: Any) -> Flags:
    found: Flags = pc.fill_null(column, False).to_numpy().astype(np.bool_)
    return found


def _seconds(column: pa.ChunkedArray) -> tuple[Amounts, Amounts]:
    """Add up the latencies of each row: of all stages, and of the one that writes."""
    maps = column.combine_chunks()
    maps = maps.chunk(0) if isinstance(maps, pa.ChunkedArray) else maps
    offsets = np.asarray(maps.offsets.to_numpy())
    stages, values = maps.keys, maps.items.cast(pa.float64()).to_numpy(zero_copy_only=False) / 1000
    writes = pc.equal(stages, GENERATE).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(maps)), np.diff(offsets))
    part = slice(int(offsets[0]), int(offsets[-1])) if len(offsets) else slice(0)
    values, writes = values[part], writes[part]
    known: Amounts = np.where(np.bincount(rows, minlength=len(maps)) > 0, 1.0, np.nan)
    every: Amounts = np.bincount(rows, values, len(maps)).astype(np.float64)
    writing: Amounts = np.bincount(rows, np.where(writes, values, 0.0), len(maps)).astype(np.float64)
    return every * known, writing * known


def _cited(column: pa.ChunkedArray) -> Cited:
    lists = column.combine_chunks()
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    documents, revisions = (_coded_field(lists, name) for name in ("document_id", "revision"))
    distinct = np.unique(np.stack([rows, documents.codes, revisions.codes], axis=1), axis=0)
    return Cited(distinct[:, 0], replace(documents, codes=distinct[:, 1]), replace(revisions, codes=distinct[:, 2]))


def _coded_field(lists: Any, name: str) -> Coded:
    return Coded.of(pa.chunked_array([pc.struct_field(pc.list_flatten(lists), name)]))


def _votes(feedback: LogTable, answers: pa.ChunkedArray) -> tuple[NDArray[np.int64], Flags]:
    """Return for each answer what the last feedback on it says, and whether any corrects it."""
    given = feedback.rows(_OF_FEEDBACK).sort_by([("given_at", "ascending")])
    places = pc.index_in(given["interaction_id"], value_set=answers.combine_chunks())
    is_known = pc.is_valid(places)
    rows = places.filter(is_known).to_numpy().astype(np.int64)
    kinds = given["kind"].filter(is_known)
    votes, corrected = np.zeros(len(answers), np.int64), np.zeros(len(answers), np.bool_)
    votes[rows] = np.where(pc.equal(kinds, FeedbackKind.UP.value).to_numpy(), 1, -1)
    corrected[rows[pc.equal(kinds, FeedbackKind.CORRECTION.value).to_numpy()]] = True
    return votes, corrected
