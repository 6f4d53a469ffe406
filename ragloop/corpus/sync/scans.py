"""Records of scans and runs: when the last scan of each source began, and the report of the last sync."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any

import numpy as np

from ragloop.corpus.sources.listing import NamedFile, PassedOver, add_up_passed
from ragloop.corpus.sources.source import Way
from ragloop.corpus.sync.report import Change, QualityCounts, SyncReport
from ragloop.reports import Report, Reports

_SCAN, _WAY, _SYNC, _DAY = "scan", "way", "sync", "day of syncs"
OF_SOURCES = (_SCAN, _WAY)
"""Kinds of reports that say which sources there are; written under the index lease."""
OF_RUNS = (*OF_SOURCES, _SYNC)
"""Those that a run asks for; days of syncs are not among them, since changes write them after their lease."""
_RUNS = 30
"""Runs of a trend."""


@dataclass(frozen=True)
class Scanned:
    """The last scan of a source: when it began, whether it came to the end, and what was wrong."""

    at: datetime
    complete: bool
    problem: str | None


def last_scans(reports: Reports) -> dict[str, Scanned]:
    """Read the last scan of every source, by its name."""
    found = reports.history(_SCAN)
    return {one.subject: Scanned(one.at, one.body["complete"], one.body.get("problem")) for one in found}


@dataclass(frozen=True)
class DayOfSyncs:
    """What the index held after the last sync of a day (UTC), and the longest p95 of the lag of a sync of that day."""

    day: date
    documents: int
    quarantined: int
    p95_s: float | None


def last_scan(reports: Reports, source: str) -> datetime | None:
    """Return when the last completed scan of a source began."""
    scan = reports.latest(_SCAN, source)
    return scan.at if scan and scan.body["complete"] else None


def has_matched(reports: Reports, source: str, way: Way) -> bool:
    """Return whether a source ever had a document at the place that it names now."""
    scan, before = reports.latest(_SCAN, source), last_ways(reports).get(source)
    return scan is not None and bool(scan.body.get("matched")) and (before is None or before.named == way.named)


def passed_over(reports: Reports) -> PassedOver:
    """Add up what the last scans of all sources passed over."""
    bodies = [body["passed_over"] for body in _scans(reports).values() if body.get("passed_over")]
    return add_up_passed(
        PassedOver(**{**one, "named": tuple(NamedFile(**file) for file in one["named"])}) for one in bodies
    )


def known_documents(reports: Reports) -> dict[str, int]:
    """Read how many documents each source had after its last completed scan, as far as that was noted."""
    return {source: body["documents"] for source, body in _scans(reports).items() if body.get("documents") is not None}


def unconfirmed(reports: Reports) -> dict[str, int]:
    """Take from `known_documents` the sources that were not completely scanned since the index was begun again."""
    scans = _scans(reports)
    return {source: count for source, count in known_documents(reports).items() if not scans[source]["complete"]}


def _scans(reports: Reports) -> dict[str, Mapping[str, Any]]:
    return {scan.subject: scan.body for scan in reports.history(_SCAN)}


def scanned_sources(reports: Reports) -> list[str]:
    """Name the sources that were ever scanned to the end, and not dropped since."""
    return list(_scans(reports))


def last_run(reports: Reports) -> dict[str, Any] | None:
    """Read the report of the last sync that ended, with its time under `at`."""
    run = reports.latest(_SYNC)
    return run.dated() if run else None


def record_scan(
    reports: Reports,
    source: str,
    at: datetime,
    *,
    complete: bool,
    documents: int | None,
    matched: bool = False,
    passed_over: PassedOver | None = None,
    problem: str | None = None,
) -> None:
    """Note when the last scan of a source began, and how many documents it had in the index when it ended.

    One that is not complete has lag measured from nothing. `matched`: the source ever had a document. `problem`: what
    was wrong with it, for people.
    """
    body = {"complete": complete, "documents": documents, "matched": matched, "problem": problem}
    reports.put(Report(_SCAN, source, at, {**body, "passed_over": asdict(passed_over) if passed_over else None}))


def note_source(reports: Reports, source: str) -> None:
    """Keep the source known, though the active generation has not been scanned for it."""
    if source not in scanned_sources(reports):
        record_scan(reports, source, reports.store.now(), complete=False, documents=None)


def note_problem(reports: Reports, source: str, problem: str) -> None:
    """Keep why a source could not be scanned, beside what its last scan found."""
    scan = reports.latest(_SCAN, source)
    if scan is None:
        record_scan(reports, source, reports.store.now(), complete=False, documents=None, problem=problem)
    else:
        reports.put(Report(_SCAN, source, scan.at, {**scan.body, "problem": problem}))


def reset_scans(reports: Reports) -> None:
    """Leave no scan to measure lag from, for an index that is begun again; its sources and what they had stay known."""
    documents, now = known_documents(reports), reports.store.now()
    for source, body in _scans(reports).items():
        matched = bool(body.get("matched"))
        record_scan(reports, source, now, complete=False, documents=documents.get(source), matched=matched)


def drop_source(reports: Reports, source: str) -> None:
    """Drop a source from those that are known."""
    reports.drop(source, _SCAN, _WAY)


def last_ways(reports: Reports) -> dict[str, Way]:
    """Read where each source was found when it was scanned to the end last."""
    ways = reports.history(_WAY)
    return {one.subject: Way(one.body["named"], one.body["place"], tuple(one.body["links"])) for one in ways}


def record_way(reports: Reports, source: str, way: Way) -> str | None:
    """Keep where a source was found; returns the place that it had before, where a link of its path leads elsewhere."""
    before = last_ways(reports).get(source)
    if before != way:
        reports.put(Report(_WAY, source, reports.store.now(), asdict(way)))
    return before.place if before and before.named == way.named and before.place != way.place else None


def record_run(reports: Reports, report: SyncReport, counts: QualityCounts) -> SyncReport:
    """Keep the report, with counts for the documents that it names: the orchestrator keeps the history of runs.

    Returns it with the trend: the counts of the runs that changed them, the last of these first.
    """
    before = reports.latest(_SYNC)
    columns = before.body.get("trend", {}) if before else {}
    trend = [QualityCounts(**dict(zip(columns, run, strict=True))) for run in zip(*columns.values(), strict=True)]
    if not trend or replace(trend[0], at=counts.at) != counts:
        trend.insert(0, counts)
    report = replace(report, trend=tuple(trend[:_RUNS]))
    body = {one.name: getattr(report, one.name) for one in fields(report) if one.name != "changes"}
    named = {name: len(body[name]) for name in ("read_in_part", "without_text", "planted", "quarantine")}
    columns = {one.name: [getattr(run, one.name) for run in report.trend] for one in fields(QualityCounts)}
    kept = {**body, **named, "passed_over": report.passed_over.count, "trend": columns}
    reports.put(Report(_SYNC, "", reports.store.now(), kept), _day(reports, report, counts))
    return report


def days_of_syncs(reports: Reports) -> list[DayOfSyncs]:
    """Read what the index held on each day with a sync, the last first."""
    days = reports.history(_DAY)
    return [
        DayOfSyncs(one.at.date(), one.body["documents"], one.body["quarantined"], one.body["p95_s"])
        for one in reversed(days)
    ]


def record_lags(reports: Reports, changes: Sequence[Change]) -> None:
    """Add the lags of changes that came by events to the row of today, which the first sync of the day makes."""
    today = reports.latest(_DAY, reports.store.now().date().isoformat())
    if today and (p95_s := _p95_s(changes)) is not None:
        body = {**today.body, "p95_s": max(p95_s, today.body["p95_s"] or 0.0)}
        reports.put(replace(today, at=reports.store.now(), body=body))


def _day(reports: Reports, report: SyncReport, counts: QualityCounts) -> Report:
    """Return the row of figures for today, as the last sync left them."""
    now = reports.store.now()
    before = reports.latest(_DAY, now.date().isoformat())
    lags = [_p95_s(report.changes), before.body["p95_s"] if before else None]
    p95_s = max((one for one in lags if one is not None), default=None)
    body = {"documents": counts.documents, "quarantined": counts.quarantined, "p95_s": p95_s}
    return Report(_DAY, now.date().isoformat(), now, body)


def _p95_s(changes: Sequence[Change]) -> float | None:
    lags = [one.lag_s for one in changes if one.lag_s is not None]
    return round(float(np.quantile(lags, 0.95)), 1) if lags else None
