"""Adapters: their versions, the alias `champion`, promotion and rollback.

The files of an adapter never change once it is registered; its row gathers what evaluation and gate found. An alias
changes by appending one row, so that it changes at once; the rows are its history.

Promotions make a stack: each pushes an adapter (the champion again pushes nothing), each rollback pops one. After A, B
and A were promoted, a first rollback brings back B, a second one A, a third one the base model. A rollback pops further
where the files of the adapter that it would bring back are gone or were changed. The adapter that was rolled back from
is retired: a gate never promotes it again, a person may.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.models.cache import sha256_of
from ragloop.store import Store, quoted
from ragloop.store.names import inside

CHAMPION = "champion"
PROMOTE, ROLLBACK = "promote", "rollback"
"""Kinds of a change of an alias."""
PROMOTED, RETIRED = "promoted", "retired"
"""States that a change of the champion leaves an adapter in."""
WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class Adapter:
    """One version. `path` is relative to the artifact root, `sha256` is `adapter_sha256` of what lies there; `metrics`
    holds what training and evaluation measured."""

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


@dataclass(frozen=True)
class Rollback:
    """What a rollback did. `champion` is None for the base model; `skipped` says why adapters in between were passed
    over."""

    champion: Adapter | None
    retired: str
    skipped: tuple[str, ...] = ()


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
        """Where the adapter's files are. Raises MismatchError when weights or configuration are gone or changed."""
        folder = inside(self.artifacts, adapter.path)
        if not folder.is_dir():
            raise MismatchError(f"found no files of adapter {adapter.adapter_id} at {folder}; roll back or retrain")
        if adapter_sha256(folder) != adapter.sha256:
            raise MismatchError(
                f"the files of adapter {adapter.adapter_id} at {folder} were changed; roll back or retrain"
            )
        return folder

    def champion(self) -> Adapter | None:
        """The adapter that serves, or None for the base model."""
        history = self.history()
        adapter_id = history[-1]["adapter_id"] if history else None
        return self.adapter(adapter_id) if adapter_id else None

    def is_whole(self, adapter: Adapter) -> bool:
        """Whether the adapter's files are those that were registered."""
        return not self._trouble(adapter)

    def serving(self) -> tuple[Adapter | None, str]:
        """The champion if its files are whole, else None; and what is wrong with them, or an empty string."""
        champion = self.champion()
        trouble = self._trouble(champion) if champion else ""
        return (None, trouble) if trouble else (champion, "")

    def history(self, alias: str = CHAMPION) -> list[dict[str, Any]]:
        """Every change of an alias, oldest first: {at, kind, adapter_id (None for the base model), reason}."""
        rows: list[dict[str, Any]] = (
            self._store.rows("aliases", f"alias IN ({quoted([alias])})").sort_by("at").to_pylist()
        )
        return rows

    def promote(self, adapter_id: str, reason: str) -> Adapter:
        """Make an adapter the champion, whatever its state. Its files are checked first; raises MismatchError."""
        with self._store.lease("registry", wait_s=30):
            return self._promote(self.adapter(adapter_id), reason)

    def promote_over(self, champion_id: str | None, adapter_id: str, reason: str) -> Adapter | None:
        """Make an adapter the champion if `champion_id` (None: the base model) still serves; None if it does not.

        An adapter that serves already is left as it is. Raises MismatchError when its files have changed.
        """
        with self._store.lease("registry", wait_s=30):
            adapter = self.adapter(adapter_id)
            serving, _ = self.serving()
            serving_id = serving.adapter_id if serving else None
            if serving_id not in (champion_id, adapter.adapter_id):
                return None
            return self._promote(adapter, reason)

    def rollback(self, reason: str) -> Rollback:
        """Bring back the champion before the present one, or the base model, and retire the present one.

        Raises UsageError when the base model serves.
        """
        with self._store.lease("registry", wait_s=30):
            stack = _stack(self.history())
            if not stack:
                raise UsageError("the base model serves already; there is nothing to roll back")
            left = stack.pop()
            skipped = []
            while stack and (trouble := self._trouble(self.adapter(stack[-1]))):
                skipped.append(f"skipped {stack.pop()}: {trouble}")
            previous = self.adapter(stack[-1]) if stack else None
            self._point(previous.adapter_id if previous else None, ROLLBACK, "; ".join([reason, *skipped]))
            self._set_state(left, RETIRED)
            if previous:
                self._set_state(previous.adapter_id, PROMOTED)
        return Rollback(previous, left, tuple(skipped))

    def _promote(self, adapter: Adapter, reason: str) -> Adapter:
        self.folder(adapter)
        champion = self.champion()
        if champion is None or champion.adapter_id != adapter.adapter_id:
            self._point(adapter.adapter_id, PROMOTE, reason)
        return self._set_state(adapter.adapter_id, PROMOTED)

    def _set_state(self, adapter_id: str, state: str) -> Adapter:
        adapter = replace(self.adapter(adapter_id), state=state)
        self.register(adapter)
        return adapter

    def _trouble(self, adapter: Adapter) -> str:
        """Why an adapter cannot serve, or an empty string."""
        try:
            self.folder(adapter)
        except MismatchError as error:
            return str(error)
        return ""

    def _point(self, adapter_id: str | None, kind: str, reason: str) -> None:
        row = {
            "change_id": uuid4().hex,
            "at": datetime.now(UTC),
            "alias": CHAMPION,
            "kind": kind,
            "adapter_id": adapter_id,
            "reason": reason,
        }
        last = self.history()
        if last and row["at"] <= last[-1]["at"]:
            # A clock that was set back must not hide this change behind an older one.
            row["at"] = last[-1]["at"] + timedelta(microseconds=1)
        self._store.append("aliases", [row])


def files_are_whole(artifacts: Path, path: str, sha256: str) -> bool:
    """Whether the adapter at this path has the files of this `adapter_sha256`."""
    try:
        return adapter_sha256(inside(artifacts, path)) == sha256
    except MismatchError:
        return False


def adapter_sha256(folder: Path) -> str:
    """SHA-256 over an adapter's weights and its configuration. Raises MismatchError when either is not there.

    The configuration decides as much as the weights do (alpha scales them). It is hashed by its values: PEFT keeps
    names of modules in a set and writes them in any order.
    """
    for name in (WEIGHTS, ADAPTER_CONFIG):
        if not (folder / name).is_file():
            raise MismatchError(f"found no {name} in {folder}; retrain, or restore it from a backup")
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        raise MismatchError(f"{folder / ADAPTER_CONFIG} is damaged; retrain, or restore it from a backup") from None
    values = {name: sorted(map(str, one)) if isinstance(one, list) else one for name, one in config.items()}
    content = [sha256_of(folder / WEIGHTS), json.dumps(values, sort_keys=True)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _stack(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The champion and what rollbacks can return to, the champion last."""
    stack: list[str] = []
    for change in history:
        if change["kind"] == PROMOTE:
            stack.append(change["adapter_id"])
            continue
        stack.pop()
        while stack and stack[-1] != change["adapter_id"]:
            stack.pop()
    return stack


def _adapter(row: Mapping[str, Any]) -> Adapter:
    return Adapter(**{**row, "reasons": tuple(row["reasons"] or ()), "metrics": json.loads(row["metrics"])})
