"""What a store holds and what ran last."""

from dataclasses import asdict
from typing import Any

from ragloop.app.parts import Parts
from ragloop.app.safekeeping import Safekeeping
from ragloop.corpus.index import inventory


def status(parts: Parts, safekeeping: Safekeeping) -> dict[str, Any]:
    """Report what the store holds and what ran last; loads no model.

    `last_backup` is None where no place is configured.
    """
    from ragloop.backup import last_backup
    from ragloop.corpus.index.readings import Quality, speaking, wanting
    from ragloop.corpus.sync.scans import last_run, passed_over
    from ragloop.corpus.sync.source_states import source_states
    from ragloop.learning.monitoring.windows import last_measurement
    from ragloop.reports import Reports

    index = parts.index if parts.generations.active() else None
    nothing = {"documents": 0, "chunks": 0, "quarantined": 0, "lag_s": {"p50": None, "p95": None, "max": None}}
    found, reports = wanting(index) if index else [], Reports(parts.store)
    champion = parts.registry.champion()
    logged = parts.journal.counts()
    return {
        **(inventory.counts(index) if index else nothing),
        "read_in_part": [asdict(one) for one in found if one.quality is Quality.IN_PART],
        "without_text": [asdict(one) for one in found if one.is_without_text],
        "planted": [asdict(one) for one in (speaking(index) if index else [])],
        "sources": [asdict(one) for one in source_states(parts.settings.sources, parts.store, index)],
        "passed_over": asdict(passed_over(reports)),
        "interactions": logged["interactions"],
        "feedback": logged["feedback"],
        "champion": champion.adapter_id if champion else None,
        "lanes": [asdict(one) for one in parts.registry.aliases.standings()],
        "generation": str(index.generation) if index else None,
        "generations": {one.table: one.state for one in parts.generations.all()},
        "unreadable_log_lines": parts.journal.unreadable(),
        "last_sync": last_run(reports),
        "last_drift": last_measurement(parts.store),
        "last_backup": last_backup(uri, safekeeping.backups) if (uri := parts.settings.backup.uri) else None,
        "quarantine": inventory.quarantine(index) if index else [],
    }
