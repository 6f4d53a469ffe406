"""Answers under way: each is made once, however often its request is repeated, and it is logged who got all of it."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass

from ragloop.records import Answer
from ragloop.service.refusals import Refused

REMEMBERED_S = 60.0
"""A request that a client repeats within so long gets the answer that it got, or is getting."""
NAMED_S = 600.0
"""The same for one that its client gave an Idempotency-Key."""
_DROPPED_S = 1.0
"""How often it is looked which answers are old: there are thousands in a minute."""
RETURN_S = 10.0
"""Clients that gave up and try again do so within so long."""


@dataclass(frozen=True)
class Request:
    """What tells a request from others: `same` for equal ones, `key` where the client named it, `again` for a retry."""

    same: str
    key: str = ""
    again: bool = False


class Job:
    """The answer to a request, in the making, and whether a caller got all of it.

    `mark(interaction_id, cut)` logs that nobody did, or that somebody did after all.
    """

    def __init__(
        self,
        made: "Future[Answer]",
        mark: Callable[[str, bool], Awaitable[None]],
        gone: threading.Event,
        return_s: float = RETURN_S,
    ) -> None:
        """`gone` is set when every reader left and none came back within `return_s`: the writing may end."""
        self._made, self._mark, self._gone, self._return_s = made, mark, gone, return_s
        self.answered = asyncio.wrap_future(made)
        self.answered.add_done_callback(_noticed)
        self._readers = 0
        self._delivered = self._cut = False
        self._order = asyncio.Lock()

    @property
    def is_void(self) -> bool:
        """Return whether no answer came of it, so that a repeated request is answered anew."""
        return self._gone.is_set() or self._has_failed

    @property
    def _has_failed(self) -> bool:
        return self._made.cancelled() or (self._made.done() and self._made.exception() is not None)

    def read(self) -> None:
        """Count a reader; `left` ends it."""
        self._readers += 1

    async def left(self, *, whole: bool) -> None:
        """End a reader, who got all of the answer or not; without any who did the answer is logged as cut."""
        self._readers -= 1
        if whole:
            self._delivered = True
            if self._cut:
                await self._log(cut=False)
        elif not self._readers and not self._delivered and not self._made.cancel():
            self._cut = True
            await asyncio.wait([self.answered], timeout=self._return_s)
            if not self.answered.done() and not self._readers:
                self._gone.set()
            await asyncio.wait([self.answered])
            if not self._has_failed and not self._delivered:
                await self._log(cut=True)

    async def cut_by_request(self) -> None:
        """Log that the request itself limited what its caller got."""
        await self.answered
        await self._log(cut=True)

    async def _log(self, *, cut: bool) -> None:
        async with self._order:
            await self._mark(self.answered.result().interaction_id, cut)


class Jobs:
    """The answers of the last minute, by the requests that they answer. Used on one event loop."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[float, str, Job]] = {}
        self._dropped = seconds()

    def of(self, request: Request, begin: Callable[[], Job]) -> Job:
        """Return the job of a request: that of an equal one that is repeated, or a new one.

        Raises Refused where a client names two different requests alike.
        """
        self._drop_old()
        name = f"key {request.key}" if request.key else f"same {request.same}"
        known = self._known.get(name)
        if known and not self._is_old(name) and not known[2].is_void and (request.key or request.again):
            if known[1] != request.same:
                raise Refused(422, "found this Idempotency-Key on another request; expected a new one")
            return known[2]
        job = begin()
        self._known[name] = self._seconds(), request.same, job
        return job

    def _drop_old(self) -> None:
        now = self._seconds()
        if now - self._dropped < _DROPPED_S:
            return
        self._dropped = now
        self._known = {name: one for name, one in self._known.items() if not self._is_old(name)}

    def _is_old(self, name: str) -> bool:
        at, _, job = self._known[name]
        longest = NAMED_S if name.startswith("key ") else REMEMBERED_S
        return job.answered.done() and self._seconds() - at >= longest


def _noticed(answered: "asyncio.Future[Answer]") -> None:
    """Take note of a failure that nobody may wait for any more; asyncio would report it."""
    if not answered.cancelled():
        answered.exception()
