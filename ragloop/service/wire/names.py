"""The models that clients choose from: the lanes, each also with links below its answers. Pure."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from ragloop.answering.lanes import LANES
from ragloop.records import LaneName
from ragloop.service.refusals import Refused
from ragloop.service.wire.shown import Json

NAME = "ragloop"
LINKS = ":links"
"""Ends the name of a model whose answers have their sources as numbered links below the text."""


@dataclass(frozen=True)
class Model:
    """What a client chose; without a lane that of the settings answers."""

    name: str
    lane: LaneName | None
    inline_links: bool


def model_of(name: str) -> Model:
    """Return the model of this name; without one, the default. Raises Refused for one that does not exist."""
    plain = name.removesuffix(LINKS) or NAME
    lane = plain.removeprefix(f"{NAME}/")
    if plain != NAME and lane not in LANES:
        raise no_such_model(name)
    return Model(name or NAME, None if plain == NAME else LaneName(lane), name.endswith(LINKS))


def no_such_model(name: str) -> Refused:
    """Return the refusal of a model that does not exist."""
    return Refused(404, f"found no model {name[:80]!r}; /v1/models lists all", code="model_not_found", param="model")


def names(served: Set[LaneName]) -> list[str]:
    """List the names of all models; lanes that need an adapter only where one of these is served by one."""
    lanes = [one.name for one in LANES.values() if one.name in served or not one.needs_adapter]
    plain = [NAME, *(f"{NAME}/{one}" for one in lanes)]
    return [*plain, *(f"{one}{LINKS}" for one in plain)]


def model_object(name: str, created: int) -> Json:
    """Write a model as /v1/models lists it."""
    return {"id": name, "object": "model", "created": created, "owned_by": NAME}


def model_list(found: Iterable[str], created: int) -> Json:
    """Write the list of models."""
    return {"object": "list", "data": [model_object(one, created) for one in found]}
