"""Streams of server-sent events, which notice that their reader has gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PING = b": ping\n\n"
"""A comment, which clients pass over and which keeps proxies from closing the connection."""
DONE = b"data: [DONE]\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


def event(data: dict[str, Any], name: str = "") -> bytes:
    """Write an object as an event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


class EventStream(Response):
    """A reply that is written as its parts come; `ended(whole)` is called when all was written, or the reader left."""

    def __init__(self, parts: AsyncIterator[bytes], ended: Callable[[bool], Awaitable[None]]) -> None:
        super().__init__(media_type="text/event-stream")
        self._parts, self._ended = parts, ended
        self._all_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the parts until the last one, or until the reader has gone."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_has_left(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        finally:
            for one in (writing, leaving):
                one.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
            await asyncio.shield(self._ended(self._all_sent))

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)  # lets the loop notice a reader who has gone
        self._all_sent = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
