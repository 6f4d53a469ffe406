"""POST /v1/responses, for text."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from ragloop.service.jobs import Job
from ragloop.service.refusals import Refused, refusal_of, refused
from ragloop.service.routes.given import Asks, Serves, origin_of, request_of
from ragloop.service.routes.texts import EARLY_S, GONE, waited_for
from ragloop.service.serving import Asked
from ragloop.service.wire.events import PING, EventStream, event
from ragloop.service.wire.names import model_of
from ragloop.service.wire.replies import extras_of
from ragloop.service.wire.requests import ResponseRequest
from ragloop.service.wire.responses import ResponseReply
from ragloop.service.wire.shown import Json, show

router = APIRouter()


@router.post("/v1/responses")
async def responses(http: Request, body: ResponseRequest, caller: Asks, serving: Serves) -> Response:
    """Answer the last input of the user."""
    model = model_of(body.model)
    _must_be_text(body)
    links = model.inline_links or caller.inline_links
    asked = Asked(body.question, model.lane, caller, origin_of(http, caller, body.metadata), body.conversation)
    job = serving.ask(asked, request_of(http, caller))
    reply = ResponseReply(f"resp_{uuid4().hex}", int(time.time()), model.name)
    job.read()
    if not body.stream:
        return await _whole(http, job, reply, links=links)
    await asyncio.wait([job.answered], timeout=EARLY_S)
    if job.answered.done() and job.answered.exception():
        await job.left(whole=False)
        job.answered.result()
    return EventStream(_parts(job, reply, serving.ping_s, links=links), lambda sent: job.left(whole=sent))


def _must_be_text(body: ResponseRequest) -> None:
    if body.tool_choice not in (None, "none", "auto"):
        raise Refused(400, "found a tool_choice that requires a call; no tools are called here", param="tool_choice")
    form = (body.text or {}).get("format")
    if isinstance(form, dict) and form.get("type", "text") != "text":
        raise Refused(400, "found a text.format other than text; chat completions write JSON", param="text")


async def _whole(http: Request, job: Job, reply: ResponseReply, *, links: bool) -> Response:
    delivered = False
    try:
        answer = await waited_for(http, job)
        if answer is None:
            return Response(status_code=GONE)
        delivered = True
        return JSONResponse(reply.whole(show(answer, inline_links=links), answer, extras_of(answer)))
    finally:
        await job.left(whole=delivered)


async def _parts(job: Job, reply: ResponseReply, ping_s: float, *, links: bool) -> AsyncIterator[bytes]:
    number = 0

    def numbered(one: Json) -> bytes:
        nonlocal number
        number += 1
        return event({**one, "sequence_number": number - 1}, one["type"])

    for one in reply.begun():
        yield numbered(one)
    while not (await asyncio.wait([job.answered], timeout=ping_s))[0]:
        yield PING
    error = job.answered.exception()
    if error is not None:
        why = refused(refusal_of(error if isinstance(error, Exception) else RuntimeError(repr(error))))["error"]
        yield numbered({"type": "error", "message": why["message"], "code": why["code"], "param": why["param"]})
        return
    answer = job.answered.result()
    for one in reply.events(show(answer, inline_links=links), answer, extras_of(answer)):
        yield numbered(one)
