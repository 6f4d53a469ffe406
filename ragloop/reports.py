"""Reports: what a run, a scan or a measurement found, as rows of one table that people and later runs read.

A report is known by its kind and its subject, such as the source that was scanned. Some kinds keep only the newest
report of a subject (`put`), others keep every one, so that an operator sees where things are going (`append`). Reports
hold counts, ids, scores and places, and no text of documents or questions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from ragloop.store import Store, quoted

_TABLE = "reports"


@dataclass(frozen=True)
class Report:
    """One report; `at` is when it was made, or the time that it is about."""

    kind: str
    subject: str
    at: datetime
    body: Mapping[str, Any]

    def dated(self) -> dict[str, Any]:
        """Return the body with its time in ISO 8601 under `at`."""
        return {"at": self.at.isoformat(), **self.body}


class Reports:
    """The reports of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, *reports: Report) -> None:
        """Write reports of different kinds or subjects, each over the one before it, in one commit."""
        self._write({":".join(filter(None, (one.kind, one.subject))): one for one in reports})

    def append(self, report: Report, key: str = "") -> None:
        """Add a report beside the earlier ones. A report that is added again under the same `key` replaces itself."""
        self._write({f"{report.kind}:{key or uuid4().hex}": report})

    def latest(self, kind: str, subject: str = "") -> Report | None:
        """Return the newest report of a kind and subject."""
        return next(reversed(self._read(f"{_of_kind(kind)} AND subject IN ({quoted([subject])})")), None)

    def history(self, kind: str) -> list[Report]:
        """Return all reports of a kind, of every subject, oldest first."""
        return self._read(_of_kind(kind))

    def drop(self, subject: str, *kinds: str) -> None:
        """Delete the reports of these kinds on a subject."""
        self._store.delete(_TABLE, f"{_of_kind(*kinds)} AND subject IN ({quoted([subject])})")

    def _read(self, where: str) -> list[Report]:
        rows = self._store.rows(_TABLE, where, ["at", "kind", "subject", "body"]).sort_by("at").to_pylist()
        return [Report(row["kind"], row["subject"], row["at"], json.loads(row["body"])) for row in rows]

    def _write(self, reports: Mapping[str, Report]) -> None:
        rows = [
            {
                "report_id": key,
                "at": one.at,
                "kind": one.kind,
                "subject": one.subject,
                "body": json.dumps(dict(one.body)),
            }
            for key, one in reports.items()
        ]
        self._store.upsert_rows(_TABLE, rows)


def _of_kind(*kinds: str) -> str:
    return f"kind IN ({quoted(kinds)})"
