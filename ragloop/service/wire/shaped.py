"""Replies in JSON: an answer written into what `response_format` asks for, or a refusal where it does not fit. Pure."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ragloop.records import Answer
from ragloop.service.refusals import Refused
from ragloop.service.wire.requests import ResponseFormat

Fill = Callable[[Answer], str]
"""Writes an answer as JSON."""
_ANSWER, _SOURCES, _ABSTAINED = ("answer", "text", "response", "content"), ("citations", "sources"), "abstained"
_FIELDS: Mapping[str, tuple[str, Callable[[Answer], Any]]] = {
    **{name: ("string", lambda answer: answer.answer) for name in _ANSWER},
    **{name: ("array", lambda answer: list(dict.fromkeys(one.uri for one in answer.citations))) for name in _SOURCES},
    _ABSTAINED: ("boolean", lambda answer: answer.abstained),
}
"""Fields of a schema that an answer fills: of which type, and with what."""
_EXPECTED = (
    "expected an object with a string `answer` and perhaps `citations` (strings) and `abstained` (boolean), or with "
    "one string"
)


def fill_for(format: ResponseFormat | None) -> Fill | None:
    """Return what writes answers in this format, None for text. Raises Refused where no answer fits it."""
    if format is None or format.type == "text":
        return None
    if format.type == "json_object":
        return lambda answer: _written(answer, {"answer": "answer", "citations": "citations", _ABSTAINED: _ABSTAINED})
    if format.type != "json_schema" or format.json_schema is None:
        raise _unfit(f"found response_format {format.type[:40]!r}")
    fields = _fields(format.json_schema.form)
    return lambda answer: _written(answer, fields)


def _fields(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return what fills each property of a schema."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, dict) or not properties:
        raise _unfit("found a schema of another kind")
    types = {name: one.get("type") if isinstance(one, dict) else None for name, one in properties.items()}
    if list(types.values()) == ["string"]:
        return {next(iter(types)): "answer"}
    needed = set(schema.get("required") or types)
    filled = {name: name for name, kind in types.items() if name in _FIELDS and _FIELDS[name][0] == kind}
    if missing := sorted(needed - filled.keys()):
        raise _unfit(f"found the field {missing[0][:40]!r}, which no answer fills")
    if not any(name in _ANSWER for name in filled):
        raise _unfit("found no field for the answer")
    return filled


def _written(answer: Answer, fields: Mapping[str, str]) -> str:
    return json.dumps({name: _FIELDS[what][1](answer) for name, what in fields.items()}, ensure_ascii=False)


def _unfit(what: str) -> Refused:
    return Refused(400, f"{what}; {_EXPECTED}", param="response_format")
