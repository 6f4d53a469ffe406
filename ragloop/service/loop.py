"""What the loop page shows: how fresh documents are, what was asked and said, who answers, and when training is due."""

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta

from ragloop.app import App
from ragloop.corpus.index import inventory
from ragloop.errors import NotFoundError
from ragloop.learning.monitoring.traffic import traffic
from ragloop.learning.monitoring.windows import last_measurement
from ragloop.registry import Adapter
from ragloop.service.wire.shown import Json

DAYS = 14
"""Days that are shown, today among them."""
_UNKNOWN = "of another service"


def loop(app: App, *, of_index: bool) -> Json:
    """Describe the loop of a home. Without `of_index` nothing is said that tells of documents out of view."""
    return {
        "object": "loop",
        "documents": _documents(app) if of_index else None,
        "days": [asdict(one) for one in traffic(app.journal, DAYS)],
        **_answers(app),
        "champion": app.registry.champion_id(),
        "adapters": [_adapter(one) for one in reversed(app.registry.adapters())],
        "drift": last_measurement(app.store) if of_index else None,
        "objective_minutes": app.settings.freshness.objective_minutes,
    }


def _documents(app: App) -> Json | None:
    try:
        return inventory.counts(app.index)
    except NotFoundError:
        return None


def _answers(app: App) -> Json:
    """Count the answers of the days by their lane, and what they cost."""
    answers, _ = app.journal.tables()
    first = app.store.now().date() - timedelta(days=DAYS - 1)
    since = f"asked_at >= timestamp '{datetime.combine(first, datetime.min.time())}'"
    rows = answers.rows(["lane", "cost_usd", "cut"], since).to_pylist()
    return {
        "lanes": dict(Counter(one["lane"] or _UNKNOWN for one in rows)),
        "cost_usd": round(sum(one["cost_usd"] or 0.0 for one in rows), 6),
        "cut": sum(bool(one["cut"]) for one in rows),
    }


def _adapter(adapter: Adapter) -> Json:
    return {
        "adapter_id": adapter.adapter_id,
        "created_at": adapter.created_at,
        "state": adapter.state,
        "verdict": adapter.verdict,
        "reasons": list(adapter.reasons),
    }
