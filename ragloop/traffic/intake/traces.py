"""The spans of requests, collected by trace until each trace is done.

The spans of one trace come in several requests, the root mostly last. A trace is done when its root has come and
nothing of it came for some seconds after, or when nothing of it came for a minute.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ragloop.traffic.assembly import exchanges_of
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.formats.otlp import ORIGIN
from ragloop.traffic.steps import Step

log = logging.getLogger(__name__)
AFTER_ROOT_S = 5.0
WITHOUT_ROOT_S = 60.0
MOST_WAITING = 200_000
"""Steps that wait; beyond that the oldest traces are done as they are."""


@dataclass
class Trace:
    """What came of a trace so far, and in which requests."""

    steps: list[Step] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    has_root: bool = False
    last_at: float = 0.0


@dataclass(frozen=True)
class Done:
    """Traces that are done, by their ids."""

    traces: Mapping[str, Trace]

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges; a trace that cannot be put together is left out, and the log of the process says so."""
        for one in self.traces.values():
            try:
                yield from list(exchanges_of(one.steps, ORIGIN))
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
                log.warning("a trace of %d spans was left out: %s", len(one.steps), type(error).__name__)


class TraceIntake:
    """Collects the steps of requests by trace. For one thread at a time."""

    def __init__(self, after_root_s: float = AFTER_ROOT_S, without_root_s: float = WITHOUT_ROOT_S) -> None:
        self._after_root_s, self._without_root_s = after_root_s, without_root_s
        self._waiting: dict[str, Trace] = {}
        self._traces_of = Counter[str]()

    def take(self, steps: Sequence[Step], request: str, now: float) -> None:
        """Take in the steps of a request, at a moment of a clock that does not go back."""
        for step in steps:
            trace = self._waiting.setdefault(step.trace, Trace())
            trace.steps.append(step)
            trace.has_root = trace.has_root or not step.above
            trace.last_at = now
            if trace.requests[-1:] != [request]:
                trace.requests.append(request)
                self._traces_of[request] += 1

    def due(self, now: float) -> Done:
        """Return the traces that are done; what comes of one later begins it anew."""
        done = [name for name, one in self._waiting.items() if now - one.last_at >= self._patience(one)]
        waiting = {name: one for name, one in self._waiting.items() if name not in set(done)}
        left = sum(len(one.steps) for one in waiting.values())
        for name in sorted(waiting, key=lambda name: waiting[name].last_at):
            if left <= MOST_WAITING:
                break
            left -= len(waiting[name].steps)
            done.append(name)
        return Done({name: self._waiting.pop(name) for name in done})

    def rest(self) -> Done:
        """Return all traces as far as they came: the process ends."""
        return self.due(float("inf"))

    def give_back(self, done: Done) -> None:
        """Let traces wait again, which could not be logged, with what came of them meanwhile."""
        for name, one in done.traces.items():
            since = self._waiting.get(name, Trace())
            one.steps += since.steps
            one.requests += since.requests
            one.has_root, one.last_at = one.has_root or since.has_root, max(one.last_at, since.last_at)
            self._waiting[name] = one

    def finish(self, done: Done) -> list[str]:
        """Note that traces are in the log; return the requests of which nothing waits any more."""
        named = Counter(request for one in done.traces.values() for request in one.requests)
        self._traces_of.subtract(named)
        finished = [one for one in named if not self._traces_of[one]]
        for one in finished:
            del self._traces_of[one]
        return finished

    def _patience(self, one: Trace) -> float:
        return self._after_root_s if one.has_root else self._without_root_s
