"""POST /v1/chat/completions, and its older form /v1/completions."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Asks, Serves, origin_of, request_of
from ragloop.service.routes.texts import Wanted, streamed, to_client, whole
from ragloop.service.serving import Asked
from ragloop.service.wire.client_calls import reply_to_client
from ragloop.service.wire.names import model_of
from ragloop.service.wire.requests import ChatRequest, CompletionRequest, Generation
from ragloop.service.wire.shaped import fill_for

router = APIRouter()
_NO_TOOLS = "tools are not called: the answer comes from the documents"


@router.post("/v1/chat/completions")
async def chat(http: Request, body: ChatRequest, caller: Asks, serving: Serves) -> Response:
    """Answer the last message of the user."""
    model = model_of(body.model)
    _must_be_single(body)
    _must_not_need_tools(body.tool_choice)
    question = body.question
    wanted = Wanted(
        model.name,
        model.inline_links or caller.inline_links,
        body.stops,
        body.max_completion_tokens or body.max_tokens,
        fill_for(body.response_format),
        body.wants_usage,
        (_NO_TOOLS,) if body.tools or body.functions else (),
    )
    own = reply_to_client(body.messages)
    if own is not None:
        return to_client(own, wanted, stream=bool(body.stream))
    asked = Asked(question, model.lane, caller, origin_of(http, caller, body.metadata), body.conversation)
    job = serving.ask(asked, request_of(http, caller))
    return await (streamed(job, wanted, serving.ping_s) if body.stream else whole(http, job, wanted))


@router.post("/v1/completions")
async def completions(http: Request, body: CompletionRequest, caller: Asks, serving: Serves) -> Response:
    """Answer the prompt."""
    model = model_of(body.model)
    _must_be_single(body)
    links = model.inline_links or caller.inline_links
    wanted = Wanted(model.name, links, body.stops, body.max_tokens, usage=body.wants_usage, chat=False)
    asked = Asked(body.question, model.lane, caller, origin_of(http, caller, body.metadata))
    job = serving.ask(asked, request_of(http, caller))
    return await (streamed(job, wanted, serving.ping_s) if body.stream else whole(http, job, wanted))


def _must_be_single(body: Generation) -> None:
    if body.n not in (None, 1):
        raise Refused(400, f"found n = {body.n}; expected 1: there is one answer to a question", param="n")


def _must_not_need_tools(tool_choice: object) -> None:
    if tool_choice not in (None, "none", "auto"):
        raise Refused(400, "found a tool_choice that requires a call; no tools are called here", param="tool_choice")
