"""What is known of each source of a home, without listing any: documents, last scan, lag, and what keeps it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ragloop.config import SourceSettings
from ragloop.corpus.index import inventory
from ragloop.corpus.index.inventory import LedgerFigures
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.opening import place_of
from ragloop.corpus.sync.scans import Scanned, last_scans
from ragloop.reports import Reports
from ragloop.store import Store
from ragloop.wording import counted


@dataclass(frozen=True)
class SourceState:
    """One source. `lag_s` is the p95 of its documents; a first index has none.

    `problem` says why documents are missing or old; None where nothing is known to be wrong.
    """

    name: str
    uri: str
    documents: int
    last_scan: datetime | None
    lag_s: float | None
    problem: str | None


def source_states(configured: Sequence[SourceSettings], store: Store | None, index: Index | None) -> list[SourceState]:
    """Return the configured sources in their order, then those that only the index knows; `store` is None before a
    home is made."""
    uris = {one.name: _uri(one) for one in configured}
    figures = inventory.figures_by_source(index) if index else {}
    scans = last_scans(Reports(store)) if store else {}
    indexed = sorted({*figures, *scans} - uris.keys())
    places = [*uris.items(), *((name, name) for name in indexed)]
    return [_state(name, uri, uris, figures.get(name, LedgerFigures()), scans.get(name)) for name, uri in places]


def _state(
    name: str, uri: str, configured: Mapping[str, str], figures: LedgerFigures, scan: Scanned | None
) -> SourceState:
    problems = _of_place(name, uri, configured) or _of_scan(scan)
    if figures.quarantined:
        problems.append(f"{counted(figures.quarantined, 'document')} in quarantine: `ragloop status` shows why")
    lag_s = round(float(np.quantile(figures.lags_s, 0.95)), 1) if figures.lags_s else None
    at = scan.at if scan and scan.complete else None
    return SourceState(name, uri, figures.documents, at, lag_s, "; ".join(problems) or None)


def _uri(source: SourceSettings) -> str:
    elsewhere = "://" in source.uri and not source.uri.startswith("file://")
    return source.uri if elsewhere else place_of(source)


def _of_place(name: str, uri: str, configured: Mapping[str, str]) -> list[str]:
    if name not in configured and "/" not in name:
        return ["not in the configuration any more: the next `ragloop sync` deletes its documents"]
    if "://" in uri or Path(uri).is_dir():
        return []
    return [f"found no folder at {uri}; its documents stay searchable as they are"]


def _of_scan(scan: Scanned | None) -> list[str]:
    if scan is None:
        return ["never synced: run `ragloop sync`"]
    return [scan.problem] if scan.problem else []
