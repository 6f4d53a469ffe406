"""What is kept of scans and runs: when the last scan of each source began, and the report of the last sync."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from ragloop.corpus.sources.source import Way
from ragloop.corpus.sync.report import SyncReport
from ragloop.store import Store, quoted


def last_scan(store: Store, source: str) -> datetime | None:
    """When the last completed scan of a source began."""
    row = _report(store, f"scan:{source}")
    return row["at"] if row and json.loads(row["body"])["complete"] else None


def known_documents(store: Store) -> dict[str, int]:
    """How many documents each source had after its last completed scan, as far as that was noted."""
    return {source: body["documents"] for source, body in _scans(store).items() if body.get("documents") is not None}


def unconfirmed(store: Store) -> dict[str, int]:
    """Those of `known_documents` whose source was not completely scanned since the index began anew."""
    scans = _scans(store)
    return {source: count for source, count in known_documents(store).items() if not scans[source]["complete"]}


def _scans(store: Store) -> dict[str, dict[str, Any]]:
    rows = store.rows("reports", "kind = 'scan'", ["subject", "body"]).to_pylist()
    return {row["subject"]: json.loads(row["body"]) for row in rows}


def scanned_sources(store: Store) -> list[str]:
    """Names of the sources that were ever scanned to the end, and not let go since."""
    names: list[str] = store.rows("reports", "kind = 'scan'", ["subject"])["subject"].to_pylist()
    return names


def last_run(store: Store) -> dict[str, Any] | None:
    """The report of the last sync that ended, with its time under `at`."""
    row = _report(store, "sync")
    return {"at": row["at"].isoformat(), **json.loads(row["body"])} if row else None


def _report(store: Store, report_id: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = store.rows("reports", f"report_id IN ({quoted([report_id])})").to_pylist()
    return rows[0] if rows else None


def record_scan(store: Store, source: str, at: datetime, *, complete: bool, documents: int | None) -> None:
    """Note when the last scan of a source began, and how many documents it had in the index when it ended.

    One that is not complete has lag measured from nothing.
    """
    body = {"complete": complete, "documents": documents}
    _upsert_report(store, f"scan:{source}", at, "scan", source, body)


def note_source(store: Store, source: str) -> None:
    """Keep the source known, though the live generation has not been scanned for it."""
    if source not in scanned_sources(store):
        record_scan(store, source, store.now(), complete=False, documents=None)


def forget_scans(store: Store) -> None:
    """An index that begins anew has no scan to measure lag from; its sources stay known, and what they had."""
    documents = known_documents(store)
    for source in scanned_sources(store):
        record_scan(store, source, store.now(), complete=False, documents=documents.get(source))


def forget_source(store: Store, source: str) -> None:
    """The source is no longer known."""
    store.delete("reports", f"kind IN ('scan', 'way') AND subject IN ({quoted([source])})")


def last_way(store: Store, source: str) -> Way | None:
    """Where a source was found when it was scanned to the end last."""
    row = _report(store, f"way:{source}")
    if row is None:
        return None
    told = json.loads(row["body"])
    return Way(told["named"], told["place"], tuple(told["links"]))


def record_way(store: Store, source: str, way: Way) -> str | None:
    """Keep where a source was found; returns the place that it had before, where a link of its path leads elsewhere."""
    before = last_way(store, source)
    if before != way:
        _upsert_report(store, f"way:{source}", store.now(), "way", source, asdict(way))
    return before.place if before and before.named == way.named and before.place != way.place else None


def record_run(store: Store, report: SyncReport) -> None:
    """Keep the report, without the documents that changed."""
    body = {one.name: getattr(report, one.name) for one in fields(report) if one.name != "changes"}
    _upsert_report(store, "sync", store.now(), "sync", "", body)


def _upsert_report(
    store: Store, report_id: str, at: datetime, kind: str, subject: str, body: Mapping[str, Any]
) -> None:
    """One row per kind and source, replaced: the history of runs is kept by the orchestrator."""
    row = {"report_id": report_id, "at": at, "kind": kind, "subject": subject, "body": json.dumps(body)}
    store.upsert_rows("reports", [row])
