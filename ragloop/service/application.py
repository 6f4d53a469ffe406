"""The service put together: routes, errors in one form, and the door in front of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, ExceptionHandler

from ragloop.app import App
from ragloop.config.settings import ServiceSettings
from ragloop.errors import RagloopError
from ragloop.service.callers import KeyRing, RateLimit
from ragloop.service.door import Door, Rules
from ragloop.service.pages import router as pages
from ragloop.service.refusals import error_object, refusal_of, refused
from ragloop.service.routes import chat, documents, log, models, responses, state
from ragloop.service.serving import PING_S, Serving

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_ROUTERS = (chat.router, responses.router, models.router, log.router, documents.router, state.router, pages)


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
    rules = Rules(hosts, settings.max_body_kb * 1024)
    keys = KeyRing(app.keys, open_without_keys=loopback)
    return Door(routes, keys, RateLimit(settings.requests_per_minute), rules, serving.figures.count_request)


def _life_of(serving: Serving) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what warms the service when it starts, and ends its threads."""

    @asynccontextmanager
    async def life(routes: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(serving.read(serving.warm))
        yield
        await asyncio.wait([warming])
        await asyncio.to_thread(serving.close)

    return life


async def _of_http(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(refused(error), error.status_code, error.headers)


async def _of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which field is at fault, and not what it holds."""
    first = error.errors()[0]
    place = [str(one) for one in first["loc"] if one != "body"]
    message = f"{'.'.join(place) or 'the body'}: {first['msg']}"
    return JSONResponse(error_object(400, message, "invalid_request", place[0] if place else None), 400)


async def _of_ours(request: Request, error: Exception) -> JSONResponse:
    why = refusal_of(error)
    return JSONResponse(refused(why), why.status_code, why.headers)
