"""Spans as services send them while they run: OTLP over HTTP, in JSON or protobuf.

The spans of one trace come in several requests, the root mostly last. A trace is done when its root has come and
nothing of it came for some seconds after, or when nothing of it came for a minute. What waits is in memory: a process
that dies loses the traces of its last minute at most, which the service's own export has still.
"""

import json
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ragloop.errors import UsageError
from ragloop.traffic.assembly import exchanges_of
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.formats.otlp import ORIGIN, steps_of
from ragloop.traffic.formats.otlp_protobuf import spans_of_protobuf
from ragloop.traffic.steps import Step

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
AFTER_ROOT_S = 5.0
WITHOUT_ROOT_S = 60.0
MOST_BYTES = 64 * 2**20
"""Of a request after it is unpacked."""
MOST_WAITING = 200_000
"""Steps that wait; beyond that the oldest traces are done as they are."""


@dataclass
class _Waiting:
    steps: list[Step] = field(default_factory=list)
    has_root: bool = False
    last_at: float = 0.0


class TraceIntake:
    """Collects the spans of requests by trace until each is done. Threads may share it."""

    def __init__(self, after_root_s: float = AFTER_ROOT_S, without_root_s: float = WITHOUT_ROOT_S) -> None:
        self._after_root_s, self._without_root_s = after_root_s, without_root_s
        self._waiting: dict[str, _Waiting] = {}
        self._steps = 0
        self._lock = threading.Lock()

    def take(self, body: bytes, content_type: str, encoding: str, now: float) -> int:
        """Take in a request, at a moment of a clock that does not go back; return how many spans it had.

        Raises UsageError where it cannot be read; then nothing of it is taken.
        """
        steps = read_request(body, content_type, encoding)
        with self._lock:
            for step in steps:
                waiting = self._waiting.setdefault(step.trace, _Waiting())
                waiting.steps.append(step)
                waiting.has_root = waiting.has_root or not step.above
                waiting.last_at = now
            self._steps += len(steps)
        return len(steps)

    def due(self, now: float) -> list[Exchange]:
        """Return the exchanges of the traces that are done, and keep them no longer."""
        with self._lock:
            done = [trace for trace, one in self._waiting.items() if now - one.last_at >= self._patience(one)]
            oldest = sorted(self._waiting.keys() - done, key=lambda trace: self._waiting[trace].last_at)
            left = self._steps - sum(len(self._waiting[one].steps) for one in done)
            while left > MOST_WAITING:
                done.append(oldest.pop(0))
                left -= len(self._waiting[done[-1]].steps)
            self._steps = left
            taken = [self._waiting.pop(trace).steps for trace in done]
        return [exchange for steps in taken for exchange in exchanges_of(steps, ORIGIN)]

    def rest(self) -> list[Exchange]:
        """Return the exchanges of all traces as far as they came: the process ends."""
        return self.due(float("inf"))

    def _patience(self, one: _Waiting) -> float:
        return self._after_root_s if one.has_root else self._without_root_s


def read_request(body: bytes, content_type: str, encoding: str) -> Sequence[Step]:
    """Return the steps of a request. Raises UsageError, with what was found."""
    try:
        data = _unpacked(body, encoding)
        kind = content_type.partition(";")[0].strip().lower()
        if kind == PROTOBUF:
            record = spans_of_protobuf(data)
        elif kind == JSON:
            record = json.loads(data)
        else:
            raise ValueError(f"the content type {kind or 'of nothing'}")
        return list(steps_of(record)) if record else []
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, OSError, EOFError, zlib.error) as error:
        found = " ".join(str(error).split())[:200]
        raise UsageError(f"found {found}; expected spans of OTLP as {PROTOBUF} or {JSON}") from None


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() in ("", "identity"):
        data = body
    elif encoding.strip().lower() == "gzip":
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        data = unpacker.decompress(body, MOST_BYTES + 1)
        if not unpacker.eof and len(data) <= MOST_BYTES:
            raise ValueError("a packed body that is cut off")
    else:
        raise ValueError(f"the content encoding {encoding}")
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return data


def accepted(content_type: str) -> tuple[bytes, str]:
    """Return the body and the content type of the answer to a request that was taken in whole."""
    return (b"", PROTOBUF) if content_type.partition(";")[0].strip().lower() == PROTOBUF else (b"{}", JSON)
