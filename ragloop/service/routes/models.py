"""GET /v1/models, and POST /v1/embeddings."""

import base64
import time

import numpy as np
from fastapi import APIRouter

from ragloop.models import Embedder, Vectors
from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Asks, Serves
from ragloop.service.serving import Serving
from ragloop.service.wire.names import model_list, model_object, names, no_such_model
from ragloop.service.wire.requests import EmbeddingRequest
from ragloop.service.wire.shown import Json

router = APIRouter()


@router.get("/v1/models")
async def models(caller: Asks, serving: Serves) -> Json:
    """List the models that a caller may name."""
    return model_list(await _names(serving), _created())


@router.get("/v1/models/{name:path}")
async def model(name: str, caller: Asks, serving: Serves) -> Json:
    """Describe a model."""
    if name not in await _names(serving):
        raise no_such_model(name)
    return model_object(name, _created())


async def _names(serving: Serving) -> list[str]:
    by_lane = await serving.read(serving.app.registry.aliases.by_lane)
    return names(frozenset(lane for lane, one in by_lane.items() if one.champion_id or one.challenger))


def _created() -> int:
    return int(time.time())


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingRequest, caller: Asks, serving: Serves) -> Json:
    """Embed texts as the index has them embedded."""
    texts = body.texts
    embedder = (await serving.read(serving.app.parts.active)).embedder
    if body.dimensions not in (None, embedder.dimension):
        raise Refused(400, f"found other dimensions; expected {embedder.dimension}", param="dimensions")
    vectors, tokens = await serving.read(_embedded, embedder, texts)
    data = [
        {"object": "embedding", "index": n, "embedding": _written(one, body.encoding_format)}
        for n, one in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body.model or embedder.fingerprint, "usage": usage}


def _embedded(embedder: Embedder, texts: list[str]) -> tuple[Vectors, int]:
    return embedder.embed(texts), sum(embedder.count_tokens(texts))


def _written(vector: Vectors, encoding: str | None) -> str | list[float]:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = np.asarray(vector, np.float64).tolist()
    return numbers
