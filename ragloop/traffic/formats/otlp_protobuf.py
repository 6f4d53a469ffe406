"""OTLP in protobuf → the same records as OTLP in JSON; reads the wire format, so that no compiled messages are needed.

Field numbers are those of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto, which are stable.
"""

import struct
from collections.abc import Iterator
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_NESTED = 16
_LONGEST_VARINT = 10
Field = tuple[int, Any]


def spans_of_protobuf(body: bytes) -> dict[str, Any]:
    """Return the spans of an ExportTraceServiceRequest as a record. Raises ValueError where it is none."""
    spans = [
        _span(span)
        for resource in _messages(body, 1)
        for scope in _messages(resource, 2)
        for span in _messages(scope, 2)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def written(number: int, value: int | str | bytes) -> bytes:
    """Write a field of a message; nothing for a value that a message without the field has."""
    if not value:
        return b""
    if isinstance(value, int):
        return _as_varint(number << 3 | _VARINT) + _as_varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(data)) + data


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _span(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"attributes": {}, "events": []}
    for number, value in _fields(data):
        match number:
            case 1 | 2 | 4:
                found[{1: "traceId", 2: "spanId", 4: "parentSpanId"}[number]] = _bytes(value).hex()
            case 7 | 8:
                found["startTimeUnixNano" if number == 7 else "endTimeUnixNano"] = value
            case 9:
                found["attributes"] |= _key_value(_bytes(value), 0)
            case 11:
                found["events"].append(_event(_bytes(value)))
    return found


def _event(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"attributes": {}}
    for number, value in _fields(data):
        match number:
            case 1:
                found["timeUnixNano"] = value
            case 2:
                found["name"] = _text(value)
            case 3:
                found["attributes"] |= _key_value(_bytes(value), 0)
    return found


def _key_value(data: bytes, nested: int) -> dict[str, Any]:
    key, value = "", None
    for number, held in _fields(data):
        if number == 1:
            key = _text(held)
        elif number == 2:
            value = _any_value(_bytes(held), nested)
    return {key: value}


def _any_value(data: bytes, nested: int) -> Any:
    if nested > _MOST_NESTED:
        raise ValueError(f"values nested more than {_MOST_NESTED} deep")
    for number, value in _fields(data):
        match number:
            case 1:
                return _text(value)
            case 2:
                return bool(value)
            case 3:
                return value - (1 << 64) if value >> 63 else value
            case 4:
                return struct.unpack("<d", struct.pack("<Q", value))[0]
            case 5:
                return [_any_value(one, nested + 1) for one in _messages(_bytes(value), 1)]
            case 6:
                pairs = (_key_value(one, nested + 1) for one in _messages(_bytes(value), 1))
                return {key: held for pair in pairs for key, held in pair.items()}
            case 7:
                return _bytes(value).hex()
    return None


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    return (_bytes(value) for number, value in _fields(data) if number == wanted)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a message was expected")
    return value


def _text(value: Any) -> str:
    return _bytes(value).decode("utf-8", "replace")


def _fields(data: bytes) -> Iterator[Field]:
    """Yield the number and the value of each field: an integer, or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"fields of the unknown kind {kind}")
        if at + length > len(data):
            raise ValueError("a field that goes on behind the end of the data")
        held = data[at : at + length]
        yield tag >> 3, held if kind == _BYTES else int.from_bytes(held, "little")
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for position in range(at, min(at + _LONGEST_VARINT, len(data))):
        found |= (data[position] & 0x7F) << 7 * (position - at)
        if not data[position] & 0x80:
            return found, position + 1
    raise ValueError("a number that does not end")
