"""The part of an overview that the store tells: documents, the last days, who answers, and how safe all of it is."""

import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ragloop.app import App
from ragloop.markdown import bullets, duration, link, moment, number, paragraphs, table
from ragloop.printable import literal
from ragloop.wording import first_few

if TYPE_CHECKING:
    from ragloop.corpus.sync.scans import DayOfSyncs
    from ragloop.learning.monitoring.traffic import DayOfTraffic
    from ragloop.records import LaneName

_DAYS = 14
"""Days of the trend."""
_GIB = 2**30
_CUT = "…"
_REASON = 120
"""Characters of the reason of a promotion, which may end with the whole verdict of the gate."""


def of_store(app: App, state: Mapping[str, Any], all_of: Callable[[str], str]) -> tuple[str, ...]:
    """Show what the store of the home says; `all_of` returns the address of all artifacts of a kind."""
    return _documents(app, state), _trend(app), _answers(app, state, all_of), _safety(app, state)


def _documents(app: App, state: Mapping[str, Any]) -> str:
    """Show each source, and how late documents became searchable."""
    lags = state["lag_s"]
    fresh = "No document has a lag yet: a first index has none."
    if lags["p95"] is not None:
        objective = app.settings.freshness.objective_minutes
        late = " **That is beyond the objective.**" if lags["p95"] / 60 > objective else ""
        fresh = (
            f"From the change of a document to its commit: {duration(lags['p50'])} (median), {duration(lags['p95'])} "
            f"(p95), {duration(lags['max'])} (longest); the objective is {number(objective)} minutes.{late}"
        )
    rows = list(_sources(app, state))
    shown = table(("source", "documents", "quarantined", "scanned to the end (UTC)"), rows) if rows else ""
    return paragraphs("## Documents", shown, fresh, *_quarantine(state))


def _sources(app: App, state: Mapping[str, Any]) -> Iterator[tuple[str, int, int, datetime | str]]:
    from ragloop.corpus.index import inventory
    from ragloop.corpus.sync.scans import last_scan, scanned_sources
    from ragloop.reports import Reports

    index, reports = app.index if app.generations.active() else None, Reports(app.store)
    quarantined = [one["source"] for one in state["quarantine"]]
    with_documents = inventory.sources(index) if index else []
    for source in sorted({*with_documents, *scanned_sources(reports)}):
        documents = inventory.documents(index, source) if index else 0
        yield source, documents, quarantined.count(source), last_scan(reports, source) or "never"


def _quarantine(state: Mapping[str, Any]) -> Iterator[str]:
    counts = {
        "in quarantine": state["quarantined"],
        "read in part": len(state["read_in_part"]),
        "without text": len(state["without_text"]),
        "speaking to a model": len(state["planted"]),
    }
    if said := [f"{count:,} {what}" for what, count in counts.items() if count]:
        keys = [one["key"] for one in state["quarantine"]]
        yield f"Of all documents {', '.join(said)}; `ragloop status` says why."
        if keys:
            yield bullets([f"in quarantine: {first_few(keys, 6)}"])


def _trend(app: App) -> str:
    """Show the last days: what the index held, how late it was, and what was asked."""
    from ragloop.corpus.sync.scans import days_of_syncs
    from ragloop.learning.monitoring.traffic import DayOfTraffic, traffic
    from ragloop.reports import Reports

    asked = {one.day: one for one in traffic(app.journal, _DAYS)}
    synced = {one.day: one for one in days_of_syncs(Reports(app.store)) if one.day in asked}
    days = [day for day in asked if day in synced or asked[day] != DayOfTraffic(day)]
    rows = [
        (
            f"{day:%d %b}",
            _held(synced.get(day)),
            _lag(synced.get(day)),
            asked[day].questions,
            asked[day].abstained,
            _said(asked[day]),
        )
        for day in days
    ]
    columns = ("day", "documents", "lag, p95", "questions", "abstained", "votes")
    return paragraphs(f"## The last {_DAYS} days", table(columns, rows)) if rows else ""


def _held(day: "DayOfSyncs | None") -> str | None:
    if day is None:
        return None
    return f"{day.documents:,}, {day.quarantined:,} unreadable" if day.quarantined else f"{day.documents:,}"


def _lag(day: "DayOfSyncs | None") -> str | None:
    return None if day is None or day.p95_s is None else duration(day.p95_s)


def _said(day: "DayOfTraffic") -> str | None:
    counts = {"up": day.up, "down": day.down, "corrected": day.corrections}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or None


def _answers(app: App, state: Mapping[str, Any], all_of: Callable[[str], str]) -> str:
    """Say who answers and who is tried in each lane, since when and by whose decision, and what the last measurement
    of drift found."""
    standings = app.registry.aliases.standings()
    serving = [_serves(f"**{one.champion}** answers in {one.lane}", app, one.lane) for one in standings if one.champion]
    serving = serving or [_serves("**the base model** answers", app, None)]
    serving += [
        f"**{one.challenger}** is tried in {one.lane}, for {100 * one.share:g} % of its conversations."
        for one in standings
        if one.share
    ]
    drift = state["last_drift"]
    measured = "Drift was never measured."
    if drift:
        drifted = [one["name"] for one in drift["signals"] if one["state"] == "drift"]
        found = f"drift of {', '.join(drifted)}" if drifted else "no drift"
        due = "training is due" if drift["decision"]["due"] else "training is not due"
        measured = f"{link(found, all_of('drift-report'))}, {due} ({moment(drift['at'])})."
    return paragraphs("## Answers", *serving, measured)


def _serves(who: str, app: App, lane: "LaneName | None") -> str:
    """Say who answers, and since when and why, by the last change of a lane, or of all."""
    history = app.registry.history(lane)
    if history:
        last = history[-1]
        reason = textwrap.shorten(last["reason"], _REASON, placeholder=f" {_CUT}").rstrip(".")
        why = f", by {last['by']}: {reason}" if last["by"] else f": {reason}"
        who = f"{who} since {moment(last['at'])} UTC{literal(why)}"
    return f"{who}{'' if who.endswith(_CUT) else '.'}"


def _safety(app: App, state: Mapping[str, Any]) -> str:
    """Say when the last backup was taken, and how much room the disk of the home has."""
    free = shutil.disk_usage(app.settings.home).free
    disk = f"{number(free / _GIB)} GiB are free on the disk of the home."
    backup = state["last_backup"]
    if backup is None:
        return paragraphs("## Store", "No backup is configured (backup.uri).", disk)
    return paragraphs("## Store", bullets([f"last backup: {backup}"]), disk)
