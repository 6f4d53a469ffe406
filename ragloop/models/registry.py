"""Adapters: their versions, the alias `champion`, promotion and rollback.

An adapter never changes once it is registered. An alias changes by appending one row, so that it changes at once; the
rows are its history, and rolling back appends the adapter that was there before.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.models.cache import sha256_of
from ragloop.store import Store, quoted

CHAMPION = "champion"


@dataclass(frozen=True)
class Adapter:
    """One version. `path` is relative to the artifact root; `metrics` holds what training and evaluation measured."""

    adapter_id: str
    created_at: datetime
    base: str
    dataset_id: str
    path: str
    sha256: str
    state: str
    verdict: str
    reasons: tuple[str, ...]
    metrics: Mapping[str, Any]


class Registry:
    """The adapters of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.artifacts = store.home / "artifacts"

    def register(self, adapter: Adapter) -> None:
        """Add a version; the same id again replaces its row."""
        row = {**adapter.__dict__, "reasons": list(adapter.reasons), "metrics": json.dumps(dict(adapter.metrics))}
        self._store.upsert_rows("adapters", [row])

    def adapters(self) -> list[Adapter]:
        """All versions, oldest first."""
        rows = self._store.rows("adapters").sort_by("created_at").to_pylist()
        return [_adapter(row) for row in rows]

    def adapter(self, adapter_id: str) -> Adapter:
        """One version, by its id or an unambiguous beginning of it. Raises NotFoundError."""
        found = [one for one in self.adapters() if one.adapter_id.startswith(adapter_id)] if adapter_id else []
        exact = [one for one in found if one.adapter_id == adapter_id] or found
        if len(exact) != 1:
            raise NotFoundError(
                f"found {len(exact)} adapters named {adapter_id!r}, expected one; `ragloop adapters list` shows all"
            )
        return exact[0]

    def folder(self, adapter: Adapter) -> Path:
        """Where the adapter's files are. Raises MismatchError when its weights are gone or were changed."""
        folder = self.artifacts / adapter.path
        if not folder.is_dir():
            raise MismatchError(f"found no files of adapter {adapter.adapter_id} at {folder}; roll back or retrain")
        if weights_sha256(folder) != adapter.sha256:
            raise MismatchError(
                f"the weights of adapter {adapter.adapter_id} at {folder} were changed; roll back or retrain"
            )
        return folder

    def champion(self) -> Adapter | None:
        """The adapter that serves, or None for the base model."""
        history = self.history()
        adapter_id = history[-1]["adapter_id"] if history else None
        return self.adapter(adapter_id) if adapter_id else None

    def history(self, alias: str = CHAMPION) -> list[dict[str, Any]]:
        """Every change of an alias, oldest first: {at, adapter_id (None for the base model), reason}."""
        rows: list[dict[str, Any]] = (
            self._store.rows("aliases", f"alias IN ({quoted([alias])})").sort_by("at").to_pylist()
        )
        return rows

    def promote(self, adapter_id: str, reason: str) -> Adapter:
        """Make an adapter the champion. Its files are checked first."""
        with self._store.lease("registry", wait_s=30):
            adapter = self.adapter(adapter_id)
            self.folder(adapter)
            self._point(adapter.adapter_id, reason)
        return adapter

    def rollback(self, reason: str) -> Adapter | None:
        """Bring back the champion before the present one (None: the base model). Raises UsageError if there is none."""
        with self._store.lease("registry", wait_s=30):
            stack = _stack(self.history())
            if not stack:
                raise UsageError("the base model serves already; there is nothing to roll back")
            previous = stack[-2] if len(stack) > 1 else None
            self._point(previous, reason)
        return self.adapter(previous) if previous else None

    def _point(self, adapter_id: str | None, reason: str) -> None:
        row = {
            "change_id": uuid4().hex,
            "at": datetime.now(UTC),
            "alias": CHAMPION,
            "adapter_id": adapter_id,
            "reason": reason,
        }
        last = self.history()
        if last and row["at"] <= last[-1]["at"]:
            # A clock that was set back must not hide this change behind an older one.
            row["at"] = last[-1]["at"] + timedelta(microseconds=1)
        self._store.append("aliases", [row])


def weights_sha256(folder: Path) -> str:
    """SHA-256 of an adapter's weights. Raises MismatchError when they are not there."""
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise MismatchError(f"found no adapter weights at {weights}; retrain, or restore them from a backup")
    return sha256_of(weights)


def _stack(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Champions that a rollback can return to, the present one last: a promotion pushes, a rollback pops."""
    stack: list[str] = []
    for change in history:
        adapter_id = change["adapter_id"]
        if adapter_id is None:
            stack.clear()
        elif adapter_id in stack:
            del stack[stack.index(adapter_id) + 1 :]
        else:
            stack.append(adapter_id)
    return stack


def _adapter(row: Mapping[str, Any]) -> Adapter:
    return Adapter(**{**row, "reasons": tuple(row["reasons"] or ()), "metrics": json.loads(row["metrics"])})
