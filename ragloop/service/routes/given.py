"""What routes are given beside the body: the work of the service, who calls, where a question comes from."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from ragloop.keys import Role
from ragloop.records import Origin
from ragloop.service import jobs
from ragloop.service.callers import Caller
from ragloop.service.door import BODY, CALLER
from ragloop.service.serving import Serving

_LONGEST_ID = 200
_CONVERSATION = ("x-openwebui-chat-id", "x-session-id"), ("conversation_id", "chat_id", "session_id")
_MESSAGE = ("x-openwebui-message-id",), ("message_id",)
"""Headers, and names in `metadata`, in which chat clients say which conversation and message a request belongs to."""


def _serving(request: Request) -> Serving:
    serving = request.app.state.serving
    assert isinstance(serving, Serving)
    return serving


def _with(role: Role) -> Callable[[Request], Caller]:
    """Return what gives the caller of a request, who must have a role."""

    def caller(request: Request) -> Caller:
        found = request.scope[CALLER]
        assert isinstance(found, Caller)
        found.must(role)
        return found

    return caller


Serves = Annotated[Serving, Depends(_serving)]
Asks = Annotated[Caller, Depends(_with(Role.ASK))]
Votes = Annotated[Caller, Depends(_with(Role.FEEDBACK))]
Reads = Annotated[Caller, Depends(_with(Role.LOG))]
Measures = Annotated[Caller, Depends(_with(Role.METRICS))]
Adds = Annotated[Caller, Depends(_with(Role.TRAFFIC))]


def origin_of(http: Request, caller: Caller, metadata: Mapping[str, Any] | None) -> Origin:
    """Return where a question comes from, as its client says."""
    return Origin(caller.name, _first(http, metadata, *_CONVERSATION), _first(http, metadata, *_MESSAGE))


def _first(http: Request, metadata: Mapping[str, Any] | None, headers: tuple[str, ...], names: tuple[str, ...]) -> str:
    given = [*(http.headers.get(one) for one in headers), *((metadata or {}).get(one) for one in names)]
    return next((one[:_LONGEST_ID] for one in given if isinstance(one, str) and one), "")


def request_of(http: Request, caller: Caller) -> jobs.Request:
    """Return what tells a request from others."""
    body: bytes = http.scope[BODY]
    path = http.url.path.encode()
    same = hashlib.sha256(b"\0".join((caller.key_id.encode(), path, body))).hexdigest()
    named = http.headers.get("idempotency-key", "")
    key = hashlib.sha256(f"{caller.key_id}\0{named}".encode()).hexdigest() if named else ""
    retries = http.headers.get("x-stainless-retry-count", "0")
    return jobs.Request(same, key, retries.isdecimal() and int(retries) > 0)
