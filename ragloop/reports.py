"""Reports: what a run, a scan or a measurement found, as rows of one table that people and later runs read.

A report is known by its kind and its subject, such as the source that was scanned. Some kinds keep only the newest
report of a subject (`put`), others keep every one, so that an operator sees where things are going (`append`). Reports
hold counts, ids, scores and places, and no text of documents or questions.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import uuid4

from ragloop.store import Store, quoted

_TABLE = "reports"
_Row = dict[str, Any]


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
        self.store = store
        self._held: dict[str, dict[str, _Row]] = {}

    def holding(self, *kinds: str) -> "Reports":
        """Read the reports of these kinds once, for a caller who asks for them often.

        What is written or dropped through what is returned is held as well; what others write meanwhile is not seen.
        """
        found = Reports(self.store)
        found._held = {kind: {} for kind in kinds}
        found._hold(self._rows(_of_kind(*kinds)))
        return found

    def put(self, *reports: Report) -> None:
        """Write reports of different kinds or subjects, each over the one before it, in one commit."""
        self._write({":".join(filter(None, (one.kind, one.subject))): one for one in reports})

    def append(self, report: Report, key: str = "") -> None:
        """Add a report beside the earlier ones. A report that is added again under the same `key` replaces itself."""
        self._write({f"{report.kind}:{key or uuid4().hex}": report})

    def latest(self, kind: str, subject: str = "") -> Report | None:
        """Return the newest report of a kind and subject."""
        return next(reversed(self._read(kind, subject)), None)

    def history(self, kind: str) -> list[Report]:
        """Return all reports of a kind, of every subject, oldest first."""
        return self._read(kind)

    def drop(self, subject: str, *kinds: str) -> None:
        """Delete the reports of these kinds on a subject."""
        self.store.delete(_TABLE, f"{_of_kind(*kinds)} AND subject IN ({quoted([subject])})")
        for kind in self._held.keys() & kinds:
            self._held[kind] = {key: row for key, row in self._held[kind].items() if row["subject"] != subject}

    def _read(self, kind: str, subject: str | None = None) -> list[Report]:
        if kind in self._held:
            rows = [row for row in self._held[kind].values() if subject in (None, row["subject"])]
        else:
            of_subject = "" if subject is None else f" AND subject IN ({quoted([subject])})"
            rows = self._rows(_of_kind(kind) + of_subject)
        rows.sort(key=itemgetter("at"))
        return [Report(row["kind"], row["subject"], row["at"], json.loads(row["body"])) for row in rows]

    def _rows(self, where: str) -> list[_Row]:
        return list(self.store.rows(_TABLE, where).to_pylist())

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
        self.store.upsert_rows(_TABLE, rows)
        self._hold(rows)

    def _hold(self, rows: Iterable[_Row]) -> None:
        for row in rows:
            if row["kind"] in self._held:
                self._held[row["kind"]][row["report_id"]] = row


def _of_kind(*kinds: str) -> str:
    return f"kind IN ({quoted(kinds)})"
