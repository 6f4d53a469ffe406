"""What a request passes before any route: the name it was addressed to, its key, its rate, its size."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragloop.errors import RagloopError
from ragloop.service.callers import KeyRing, RateLimit
from ragloop.service.refusals import Refused, refusal_of, refused

CALLER, BODY = "ragloop.caller", "ragloop.body"
"""Where a route finds in its scope who calls, and the bytes that were sent."""
log = logging.getLogger(__name__)
_NEED_A_KEY = ("/v1", "/metrics")


@dataclass(frozen=True)
class Rules:
    """What the door lets in: `hosts` are the names by which it may be addressed, None any.

    A body has at most so many bytes, or what `most_at` says of its path.
    """

    hosts: Collection[str] | None
    most_bytes: int
    most_at: Mapping[str, int] = field(default_factory=dict)


class Door:
    """An ASGI application around another one. `count(path, status)` counts each request by the path of its route."""

    def __init__(
        self, app: ASGIApp, keys: KeyRing, rate: RateLimit, rules: Rules, count: Callable[[str, int], None]
    ) -> None:
        self._app, self._keys, self._rate, self._rules, self._count = app, keys, rate, rules, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reply why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            receive = await self._let_in(scope, receive)
        except (Refused, RagloopError) as error:
            why = refusal_of(error)
            await JSONResponse(refused(why), why.status_code, why.headers)(scope, receive, noted)
        else:
            await self._reply(scope, receive, noted)
        finally:
            self._count(getattr(scope.get("route"), "path", "other"), status)

    async def _reply(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request replied to. What fails was told the caller by then, unless a reply had begun."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the server would log its message, which may hold a question
            log.error("a reply ended with %s", type(error).__name__)

    async def _let_in(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        _must_be_addressed(headers, self._rules.hosts)
        if scope["path"].startswith(_NEED_A_KEY):
            scope[CALLER] = await self._keys.caller(headers.get("authorization", ""))
            self._rate.take(scope[CALLER])
        body = await _body(headers, receive, self._rules.most_at.get(scope["path"], self._rules.most_bytes))
        scope[BODY] = body
        return _again(body, receive)


def _must_be_addressed(headers: Headers, hosts: Collection[str] | None) -> None:
    """Refuse what a page of another site makes a browser send: under a name that it turned to this address, or with
    that site as its origin."""
    host = headers.get("host", "")
    if hosts is not None and (urlsplit(f"//{host}").hostname or "") not in hosts:
        raise Refused(403, "this service is not addressed by that name; expected localhost or one of service.hosts")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise Refused(403, "this service takes no requests from pages of other sites")


async def _body(headers: Headers, receive: Receive, most_bytes: int) -> bytes:
    """Read what was sent. Raises Refused where that is too much."""
    stated = headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > most_bytes:
        raise _too_large(most_bytes)
    parts, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise _too_large(most_bytes)
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _too_large(most_bytes: int) -> Refused:
    return Refused(413, f"the request is larger than {most_bytes:,} bytes, which the settings of the service allow")


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and after it what follows."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
