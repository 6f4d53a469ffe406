"""Keys as the store keeps them.

Of a key the store has the SHA-256 alone; who made it saw it once. A change is appended: a key that was revoked stays
so, also where an older backup is restored.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ragloop.catalogue import Lease
from ragloop.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from ragloop.store import Store

PREFIX = "rl-"
"""Begins every key, so that one that was pasted somewhere is recognised."""
_WAIT_S = 30
_CREATED, _REVOKED = "created", "revoked"


class Role(StrEnum):
    """What a key lets its caller do: ask and search, give feedback, read the log, read figures of the whole home, add
    the traffic of another service to the log."""

    ASK = "ask"
    FEEDBACK = "feedback"
    LOG = "log"
    METRICS = "metrics"
    TRAFFIC = "traffic"


USUAL = (Role.ASK, Role.FEEDBACK, Role.LOG)
"""The roles of a key that is made without any being named."""


@dataclass(frozen=True)
class Key:
    """A key as the store knows it. `inline_links`: its answers end with numbered links, for clients that show text."""

    key_id: str
    name: str
    sha256: str
    labels: frozenset[str]
    roles: frozenset[Role]
    inline_links: bool
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class MadeKey:
    """A key that was made just now, with its secret, which nothing shows again."""

    key: Key
    secret: str


class Keys:
    """The keys of one store."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    def create(
        self, name: str, labels: Collection[str] = (), roles: Collection[Role] = USUAL, *, inline_links: bool = False
    ) -> MadeKey:
        """Make a key. Raises UsageError where its name is empty or another key has it."""
        if not name.strip() or "" in labels:
            raise UsageError("found an empty name or label; expected `ragloop keys create NAME --label LABEL`")
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._store.lease(Lease.KEYS, wait_s=_WAIT_S):
            if any(one.name == name and not one.revoked_at for one in self.all()):
                raise UsageError(f"found a key named {name!r} already; revoke it first, or take another name")
            key_id = uuid4().hex[:12]
            row = {
                "key_id": key_id,
                "name": name,
                "sha256": hashlib.sha256(secret.encode()).hexdigest(),
                "labels": sorted(set(labels)),
                "roles": sorted(set(roles)),
                "inline_links": inline_links,
            }
            self._append(_CREATED, row)
        return MadeKey(self._named(key_id), secret)

    def revoke(self, name: str) -> Key:
        """Revoke a key by its name or id; from the next request on it is refused. Raises NotFoundError."""
        with self._store.lease(Lease.KEYS, wait_s=_WAIT_S):
            key = self._named(name)
            self._append(_REVOKED, {"key_id": key.key_id, "name": key.name})
        return next(one for one in self.all() if one.key_id == key.key_id)

    def all(self) -> list[Key]:
        """Return every key, those included that were revoked, oldest first."""
        rows = self._store.rows("keys").sort_by("at").to_pylist()
        revoked = {row["key_id"]: row["at"] for row in rows if row["kind"] == _REVOKED}
        return [_key(row, revoked.get(row["key_id"])) for row in rows if row["kind"] == _CREATED]

    def _append(self, kind: str, row: Mapping[str, Any]) -> None:
        self._store.append("keys", [{"change_id": uuid4().hex, "at": self._store.now(), "kind": kind, **row}])

    def _named(self, name: str) -> Key:
        found = [one for one in self.all() if name in (one.name, one.key_id) and not one.revoked_at]
        if not found:
            raise NotFoundError(f"found no key named {name!r} in use; `ragloop keys list` shows all")
        return found[0]


def matching(keys: Collection[Key], secret: str) -> Key | None:
    """Return the key in use that has this secret; each is compared in the same time, whether it fits or not."""
    sha256 = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    found = [one for one in keys if compare_digest(one.sha256, sha256) and one.revoked_at is None]
    return found[0] if found else None


def _key(row: Mapping[str, Any], revoked_at: datetime | None) -> Key:
    return Key(
        key_id=row["key_id"],
        name=row["name"],
        sha256=row["sha256"],
        labels=frozenset(row["labels"] or ()),
        roles=frozenset(map(Role, row["roles"] or ())),
        inline_links=bool(row["inline_links"]),
        created_at=row["at"],
        revoked_at=revoked_at,
    )
