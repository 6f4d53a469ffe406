"""What answers, training and storage cost, as an artifact: figures alone, no question."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from ragloop.markdown import bullets, table
from ragloop.migration.costs.what_if import as_svg
from ragloop.orchestrator.names import Names
from ragloop.wording import counted
from tasks.reporting import publish
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.migration.costs.estimates import Estimate
    from ragloop.migration.costs.report import CostReport


@task(name="report costs", **TRANSIENT_ONLY)
def report_costs(home: Path | None, config: Path | None) -> None:
    """Publish what the answers of the window cost, a month's forecast, and where an adapter pays."""
    app = open_app(home, config)
    found = app.migration.costs()
    days = counted(round(found.window_days), "day")
    told = f"{found.total_usd:,.2f} US dollars in {days}, a month: {_told(found.month)}"
    publish(Names.of(app.settings), "costs", told, *_parts(found))


def _parts(found: "CostReport") -> list[str]:
    spent = {
        "answers": found.answers_usd,
        "training": found.training_usd,
        "answers to compare lanes": found.shadow_usd,
        "storage": found.storage_usd,
        "fixed": found.fixed_usd,
    }
    lanes = [(one.lane, one.answers, one.total_usd, _told(one.answer)) for one in found.lanes]
    drawn = base64.b64encode(as_svg(found.break_even).encode()).decode()
    return [
        table(("spent on", "US dollars"), spent.items()),
        table(("lane", "answers", "US dollars", "an answer"), lanes) if lanes else "",
        bullets([*(one.told for one in found.break_even), *found.notes]),
        f"![costs of a month by its questions](data:image/svg+xml;base64,{drawn})" if drawn else "",
    ]


def _told(one: "Estimate | None") -> str:
    return one.told if one else "unknown"
