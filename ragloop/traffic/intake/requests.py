"""Requests of OTLP over HTTP: what is read of one, and the bodies of the replies to it. Pure.

Replies follow opentelemetry-proto/docs/specification.md: a request that is taken in part names how many spans were
rejected and why, and is not sent again; a refusal carries a Status.
"""

import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from ragloop.errors import UsageError
from ragloop.traffic.formats.otlp import spans_of, step_of_span
from ragloop.traffic.formats.otlp_protobuf import spans_of_protobuf, written
from ragloop.traffic.steps import Step

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
MOST_BYTES = 64 * 2**20
"""Of a request after it is unpacked."""
_BROKEN = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14
"""Codes of a Status, as gRPC numbers them."""


@dataclass(frozen=True)
class Request:
    """A request as it was sent: its body, and the headers that say how to read it."""

    body: bytes
    content_type: str
    encoding: str

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Spans:
    """The steps of a request; so many of its spans were `rejected`, the first of them because of `problem`."""

    steps: tuple[Step, ...] = ()
    rejected: int = 0
    problem: str = ""


def read_request(request: Request) -> Spans:
    """Return the spans of a request; one that is broken is rejected, and no other with it.

    Raises UsageError where nothing can be read.
    """
    try:
        data = unpacked(request.body, request.encoding)
        if request.kind == PROTOBUF:
            record = spans_of_protobuf(data)
        elif request.kind == JSON:
            record = json.loads(data)
        else:
            raise ValueError(f"the content type {request.kind or 'of nothing'}")
        return _steps(list(spans_of(record)) if record else [])
    except _BROKEN as error:
        raise UsageError(f"found {_short(error)}; expected spans of OTLP as {PROTOBUF} or {JSON}") from None


def _steps(spans: list[Any]) -> Spans:
    steps, problems = list[Step](), list[str]()
    for span in spans:
        try:
            steps.append(step_of_span(span))
        except _BROKEN as error:
            problems.append(_short(error))
    why = f"a span cannot be read: {problems[0]}" if problems else ""
    return Spans(tuple(steps), len(problems), why)


def _short(error: Exception) -> str:
    told = f"no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(told.split())[:200]


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body as it was before it was packed. Raises ValueError where it is too large or broken."""
    if encoding.strip().lower() in ("", "identity"):
        data = body
    elif encoding.strip().lower() == "gzip":
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            data = unpacker.decompress(body, MOST_BYTES + 1)
        except zlib.error as error:
            raise ValueError(f"a packed body that is broken ({error})") from None
        if not unpacker.eof and len(data) <= MOST_BYTES:
            raise ValueError("a packed body that is cut off")
    else:
        raise ValueError(f"the content encoding {encoding}")
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return data


def accepted(request: Request, spans: Spans) -> tuple[bytes, str]:
    """Return body and content type of the reply to a request that was taken in, in the kind of the request."""
    if request.kind == PROTOBUF:
        part = written(1, spans.rejected) + written(2, spans.problem)
        return written(1, part), PROTOBUF
    told = {"rejectedSpans": str(spans.rejected), "errorMessage": spans.problem}
    return json.dumps({"partialSuccess": told} if spans.rejected else {}).encode(), JSON


def refused(request: Request, message: str, *, passing: bool) -> tuple[bytes, str]:
    """Return body and content type of a refusal; a `passing` one is worth another try."""
    code = _UNAVAILABLE if passing else _INVALID_ARGUMENT
    if request.kind == PROTOBUF:
        return written(1, code) + written(2, message), PROTOBUF
    return json.dumps({"code": code, "message": message}).encode(), JSON
