"""Topics: questions of what is erased leave them, names that have its words go, and routes that rest on it."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ragloop.catalogue import Derived
from ragloop.erasure.removing.work import Counts, Work
from ragloop.erasure.traces import Traces
from ragloop.hashes import sha256_of_text
from ragloop.migration.topics.finding import READ
from ragloop.reports import Reports

_LEASE_WAIT_S = 60


def erase_topic_questions(work: Work, entry: Derived) -> Counts:
    """Take the questions of what is erased out of their topics; the log is then read from its beginning again."""

    def kept(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None if row["text_hash"] in work.traces.text_hashes else row

    Reports(work.store).drop("", READ)
    return {"questions of topics": _rewritten(work, entry, kept)}


def erase_topics(work: Work, entry: Derived) -> Counts:
    """Remove topics without a question that is left, and names and terms that have words of what is erased.

    It works before the questions leave their topics: terms are words of any of them, so that those of a topic that
    loses one go until all are grouped anew.
    """
    rows = work.store.rows("topic_questions").to_pylist()
    losing = {row["topic_id"] for row in rows if row["text_hash"] in work.traces.text_hashes}
    left = {row["topic_id"] for row in rows if row["text_hash"] not in work.traces.text_hashes}

    def kept(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if row["topic_id"] not in left:
            return None
        row = _without_words(row, work.traces)
        return {**row, "terms": []} if row["topic_id"] in losing else row

    return {"topics": _rewritten(work, entry, kept)}


def erase_routes(work: Work, entry: Derived) -> Counts:
    """Remove all moves of a topic that rested on a document that is erased: base+rag answers it again."""
    gone = {row["topic_id"] for row in work.store.rows(entry.name).to_pylist() if _rests(row, work.traces)}

    def kept(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if row["topic_id"] in gone:
            return None
        reason = work.traces.without_words(work.traces.without_names(row["reason"]))
        return {**row, "reason": reason, "by": work.traces.without_words(row["by"])}

    return {"moves of topics": _rewritten(work, entry, kept)}


def _rests(row: Mapping[str, Any], traces: Traces) -> bool:
    return any(one["document_id"] in traces.documents for one in row["documents"] or ())


def _without_words(row: Mapping[str, Any], traces: Traces) -> Mapping[str, Any]:
    texts = [row["name"], *(row["terms"] or ())]
    known = traces.rest_in(texts) or any(traces.names.stand_in(one) for one in texts if one)
    known = known or sha256_of_text(row["name"] or "") in traces.text_hashes
    if known:
        return {**row, "name": row["topic_id"], "terms": [], "named_by": None}
    return {**row, "named_by": traces.without_words(row["named_by"])}


def _rewritten(work: Work, entry: Derived, kept: Any) -> int:
    """Write a table anew with its rows as `kept` returns them, None for one that goes; return how many changed."""
    changed = 0

    def batch_of(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal changed
        rows = batch.to_pylist()
        now = [kept(row) for row in rows]
        changed += sum(one != row for one, row in zip(now, rows, strict=True))
        return pa.RecordBatch.from_pylist([dict(one) for one in now if one is not None], schema=batch.schema)

    with work.store.lease(entry.lease, wait_s=_LEASE_WAIT_S):
        work.store.tables.rewrite(entry.name, batch_of)
        work.store.upkeep.leave_newest(entry.name)
    return changed
