"""POST /v1/traces and /v1/interactions: what other services were asked and answered."""

import logging
from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import Response

from ragloop.errors import UnavailableError, UsageError
from ragloop.service.door import BODY
from ragloop.service.refusals import RETRY_S, Refused
from ragloop.service.routes.given import Adds, Serves
from ragloop.service.wire.shown import Json
from ragloop.traffic.importing import ImportReport
from ragloop.traffic.intake import requests

log = logging.getLogger(__name__)
router = APIRouter()
TRACES, INTERACTIONS = "/v1/traces", "/v1/interactions"
PATHS = (TRACES, INTERACTIONS)


@router.post(TRACES)
async def traces(http: Request, caller: Adds, serving: Serves) -> Response:
    """Take in spans as OTLP over HTTP has them; they are on disk before the reply, and in the log once a trace is
    done."""
    request = _request(http)
    try:
        spans = await serving.read(serving.app.traffic.traces.take, request)
    except UsageError as error:
        body, kind = requests.refused(request, str(error), passing=False)
        return Response(body, 400, media_type=kind)
    except UnavailableError as error:
        log.warning("spans cannot be kept: %s", error)
        body, kind = requests.refused(request, "the service cannot keep spans now; send them again", passing=True)
        return Response(body, 503, {"Retry-After": str(RETRY_S)}, kind)
    serving.figures.count_spans(len(spans.steps), spans.rejected)
    body, kind = requests.accepted(request, spans)
    return Response(body, media_type=kind)


@router.post(INTERACTIONS)
async def interactions(http: Request, caller: Adds, serving: Serves) -> Json:
    """Log answers and votes in plain JSON, an object or a list of them; they are on disk before the reply."""
    request = _request(http)
    try:
        body = requests.unpacked(request.body, request.encoding)
    except ValueError as error:
        raise Refused(400, f"found {error}; expected JSON, as it is or packed by gzip") from None
    report, ids = await serving.read(serving.app.traffic.take_posted, body)
    if report.skipped and not (report.rows or report.votes):
        first = report.problems[0]
        raise Refused(400, f"{first.place}: {first.reason}", code="nothing_logged")
    return {"object": "interactions", "interaction_ids": ids, **_told(report)}


def _told(report: ImportReport) -> Json:
    names = ("tied", "untied", "votes", "skipped")
    return {name: getattr(report, name) for name in names} | {"problems": [asdict(one) for one in report.problems]}


def _request(http: Request) -> requests.Request:
    headers = http.headers
    return requests.Request(http.scope[BODY], headers.get("content-type", ""), headers.get("content-encoding", ""))
