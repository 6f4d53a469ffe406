"""Replies to requests for a text: whole, or streamed while the answer is written."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request
from starlette.responses import JSONResponse, Response

from ragloop.records import Answer
from ragloop.service.jobs import Job
from ragloop.service.refusals import refusal_of, refused
from ragloop.service.wire.events import DONE, PING, EventStream, event
from ragloop.service.wire.replies import Reply, extras_of, usage_of
from ragloop.service.wire.shaped import Fill
from ragloop.service.wire.shown import Shown, of_text, show

EARLY_S = 0.25
"""What fails within so long is said by the status of the reply; afterwards the stream has begun."""
LOOK_S = 0.25
"""How often it is looked whether a caller still waits."""
GONE = 499
"""The status that a caller who has gone does not see, and that is counted."""


@dataclass(frozen=True)
class Wanted:
    """How a caller wants an answer. `fill` writes it as JSON; `notes` say what of the request is not followed."""

    model: str
    inline_links: bool
    stops: tuple[str, ...] = ()
    most_words: int | None = None
    fill: Fill | None = None
    usage: bool = False
    notes: tuple[str, ...] = ()
    chat: bool = True

    def reply(self) -> Reply:
        """Begin a reply."""
        return Reply(f"{'chatcmpl' if self.chat else 'cmpl'}-{uuid4().hex}", int(time.time()), self.model, self.chat)

    def shown(self, answer: Answer) -> Shown:
        """Return what the caller gets of an answer."""
        if self.fill:
            return of_text(self.fill(answer))
        return show(answer, inline_links=self.inline_links, stops=self.stops, most_words=self.most_words)


async def waited_for(http: Request, job: Job) -> Answer | None:
    """Return the answer, or None where the caller left before it was there."""
    while not (await asyncio.wait([job.answered], timeout=LOOK_S))[0]:
        if await http.is_disconnected():
            return None
    return job.answered.result()


async def whole(http: Request, job: Job, wanted: Wanted) -> Response:
    """Reply with the whole answer."""
    job.read()
    delivered = False
    try:
        answer = await waited_for(http, job)
        if answer is None:
            return Response(status_code=GONE)
        shown = wanted.shown(answer)
        if not shown.whole:
            await job.cut_by_request()
        delivered = shown.whole
        return JSONResponse(wanted.reply().whole(shown, usage_of(answer), extras_of(answer, wanted.notes)))
    finally:
        await job.left(whole=delivered)


async def streamed(job: Job, wanted: Wanted, ping_s: float) -> Response:
    """Reply with a stream, which begins before the answer is there."""
    job.read()
    await asyncio.wait([job.answered], timeout=EARLY_S)
    if job.answered.done() and job.answered.exception():
        await job.left(whole=False)
        job.answered.result()
    return EventStream(_parts(job, wanted, ping_s), lambda all_sent: job.left(whole=all_sent))


async def _parts(job: Job, wanted: Wanted, ping_s: float) -> AsyncIterator[bytes]:
    reply, cost = wanted.reply(), {"usage": None} if wanted.usage else {}
    if wanted.chat:
        yield event(reply.begun() | cost)
    while not (await asyncio.wait([job.answered], timeout=ping_s))[0]:
        yield PING
    error = job.answered.exception()
    if error is not None:
        # An error that only ends the stream would be taken for the end of the answer.
        yield event(refused(refusal_of(error if isinstance(error, Exception) else RuntimeError(repr(error)))))
        return
    answer = job.answered.result()
    shown = wanted.shown(answer)
    if not shown.whole:
        await job.cut_by_request()
    for chunk in reply.chunks(shown, extras_of(answer, wanted.notes)):
        yield event(chunk | cost)
    if wanted.usage:
        yield event(reply.usage(usage_of(answer)))
    yield DONE


def to_client(text: str, wanted: Wanted, *, stream: bool) -> Response:
    """Reply to a call that a chat client made on its own; nothing of it is logged."""
    reply, shown, usage = wanted.reply(), of_text(text), usage_of(None)
    extras = {
        "ragloop": {
            "interaction_id": None,
            "citations": [],
            "lane": None,
            "adapter": None,
            "abstained": False,
            "notes": ["a call of the chat client itself: answered without a search, and not logged"],
        }
    }
    if not stream:
        return JSONResponse(reply.whole(shown, usage, extras))

    async def parts() -> AsyncIterator[bytes]:
        yield event(reply.begun())
        for chunk in reply.chunks(shown, extras):
            yield event(chunk)
        if wanted.usage:
            yield event(reply.usage(usage))
        yield DONE

    return EventStream(parts(), _nothing)


async def _nothing(all_sent: bool) -> None:
    """Note nothing: there is no answer to log."""
