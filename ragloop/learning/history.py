"""Reports of which the earlier ones are kept as well, so that an operator sees where things are going.

They hold counts, ids and scores, and no text. A year of daily ones is a few hundred rows.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from ragloop.store import Store, quoted


def keep(store: Store, kind: str, body: Mapping[str, Any], subject: str = "", key: str = "") -> None:
    """Add a report of a kind. One that is kept again under the same `key` takes the place of the first."""
    report_id = f"{kind}:{key or uuid4().hex}"
    row = {"report_id": report_id, "at": store.now(), "kind": kind, "subject": subject, "body": json.dumps(body)}
    store.upsert_rows("reports", [row])


def kept(store: Store, kind: str) -> list[dict[str, Any]]:
    """All reports of a kind, oldest first: {at (ISO 8601), subject, and what the report says}."""
    rows = _rows(store, kind)
    return [{"at": row["at"].isoformat(), "subject": row["subject"], **json.loads(row["body"])} for row in rows]


def _rows(store: Store, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.rows("reports", f"kind IN ({quoted([kind])})").sort_by("at").to_pylist()
    return rows
