"""Count anew where chunks speak to a model, in an index whose chunks were looked at by other rules or by none."""

from collections.abc import Iterator

from ragloop.corpus.index.predicates import CHUNKS
from ragloop.corpus.index.table import Index
from ragloop.language.planted import RULES_HASH, planted_spans
from ragloop.reports import Report, Reports
from ragloop.store import quoted

RULES = "rules on planted sentences"
"""The kind of report that says by which rules the chunks of an index were looked at."""
_BATCH = 4_096


def count_anew(index: Index, reports: Reports) -> None:
    """Look at every chunk of an index, unless these rules did so before. Needs the index lease; embeds nothing.

    The rules are noted when all is counted, so that a count that was killed is begun again.
    """
    store, table = index.store, index.generation.table
    before = reports.latest(RULES, table)
    if before is not None and before.body["rules"] == RULES_HASH:
        return
    index.widen()
    by_count: dict[int, list[str]] = {}
    for chunk_id, count in _changed(index):
        by_count.setdefault(count, []).append(chunk_id)
    for count, ids in by_count.items():
        for first in range(0, len(ids), _BATCH):
            with store.tables.committing("count planted", table) as opened:
                opened.update(f"id IN ({quoted(ids[first : first + _BATCH])})", {"planted": count})
            index.commits += 1
    reports.put(Report(RULES, table, store.now(), {"rules": RULES_HASH}))


def _changed(index: Index) -> Iterator[tuple[str, int]]:
    """Yield the chunks whose count is another by these rules, with that count."""
    with index.store.errors():
        query = index.table().search().where(CHUNKS).select(["id", "text", "planted"])
        for batch in query.to_batches(_BATCH):
            for row in batch.to_pylist():
                count = len(planted_spans(row["text"] or ""))
                if count != (row["planted"] or 0):
                    yield row["id"], count
