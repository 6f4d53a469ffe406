"""POST /v1/feedback, and GET /v1/interactions: what was answered, and whether it was right."""

from typing import Any

from fastapi import APIRouter

from ragloop.errors import NotFoundError
from ragloop.records import FeedbackKind, View
from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Reads, Serves, Votes
from ragloop.service.serving import Serving
from ragloop.service.visible import are_in_view, asker_of, covers
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
    interaction_id = body.interaction_id or await serving.read(_named, serving, body.conversation, body.message)
    await serving.read(_seen, serving, interaction_id, view)
    feedback_id = await serving.read(serving.app.journal.give_feedback, interaction_id, kind, body.correction)
    serving.figures.count_feedback(kind)
    return {"feedback_id": feedback_id, "interaction_id": interaction_id, "kind": kind}


@router.get("/v1/interactions/{interaction_id}")
async def interaction(interaction_id: str, caller: Reads, serving: Serves) -> Json:
    """Return a logged answer with its evidence and the feedback on it."""
    row = await serving.read(_seen, serving, interaction_id, serving.view_of(caller))
    given = await serving.read(_feedback, serving, interaction_id)
    shown = {name: one for name, one in row.items() if name not in _HIDDEN}
    return {"object": "interaction", **shown, "feedback": given}


def _seen(serving: Serving, interaction_id: str, viewer: View) -> dict[str, Any]:
    """Return the row of an answer that a caller sees; of any other it is not said whether it exists.

    The index is asked in any case, so that the time of a refusal does not tell either.
    """
    row = _row(serving, interaction_id)
    documents = {one["document_id"] or "" for one in row["passages"] or ()} if row else {""}
    in_view = are_in_view(serving.app.index, documents, viewer)
    if row is None or not in_view or not covers(viewer, asker_of(row, serving.view_of_nobody)):
        raise _unknown()
    return row


def _row(serving: Serving, interaction_id: str) -> dict[str, Any] | None:
    try:
        return serving.app.journal.answer(interaction_id)
    except NotFoundError:
        return None


def _named(serving: Serving, conversation: str, message: str) -> str:
    """Return the id of the newest answer in a message of a conversation."""
    if not conversation or not message:
        raise Refused(400, "expected an interaction_id, or conversation and message", param="interaction_id")
    where = f"conversation IN ({quoted([conversation])}) AND message IN ({quoted([message])})"
    found = serving.app.journal.interactions(where, ["interaction_id", "asked_at"])["interaction_id"].to_pylist()
    if not found:
        raise _unknown()
    return str(found[-1])


def _feedback(serving: Serving, interaction_id: str) -> list[Json]:
    serving.app.journal.fold()
    rows = serving.app.store.rows("feedback", f"interaction_id IN ({quoted([interaction_id])})").sort_by("given_at")
    return [{name: one[name] for name in ("feedback_id", "given_at", "kind", "correction")} for one in rows.to_pylist()]


def _unknown() -> Refused:
    return Refused(404, "found no such interaction", code="interaction_not_found")
