"""Spans as OTLP JSON, as the SDK of OpenTelemetry prints them, and as Phoenix exports them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragloop.traffic.assembly import Traces
from ragloop.traffic.exchange import Item, Skipped
from ragloop.traffic.formats.spans import step_of
from ragloop.traffic.reading import Read, items_of_each
from ragloop.traffic.steps import Step
from ragloop.traffic.values import Record

ORIGIN = "otlp"
_LISTS = ("resourceSpans", "resource_spans")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")


def is_otlp(record: Record) -> bool:
    """Return whether a record holds spans of OpenTelemetry."""
    if any(one in record for one in _LISTS) or "context.trace_id" in record:
        return True
    context = record.get("context")
    return (isinstance(context, Mapping) and "trace_id" in context) or ("spanId" in record and "traceId" in record)


def read_otlp(records: Iterable[Read | Skipped]) -> Iterator[Item]:
    """Yield the exchanges of spans, once all of them are read."""
    traces = Traces(ORIGIN)

    def items_of(read: Read) -> tuple[Item, ...]:
        for step in steps_of(read.record):
            traces.add(step)
        return ()

    yield from items_of_each(records, items_of, "spans of OpenTelemetry")
    yield from traces.exchanges()


def steps_of(record: Record) -> Iterator[Step]:
    """Yield the steps of the spans of a record. Raises ValueError where there are none."""
    return map(step_of_span, spans_of(record))


def spans_of(record: Record) -> Iterator[Record]:
    """Yield the spans of a record."""
    held = next((record[one] for one in _LISTS if one in record), None)
    if held is None:
        yield record
        return
    for resource in held:
        for scope in next((resource[one] for one in _SCOPES if one in resource), ()):
            yield from scope.get("spans", ())


def step_of_span(span: Record) -> Step:
    """Return the step of a span, as OTLP or as the SDK writes it. Raises LookupError, TypeError or ValueError."""
    return _of_span(span) if "spanId" in span else _of_printed(span)


def _of_span(span: Record) -> Step:
    ids = (_id(span["traceId"]), _id(span["spanId"]), _id(span.get("parentSpanId")))
    if not (ids[0] and ids[1]):
        raise ValueError("no traceId or spanId")
    times = (span.get("startTimeUnixNano"), span.get("endTimeUnixNano"))
    events = [{**one, "attributes": attributes_of(one.get("attributes"))} for one in span.get("events") or ()]
    return step_of(ids, times, attributes_of(span.get("attributes")), events)


def _of_printed(record: Record) -> Step:
    """Return the step of a span that has a context, or names that begin with it."""
    context = record.get("context")
    if not isinstance(context, Mapping):
        context = {one: record.get(f"context.{one}") for one in ("trace_id", "span_id")}
    ids = (_id(context["trace_id"]), _id(context["span_id"]), _id(record.get("parent_id")))
    if not (ids[0] and ids[1]):
        raise ValueError("no trace_id or span_id in its context")
    times = (record.get("start_time"), record.get("end_time"))
    return step_of(ids, times, _printed_attributes(record), record.get("events") or ())


def _printed_attributes(record: Record) -> dict[str, Any]:
    found = {
        name.removeprefix("attributes."): value for name, value in record.items() if name.startswith("attributes.")
    }
    held = record.get("attributes")
    found |= dict(_flattened("", held)) if isinstance(held, Mapping) else {}
    if "span_kind" in record:
        found.setdefault("openinference.span.kind", record["span_kind"])
    return {name: value for name, value in found.items() if value is not None}


def _flattened(prefix: str, held: Record) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested records under their names with points between."""
    waiting: list[tuple[str, Any]] = [(prefix, held)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name}.{one}" if name else str(one), inner) for one, inner in value.items()]
        else:
            yield name, value


def attributes_of(listed: Any) -> dict[str, Any]:
    """Return attributes as OTLP writes them, a list of keys and typed values, as a record."""
    if isinstance(listed, Mapping):
        return dict(listed)
    return {one["key"]: _value(one.get("value") or {}) for one in listed or ()}


def _value(value: Record) -> Any:
    for name, held in value.items():
        if name == "arrayValue":
            return [_value(one) for one in (held or {}).get("values", ())]
        if name == "kvlistValue":
            return attributes_of((held or {}).get("values", ()))
        if name == "intValue":
            return int(held)
        return held
    return None


def _id(value: Any) -> str:
    return str(value).removeprefix("0x") if value else ""
