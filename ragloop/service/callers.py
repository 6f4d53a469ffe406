"""Who calls: the holder of a key, or on loopback anybody as long as no key was ever made."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from ragloop.keys import Key, Keys, Role, matching
from ragloop.service.refusals import Refused

FRESH_S, SOONEST_S = 1.0, 0.1
"""Keys are read again after so long: within it a key that was revoked is refused. For a key that is not known they are
read again at once, but not more often than that."""
_BEARER = "bearer "


@dataclass(frozen=True)
class Caller:
    """Who asks: what it sees and may do. `key_id` is empty where no key is needed."""

    key_id: str = ""
    name: str = ""
    labels: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset(Role)
    inline_links: bool = False

    def must(self, role: Role) -> None:
        """Raise Refused where the caller does not have a role."""
        if role not in self.roles:
            raise Refused(403, f"this key may not do that; it needs the role {role}", code="role_missing")


ANYBODY = Caller()


class KeyRing:
    """Finds the caller of a request. `open_without_keys`: as long as no key was ever made, none is asked for."""

    def __init__(self, keys: Keys, *, open_without_keys: bool, seconds: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._open, self._seconds = keys, open_without_keys, seconds
        self._known: Sequence[Key] = ()
        self._read_at: float | None = None
        self._reading: asyncio.Future[None] | None = None

    async def caller(self, authorization: str) -> Caller:
        """Return who calls with this header. Raises Refused, and what reading the store raises."""
        await self._read_after(FRESH_S)
        scheme, secret = authorization[: len(_BEARER)], authorization[len(_BEARER) :].strip()
        given = secret if scheme.lower() == _BEARER else ""
        if given and matching(self._known, given) is None:
            await self._read_after(SOONEST_S)
        if not self._known and self._open:
            return ANYBODY
        key = matching(self._known, given) if given else None
        if key is None:
            what = "this key is unknown or was revoked" if authorization else "found no key"
            raise Refused(
                401,
                f"{what}; expected the header `Authorization: Bearer KEY`, `ragloop keys create` makes one",
                code="invalid_api_key",
            )
        return Caller(key.key_id, key.name, key.labels, key.roles, key.inline_links)

    async def _read_after(self, seconds: float) -> None:
        """Read the keys where they were read so long ago, once for all requests that come meanwhile.

        Where that fails it fails for all of them at once: none waits for the attempts of those before it.
        """
        if self._read_at is None or self._seconds() - self._read_at >= seconds:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.ensure_future(self._read())
            await asyncio.shield(self._reading)

    async def _read(self) -> None:
        now = self._seconds()
        self._known, self._read_at = await asyncio.to_thread(self._keys.all), now


class RateLimit:
    """Lets the holder of a key make so many requests a minute, in a burst or spread; 0 sets no limit.

    Who needs no key is a user of this machine, and is not limited.
    """

    def __init__(self, per_minute: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._seconds = per_minute, seconds
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> None:
        """Count a request. Raises Refused, which says when the next one is let in."""
        if not self._per_minute or not caller.key_id:
            return
        now, per_second = self._seconds(), self._per_minute / 60
        left, at = self._left.get(caller.key_id, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - at) * per_second)
        if left < 1:
            self._left[caller.key_id] = left, now
            raise Refused(
                429,
                f"more than {self._per_minute:,} requests in a minute; come back later",
                retry_s=max(1, ceil((1 - left) / per_second)),
            )
        self._left[caller.key_id] = left - 1, now
