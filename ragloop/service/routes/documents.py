"""POST /v1/search, and GET /v1/documents: passages, and where they stand."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from ragloop.answering.conversation.screening import screened
from ragloop.corpus.index.predicates import DOCUMENTS
from ragloop.errors import NotFoundError
from ragloop.records import View
from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Asks, Serves
from ragloop.service.serving import Serving
from ragloop.service.visible import sees
from ragloop.service.wire.requests import SearchRequest
from ragloop.service.wire.shown import Json
from ragloop.store import quoted

router = APIRouter()
_DOCUMENT = ["document_id", "uri", "title", "revision", "format", "labels", "spans"]


@router.post("/v1/search")
async def search(body: SearchRequest, caller: Asks, serving: Serves) -> Json:
    """Find passages for another service's generator; nothing is logged."""
    query = screened(body.query).question
    found = await serving.read(serving.app.answering.search, query, body.top_k, caller.labels)
    return {"passages": [asdict(one) for one in found.passages], "generation": found.generation}


@router.get("/v1/documents/{document_id}")
async def document(document_id: str, caller: Asks, serving: Serves, chunk: str = "") -> Json:
    """Return a document as the index holds it, chunk by chunk; `chunk` marks the one that was cited."""
    return await serving.read(_read, serving, document_id, chunk, serving.view_of(caller))


def _read(serving: Serving, document_id: str, chunk: str, viewer: View) -> Json:
    """Read a document that a caller sees; of any other it is not said whether it exists."""
    try:
        index = serving.app.index.snapshot()
    except NotFoundError:
        raise _unknown() from None
    rows = index.read(f"{DOCUMENTS} AND document_id IN ({quoted([document_id])})", _DOCUMENT).to_pylist()
    if not rows or not sees(viewer, rows[0]["labels"]):
        raise _unknown()
    row = rows[0]
    wanted = [one["chunk_id"] for one in row["spans"] or ()]
    held = index.read(f"NOT deleted AND id IN ({quoted(wanted or [''])})", ["id", "text", "heading"]).to_pylist()
    return {"object": "document", **_described(row), "chunks": _chunks(row, {one["id"]: one for one in held}, chunk)}


def _described(row: dict[str, Any]) -> Json:
    names = ("document_id", "uri", "title", "revision", "format")
    return {name: row[name] for name in names}


def _chunks(row: dict[str, Any], held: dict[str, dict[str, Any]], cited: str) -> list[Json]:
    return [
        {
            "chunk_id": one["chunk_id"],
            "start": one["start"],
            "end": one["end"],
            "heading": held[one["chunk_id"]]["heading"],
            "text": held[one["chunk_id"]]["text"],
            "cited": one["chunk_id"] == cited,
        }
        for one in row["spans"] or ()
        if one["chunk_id"] in held
    ]


def _unknown() -> Refused:
    return Refused(404, "found no such document", code="document_not_found")
