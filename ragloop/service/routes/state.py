"""GET /healthz, /readyz and /metrics: for whoever runs the service."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from ragloop.records import EVERYTHING
from ragloop.service.refusals import RETRY_S, Refused
from ragloop.service.routes.given import Measures, Serves
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
    # Whoever has no key is a caller without labels, and counts tell of documents that it may not see.
    of_index = bool(caller.key_id) or serving.view_of(caller) == EVERYTHING
    text = await serving.read(serving.figures.text, serving.app, of_index=of_index)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
