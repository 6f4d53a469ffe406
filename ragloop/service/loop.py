"""What the loop page shows: how fresh documents are, what was asked, by topic, who answers, when training is due."""

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
TOPICS = 20
"""Topics that are shown."""
_UNKNOWN = "of another service"


def loop(app: App, *, of_index: bool) -> Json:
    """Describe the loop of a home. Without `of_index` nothing is said that tells of documents out of view."""
    return {
        "object": "loop",
        "documents": _documents(app) if of_index else None,
        "days": [asdict(one) for one in traffic(app.journal, DAYS)],
        **_answers(app),
        "topics": _topics(app) if of_index else None,
        "costs": app.migration.costs().as_row() if of_index else None,
        "champion": app.registry.champion_id(),
        "serving": [asdict(one) for one in app.registry.aliases.standings()],
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


def _topics(app: App) -> list[Json]:
    """Describe the topics that were asked most, as they were found last; a name that no person gave is a question, and
    is for who may read the log."""
    found = app.migration.topics_as_kept().topics[:TOPICS]
    return [
        {
            "topic_id": one.topic.topic_id,
            "name": one.topic.name if one.topic.named_by else None,
            "questions": one.state.figures.questions,
            "repeat_share": one.state.figures.repeat_share,
            "lane": one.state.lane,
            "share": one.state.route.share if one.state.route else 1.0,
            "next": one.prospect.lane,
            "held_back_by": list(one.prospect.held_back_by),
            "cost_usd": one.state.figures.cost_usd,
        }
        for one in found
    ]


def _adapter(adapter: Adapter) -> Json:
    return {
        "adapter_id": adapter.adapter_id,
        "lane": adapter.lane,
        "created_at": adapter.created_at,
        "state": adapter.state,
        "verdict": adapter.verdict,
        "reasons": list(adapter.reasons),
    }
