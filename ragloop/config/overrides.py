"""Settings that differ from those of a home in a few values, as `rerank=off,retrieval.top_k=4` names them."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from ragloop.config.settings import Settings
from ragloop.errors import UsageError

SECTIONS = ("retrieval", "answers", "model", "remote")
"""The tables whose settings decide how a question is answered from an index that is there."""
_ALIASES = {
    "rerank": "retrieval.reranker",
    "floor": "retrieval.min_similarity",
    "generator": "answers.generator",
    "lane": "answers.lane",
}
_WORDS = {
    "retrieval.reranker": {
        **dict.fromkeys(("off", "no", "false", "none"), "none"),
        **dict.fromkeys(("on", "yes", "true", "auto"), "auto"),
    },
    "retrieval.min_similarity": {"auto": "auto"},
}
"""What people write for a value, in any case."""


def overridden(settings: Settings, given: str) -> Settings:
    """Return the settings with what `given` names: name=value, several parted by commas; empty changes nothing.

    A name is that of a setting, with its table or, where no other table has it, without. Raises UsageError for a name
    that does not exist or that decides nothing about an answer, for one given twice, and for a value that is not
    allowed.
    """
    placed: set[str] = set()
    for name, value in _pairs(given):
        place = _place(name)
        if place in placed:
            raise UsageError(f"found {place} twice, expected one value of it")
        placed.add(place)
        table, key = place.split(".")
        settings = settings.model_copy(update={table: _with(getattr(settings, table), table, key, value)})
    return settings


def _pairs(given: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, (one.strip() for one in given.split(","))):
        name, found, value = (one.strip() for one in part.partition("="))
        if not (name and found):
            raise UsageError(f"found {part!r}, expected NAME=VALUE, such as rerank=off or retrieval.top_k=4")
        yield name, value


def _place(name: str) -> str:
    """Return the table and key of a setting that is named in full, without its table, or by an alias."""
    places = names()
    named = _ALIASES.get(name, name)
    found = [one for one in places if one == named or one.partition(".")[2] == named]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"found {name!r}, which may be {' or '.join(found)}; name one of them in full")
    near = difflib.get_close_matches(name, [*places, *_ALIASES], 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UsageError(f"found {name!r}{meant}, expected one of {', '.join((*_ALIASES, *places))}")


def names() -> list[str]:
    """Name the settings that may be given another value, each with its table."""
    return [f"{table}.{key}" for table in SECTIONS for key in _section(table).model_fields]


def _section(table: str) -> type[BaseModel]:
    found = Settings.model_fields[table].annotation
    assert isinstance(found, type)
    assert issubclass(found, BaseModel)
    return found


def _with(section: BaseModel, table: str, key: str, value: str) -> BaseModel:
    """Return a table with another value, checked as a value of the file is."""
    known = _WORDS.get(f"{table}.{key}", {}).get(value.casefold(), value)
    held = section.model_dump()
    try:
        return type(section).model_validate({**held, key: _of_text(known)})
    except ValidationError as error:
        try:
            return type(section).model_validate({**held, key: known})
        except ValidationError:
            raise UsageError(f"{table}.{key} is {value!r}; {error.errors()[0]['msg']}") from None


def _of_text(value: str) -> Any:
    """Return a number, a truth value or a list where the text is one in JSON; else the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
