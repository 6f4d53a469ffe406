"""POST /v1/feedback, and GET /v1/interactions: what was answered, and whether it was right."""

from typing import Any

from fastapi import APIRouter

from ragloop.records import FeedbackKind, View
from ragloop.service.callers import Caller
from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Reads, Serves, Votes
from ragloop.service.serving import Serving
from ragloop.service.visible import seen_answer
from ragloop.service.wire.requests import FeedbackRequest
from ragloop.service.wire.shown import Json
from ragloop.store import quoted

router = APIRouter()
_HIDDEN = frozenset(("labels", "asked_by", "support"))
"""Columns of an answer that are not of its evidence as a caller reads it: what others may see, and digests."""


@router.post("/v1/feedback")
async def feedback(body: FeedbackRequest, caller: Votes, serving: Serves) -> Json:
    """Log whether an answer was right, or the right answer."""
    kind = body.kind or (FeedbackKind.CORRECTION if body.correction else None)
    if kind is None or (kind == FeedbackKind.CORRECTION) != bool(body.correction):
        raise Refused(400, "expected kind up or down, or a correction with the right answer", param="kind")
    view = serving.view_of(caller)
    interaction_id = body.interaction_id or await serving.read(_named, serving, caller, body.conversation, body.message)
    await serving.read(_seen, serving, interaction_id, view)
    feedback_id = await serving.read(serving.app.journal.give_feedback, interaction_id, kind, body.correction)
    serving.figures.count_feedback(kind)
    serving.watch_canaries()
    return {"feedback_id": feedback_id, "interaction_id": interaction_id, "kind": kind}


@router.get("/v1/interactions/{interaction_id}")
async def interaction(interaction_id: str, caller: Reads, serving: Serves) -> Json:
    """Return a logged answer with its evidence and the feedback on it."""
    row = await serving.read(_seen, serving, interaction_id, serving.view_of(caller))
    given = await serving.read(_feedback, serving, interaction_id)
    shown = {name: one for name, one in row.items() if name not in _HIDDEN}
    return {"object": "interaction", **shown, "feedback": given}


def _seen(serving: Serving, interaction_id: str, viewer: View) -> dict[str, Any]:
    """Return the row of an answer that a caller sees; of any other it is not said whether it exists."""
    row = seen_answer(serving.app, interaction_id, viewer, serving.view_of_nobody)
    if row is None:
        raise _unknown()
    return row


def _named(serving: Serving, caller: Caller, conversation: str, message: str) -> str:
    """Return the id of the newest answer in a message of a conversation that a caller sees, of its own if it has one.

    Clients of different callers may give the same names to their messages.
    """
    if not conversation or not message:
        raise Refused(400, "expected an interaction_id, or conversation and message", param="interaction_id")
    where = f"conversation IN ({quoted([conversation])}) AND message IN ({quoted([message])})"
    rows = serving.app.journal.interactions(where, ["interaction_id", "asked_at", "asked_by"]).to_pylist()
    rows.reverse()
    rows.sort(key=lambda row: (row["asked_by"] or "") != caller.name)
    view, nobody = serving.view_of(caller), serving.view_of_nobody
    seen = (one["interaction_id"] for one in rows if seen_answer(serving.app, one["interaction_id"], view, nobody))
    if (found := next(seen, None)) is None:
        raise _unknown()
    return str(found)


def _feedback(serving: Serving, interaction_id: str) -> list[Json]:
    serving.app.journal.fold()
    rows = serving.app.store.rows("feedback", f"interaction_id IN ({quoted([interaction_id])})").sort_by("given_at")
    return [{name: one[name] for name in ("feedback_id", "given_at", "kind", "correction")} for one in rows.to_pylist()]


def _unknown() -> Refused:
    return Refused(404, "found no such interaction", code="interaction_not_found")
