"""One sync run over all sources: the lease, each source in turn, the sources that are gone, maintenance."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ragloop.corpus.index import Generation, Index
from ragloop.corpus.local import Source
from ragloop.corpus.planning import withholds
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
        index = Index.create(store, generation, rebuild=rebuild)
        for source in sources:
            scan_started = datetime.now(UTC)
            try:
                last = None if rebuild else last_scan(store, source.name)
                SourceSync(source, index, embedder, policy, report, last_scan=last, progress=progress).run()
            except NotFoundError as error:
                if len(sources) == 1 and not removed:
                    raise
                report.problems.append(str(error))
                continue
            _record_scan(store, source.name, scan_started)
        for name in removed:
            _let_go(index, name, policy, report)
        index.maintain()
        VectorStore(store, embedder).maintain()
        _finish(report, index, started)
        _record_run(store, report)
        store.tidy("reports")
    return report


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


def _finish(report: SyncReport, index: Index, started: float) -> None:
    counts = index.counts()
    report.chunks_total, report.quarantined = counts["chunks"], counts["quarantined"]
    report.commits = index.commits
    report.seconds = round(time.perf_counter() - started, 3)
    report.embed_seconds = round(report.embed_seconds, 3)


def last_scan(store: Store, source: str) -> datetime | None:
    """When the last completed scan of a source began."""
    row = _report(store, f"scan:{source}")
    return row["at"] if row else None


def scanned_sources(store: Store) -> list[str]:
    """Names of the sources that were ever scanned to the end, and not let go since."""
    names: list[str] = store.rows("reports", "kind = 'scan'", ["subject"])["subject"].to_pylist()
    return names


def last_run(store: Store) -> dict[str, Any] | None:
    """The report of the last sync that ended, with its time under `at`."""
    row = _report(store, "sync")
    return {"at": row["at"].isoformat(), **json.loads(row["body"])} if row else None


def _report(store: Store, report_id: str) -> dict[str, Any] | None:
    quoted_id = report_id.replace("'", "''")
    rows: list[dict[str, Any]] = store.rows("reports", f"report_id = '{quoted_id}'").to_pylist()
    return rows[0] if rows else None


def _record_scan(store: Store, source: str, at: datetime) -> None:
    _upsert_report(store, f"scan:{source}", at, "scan", source, {})


def _record_run(store: Store, report: SyncReport) -> None:
    _upsert_report(store, "sync", datetime.now(UTC), "sync", "", {**asdict(report), "changes": []})


def _upsert_report(
    store: Store, report_id: str, at: datetime, kind: str, subject: str, body: Mapping[str, Any]
) -> None:
    """One row per kind and source, replaced: the history of runs is kept by the orchestrator."""
    row = {"report_id": report_id, "at": at, "kind": kind, "subject": subject, "body": json.dumps(body)}
    store.upsert_rows("reports", [row])
