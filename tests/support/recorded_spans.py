"""A provider of OpenTelemetry's API that records what ragloop traces. A process can have one provider only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, Span, Status, Tracer, TracerProvider


class RecordedSpan(NonRecordingSpan):
    """A span that keeps its name, attributes and parent, and the status that it ended with."""

    def __init__(self, name: str, attributes: dict[str, object], parent: Span) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.attributes, self.status = name, attributes, ""
        self.parent = parent.name if isinstance(parent, RecordedSpan) else ""

    def set_status(self, status: Status, description: str | None = None) -> None:
        self.status = f"{status.status_code.name} {status.description or description or ''}"


@dataclass
class Spans(Tracer, TracerProvider):
    """The spans that ragloop ended, in that order; those of libraries are not recorded."""

    ended: list[RecordedSpan] = field(default_factory=list)

    def get_tracer(self, instrumenting_module_name: str, *args, **kwargs) -> Tracer:
        return self if instrumenting_module_name == "ragloop" else NoOpTracer()

    def start_span(self, name, context=None, kind=None, attributes=None, *args, **kwargs) -> RecordedSpan:
        return RecordedSpan(name, dict(attributes or {}), trace.get_current_span(context))

    @contextmanager
    def start_as_current_span(self, name, context=None, kind=None, attributes=None, *args, **kwargs) -> Iterator[Span]:
        span = self.start_span(name, context, kind, attributes)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield span
        finally:
            self.ended.append(span)

    def named(self, name: str) -> list[RecordedSpan]:
        return [one for one in self.ended if one.name == name]


@cache
def _provider() -> Spans:
    provider = Spans()
    trace.set_tracer_provider(provider)
    return provider


def recording() -> Spans:
    """Return the provider of this process, with nothing recorded yet."""
    provider = _provider()
    provider.ended.clear()
    return provider
