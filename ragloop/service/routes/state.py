"""GET /healthz, /readyz, /metrics and /v1/loop: for whoever runs the service."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from ragloop.corpus.index import inventory
from ragloop.errors import NotFoundError
from ragloop.records import EVERYTHING
from ragloop.service.callers import Caller
from ragloop.service.loop import loop
from ragloop.service.refusals import RETRY_S, Refused
from ragloop.service.routes.given import Measures, Serves
from ragloop.service.serving import Serving
from ragloop.service.wire.shown import Json

router = APIRouter()


@router.get("/healthz")
async def healthz() -> Json:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(serving: Serves) -> Json:
    """Say whether questions can be answered: there is an index, and its embedder is loaded."""
    if not serving.is_ready:
        await serving.read(serving.warm)
    if not serving.is_ready:
        raise Refused(503, "no index to answer from yet", code="not_ready", retry_s=RETRY_S)
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(caller: Measures, serving: Serves) -> Response:
    """Return the figures of the service and of the home, in the form of Prometheus."""
    of_index = await serving.read(_may_count, serving, caller)
    text = await serving.read(serving.figures.text, serving.app, of_index=of_index)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/loop")
async def loop_of_home(caller: Measures, serving: Serves) -> Json:
    """Return what the loop page shows."""
    return await serving.read(loop, serving.app, of_index=await serving.read(_may_count, serving, caller))


def _may_count(serving: Serving, caller: Caller) -> bool:
    """Return whether a caller may read figures of the whole index.

    Whoever has no key is a caller without labels, and counts tell of documents that it does not see.
    """
    if caller.key_id or serving.view_of(caller) == EVERYTHING:
        return True
    try:
        return not inventory.labelled(serving.app.index)
    except NotFoundError:
        return True
