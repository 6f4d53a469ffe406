"""Records of scans and runs: when the last scan of each source began, and the report of the last sync."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from ragloop.corpus.sources.source import Way
from ragloop.corpus.sync.report import SyncReport
from ragloop.reports import Report, Reports
from ragloop.store import Store

_SCAN, _WAY, _SYNC = "scan", "way", "sync"


def last_scan(store: Store, source: str) -> datetime | None:
    """Return when the last completed scan of a source began."""
    scan = Reports(store).latest(_SCAN, source)
    return scan.at if scan and scan.body["complete"] else None


def known_documents(store: Store) -> dict[str, int]:
    """Read how many documents each source had after its last completed scan, as far as that was noted."""
    return {source: body["documents"] for source, body in _scans(store).items() if body.get("documents") is not None}


def unconfirmed(store: Store) -> dict[str, int]:
    """Take from `known_documents` the sources that were not completely scanned since the index was begun again."""
    scans = _scans(store)
    return {source: count for source, count in known_documents(store).items() if not scans[source]["complete"]}


def _scans(store: Store) -> dict[str, Mapping[str, Any]]:
    return {scan.subject: scan.body for scan in Reports(store).history(_SCAN)}


def scanned_sources(store: Store) -> list[str]:
    """Name the sources that were ever scanned to the end, and not dropped since."""
    return list(_scans(store))


def last_run(store: Store) -> dict[str, Any] | None:
    """Read the report of the last sync that ended, with its time under `at`."""
    run = Reports(store).latest(_SYNC)
    return run.dated() if run else None


def record_scan(store: Store, source: str, at: datetime, *, complete: bool, documents: int | None) -> None:
    """Note when the last scan of a source began, and how many documents it had in the index when it ended.

    One that is not complete has lag measured from nothing.
    """
    Reports(store).put(Report(_SCAN, source, at, {"complete": complete, "documents": documents}))


def note_source(store: Store, source: str) -> None:
    """Keep the source known, though the active generation has not been scanned for it."""
    if source not in scanned_sources(store):
        record_scan(store, source, store.now(), complete=False, documents=None)


def reset_scans(store: Store) -> None:
    """Leave no scan to measure lag from, for an index that is begun again; its sources and what they had stay known."""
    documents = known_documents(store)
    for source in scanned_sources(store):
        record_scan(store, source, store.now(), complete=False, documents=documents.get(source))


def drop_source(store: Store, source: str) -> None:
    """Drop a source from those that are known."""
    Reports(store).drop(source, _SCAN, _WAY)


def last_way(store: Store, source: str) -> Way | None:
    """Read where a source was found when it was scanned to the end last."""
    way = Reports(store).latest(_WAY, source)
    return Way(way.body["named"], way.body["place"], tuple(way.body["links"])) if way else None


def record_way(store: Store, source: str, way: Way) -> str | None:
    """Keep where a source was found; returns the place that it had before, where a link of its path leads elsewhere."""
    before = last_way(store, source)
    if before != way:
        Reports(store).put(Report(_WAY, source, store.now(), asdict(way)))
    return before.place if before and before.named == way.named and before.place != way.place else None


def record_run(store: Store, report: SyncReport) -> None:
    """Keep the report, without the documents that changed: the orchestrator keeps the history of runs."""
    body = {one.name: getattr(report, one.name) for one in fields(report) if one.name != "changes"}
    Reports(store).put(Report(_SYNC, "", store.now(), body))
