"""One sync run over all sources: the lease, each source in turn, the sources that are gone, maintenance."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ragloop.corpus.index import Generation, Index
from ragloop.corpus.planning import withholds
from ragloop.corpus.source import Source
from ragloop.corpus.sync import Progress, SourceSync, SyncPolicy, SyncReport, delete
from ragloop.corpus.vectors import VectorStore
from ragloop.errors import NotFoundError
from ragloop.models import Embedder
from ragloop.store import Store, quoted


def sync(
    store: Store,
    sources: Sequence[Source],
    embedder: Embedder,
    generation: Generation,
    policy: SyncPolicy,
    *,
    rebuild: bool = False,
    removed: Sequence[str] = (),
    progress: Progress | None = None,
) -> SyncReport:
    """Bring the index to the state of `sources`, and let go of the sources named in `removed`.

    A source that is not there is a problem in the report and loses nothing; when it is the only one, NotFoundError.
    Raises StoreBusyError when another process writes the index, MismatchError when another generation built it.
    """
    started = time.perf_counter()
    report = SyncReport()
    with store.lease("index"):
        if rebuild:
            _must_be_there(sources)
        if rebuild or Index.live(store) is None:
            _forget_scans(store)
        index = Index.create(store, generation, rebuild=rebuild)
        for source in sources:
            try:
                _scan(source, index, embedder, policy, report, progress)
            except NotFoundError as error:
                if len(sources) == 1 and not removed:
                    raise
                report.problems.append(str(error))
        for name in removed:
            _let_go(index, name, policy, report)
        index.maintain()
        VectorStore(store, embedder).maintain()
        _finish(report, index, started, {source.name for source in sources})
        _record_run(store, report)
        store.tidy("reports")
    return report


def _scan(
    source: Source,
    index: Index,
    embedder: Embedder,
    policy: SyncPolicy,
    report: SyncReport,
    progress: Progress | None,
) -> None:
    began = datetime.now(UTC)
    last = last_scan(index.store, source.name)
    SourceSync(source, index, embedder, policy, report, last_scan=last, progress=progress).run()
    _record_scan(index.store, source.name, began, complete=True)


def _forget_scans(store: Store) -> None:
    """An index that begins anew has no scan to measure lag from; its sources stay known."""
    for source in scanned_sources(store):
        _record_scan(store, source, datetime.now(UTC), complete=False)


def _must_be_there(sources: Sequence[Source]) -> None:
    """Raise NotFoundError for a source that is not there, before a rebuild drops what the index holds of it."""
    for source in sources:
        next(iter(source.list()), None)


def _let_go(index: Index, source: str, policy: SyncPolicy, report: SyncReport) -> None:
    """Delete the documents of a source that is no longer configured, unless the guard withholds them."""
    gone = list(index.ledger(source).values())
    if withholds(len(gone), len(gone), policy.guard_documents, policy.guard_share) and not policy.confirm_deletes:
        report.withheld_deletes += len(gone)
        return
    delete(index, source, gone, report)
    index.store.delete("reports", f"kind = 'scan' AND subject IN ({quoted([source])})")


def _finish(report: SyncReport, index: Index, started: float, sources: Collection[str]) -> None:
    report.chunks_total = index.counts()["chunks"]
    report.quarantined = sum(one["source"] in sources for one in index.quarantine())
    report.commits = index.commits
    report.seconds = round(time.perf_counter() - started, 3)
    report.embed_seconds = round(report.embed_seconds, 3)


def last_scan(store: Store, source: str) -> datetime | None:
    """When the last completed scan of a source began."""
    row = _report(store, f"scan:{source}")
    return row["at"] if row and json.loads(row["body"])["complete"] else None


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


def _record_scan(store: Store, source: str, at: datetime, *, complete: bool) -> None:
    _upsert_report(store, f"scan:{source}", at, "scan", source, {"complete": complete})


def _record_run(store: Store, report: SyncReport) -> None:
    _upsert_report(
        store, "sync", datetime.now(UTC), "sync", "", {k: v for k, v in asdict(report).items() if k != "changes"}
    )


def _upsert_report(
    store: Store, report_id: str, at: datetime, kind: str, subject: str, body: Mapping[str, Any]
) -> None:
    """One row per kind and source, replaced: the history of runs is kept by the orchestrator."""
    row = {"report_id": report_id, "at": at, "kind": kind, "subject": subject, "body": json.dumps(body)}
    store.upsert_rows("reports", [row])
