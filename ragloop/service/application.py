"""The service put together: routes, errors in one form, and the door in front of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, ExceptionHandler

from ragloop.app import App
from ragloop.config.answering import ServiceSettings
from ragloop.errors import RagloopError
from ragloop.service.callers import KeyRing, RateLimit
from ragloop.service.door import Door, Rules
from ragloop.service.pages import router as pages
from ragloop.service.refusals import error_object, refusal_of, refused
from ragloop.service.routes import chat, documents, log, models, responses, review, state, traffic
from ragloop.service.serving import PING_S, Serving

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_ROUTERS = (
    chat.router,
    responses.router,
    models.router,
    log.router,
    documents.router,
    traffic.router,
    state.router,
    review.router,
    pages,
)
_LOGGED_S = 1.0
"""How often it is looked which traces are done."""


def application(app: App, settings: ServiceSettings, *, loopback: bool, ping_s: float = PING_S) -> ASGIApp:
    """Return the service of a home. On loopback it may be called without a key as long as none was made."""
    serving = Serving(app, settings, ping_s)
    routes = FastAPI(
        title="ragloop", lifespan=_life_of(serving), docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    routes.state.serving = serving
    for router in _ROUTERS:
        routes.include_router(router)
    routes.add_exception_handler(HTTPException, cast(ExceptionHandler, _of_http))
    routes.add_exception_handler(RequestValidationError, cast(ExceptionHandler, _of_validation))
    routes.add_exception_handler(RagloopError, _of_ours)
    routes.add_exception_handler(Exception, _of_ours)
    hosts = settings.hosts or (LOOPBACK if loopback else None)
    traffic_bytes = dict.fromkeys(traffic.PATHS, settings.max_traffic_kb * 1024)
    rules = Rules(hosts, settings.max_body_kb * 1024, traffic_bytes)
    # The review page finds out by itself who holds the key in its form.
    routes.state.keys = keys = KeyRing(app.keys, open_without_keys=loopback)
    routes.state.rate = rate = RateLimit(settings.requests_per_minute)
    return Door(routes, keys, rate, rules, serving.figures.count_request)


def _life_of(serving: Serving) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what warms the service when it starts, logs the traces that it takes in, and ends its threads."""

    @asynccontextmanager
    async def life(routes: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(serving.read(serving.warm))
        taking_in = asyncio.ensure_future(_log_traces(serving))
        yield
        taking_in.cancel()
        await asyncio.wait([warming, taking_in])
        await asyncio.to_thread(serving.close)

    return life


async def _log_traces(serving: Serving) -> None:
    while True:
        await asyncio.sleep(_LOGGED_S)
        await asyncio.to_thread(serving.log_traces)


async def _of_http(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(refused(error), error.status_code, error.headers)


async def _of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which field is at fault, and not what it holds."""
    first = error.errors()[0]
    place = [str(one) for one in first["loc"] if one != "body"]
    if first["type"] == "json_invalid" or not place:
        return JSONResponse(error_object(400, _of_body(request, first), "invalid_request"), 400)
    return JSONResponse(error_object(400, f"{'.'.join(place)}: {first['msg']}", "invalid_request", place[0]), 400)


def _of_body(request: Request, found: Mapping[str, Any]) -> str:
    """Say why a body could not be read: it names no JSON as its type, is none, or is no object."""
    kind = request.headers.get("content-type", "")
    if "json" not in kind:
        return (
            f"found a body of {f'the type {kind}' if kind else 'no type'}, expected JSON: send it with the header "
            "Content-Type: application/json"
        )
    if found["type"] == "json_invalid":
        return f"the body is no JSON: {found['ctx']['error']} at character {found['loc'][-1]}"
    return "found no object in the body, expected a JSON object"


async def _of_ours(request: Request, error: Exception) -> JSONResponse:
    why = refusal_of(error)
    return JSONResponse(refused(why), why.status_code, why.headers)
