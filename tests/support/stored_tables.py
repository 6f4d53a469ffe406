"""The tables of a home as two runs of the same work must leave them: without times, random ids and measured seconds."""

import json
from pathlib import Path
from typing import Any

from ragloop.store import TABLES, Store

VOLATILE = {"at", "created_at", "cut_over_at", "committed_at", "lag_s", "change_id", "generation", "report_id"}
MEASURED = {"seconds", "cpu_seconds", "tokens_per_s", "rss_peak_mb", "embed_seconds", "training", "p95_s"}


def stored_tables(home: Path) -> dict[str, list[str]]:
    """Rows of every table as JSON, sorted."""
    store = Store.open(home, create=False)
    names = [*TABLES, *(row["table"] for row in store.rows("generations").to_pylist())]
    return {name: sorted(_plain(row) for row in store.rows(name).to_pylist()) for name in names}


def _plain(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if name not in VOLATILE}
    for name in ("body", "metrics"):
        if kept.get(name):
            kept[name] = _without_measured(json.loads(kept[name]))
    return json.dumps(kept, sort_keys=True, default=str)


def _without_measured(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_measured(one) for name, one in value.items() if name not in MEASURED | VOLATILE}
