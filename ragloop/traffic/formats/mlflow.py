"""MLflow: traces as `Trace.to_json` writes them, or as rows of `search_traces`."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragloop.records import FeedbackKind
from ragloop.traffic.assembly import exchanges_of
from ragloop.traffic.exchange import Item, LateVote, Skipped, Vote
from ragloop.traffic.formats.otlp import attributes_of
from ragloop.traffic.formats.spans import step_of
from ragloop.traffic.reading import Read, items_of_each
from ragloop.traffic.steps import Step
from ragloop.traffic.values import Record, decoded, first, text_of, time_of, vote_of

ORIGIN = "mlflow"


def is_mlflow(record: Record) -> bool:
    """Return whether a record is a trace of MLflow."""
    if isinstance(decoded(record.get("info")), Mapping) and "data" in record:
        return True
    return "spans" in record and ("trace_id" in record or "request_id" in record)


def read_mlflow(records: Iterable[Read | Skipped]) -> Iterator[Item]:
    """Yield the exchanges of each trace, and what people said of them."""
    yield from items_of_each(records, _items_of, "a trace of MLflow")


def _items_of(read: Read) -> Iterator[Item]:
    if is_mlflow(read.record):
        yield from _of_trace(*_parts(read.record))
    else:
        yield Skipped(read.place, "found no trace of MLflow, expected `info` and `data`")


def _parts(record: Record) -> tuple[Record, list[Record]]:
    if "data" in record:
        data = decoded(record["data"])
        return decoded(record["info"]), list(data.get("spans") or ())
    return record, list(decoded(record["spans"]) or ())


def _of_trace(info: Record, spans: Iterable[Record]) -> Iterator[Item]:
    trace = str(info.get("trace_id") or info.get("request_id") or "")
    metadata = info.get("trace_metadata") or info.get("request_metadata") or {}
    session = text_of(metadata.get("mlflow.trace.session"), 1) if isinstance(metadata, Mapping) else ""
    steps = [_step(decoded(one), trace, session) for one in spans]
    yield from exchanges_of(steps, ORIGIN)
    for one in decoded(info.get("assessments")) or ():
        yield from _votes(one, trace)


def _step(span: Record, trace: str, session: str) -> Step:
    context = span.get("context")
    context = context if isinstance(context, Mapping) else {}
    name = _id(span.get("span_id") or context.get("span_id"))
    above = _id(first(span, ("parent_span_id", "parent_id")))
    times = (
        first(span, ("start_time_unix_nano", "start_time", "start_time_ns")),
        first(span, ("end_time_unix_nano", "end_time", "end_time_ns")),
    )
    attributes = {one: decoded(value) for one, value in attributes_of(span.get("attributes")).items()}
    if session:
        attributes.setdefault("mlflow.trace.session", session)
    return step_of((trace or _id(span.get("trace_id")), name, above), times, attributes, ())


def _id(value: Any) -> str:
    """Return the name of a span in one form: exports write it in hexadecimal, or the bytes of it in base 64."""
    text = text_of(value, 1).removeprefix("0x")
    if len(text) == 12 or text.endswith("="):
        try:
            return base64.b64decode(text, validate=True).hex()
        except (ValueError, binascii.Error):
            return text
    return text


def _votes(record: Record, trace: str) -> Iterator[LateVote]:
    """Yield what an assessment says, unless a model or a program gave it."""
    source = record.get("source") or {}
    if str(source.get("source_type", "HUMAN")).upper() != "HUMAN" or record.get("valid") is False:
        return
    about = tuple(filter(None, (f"{trace}:{_id(record.get('span_id'))}" if record.get("span_id") else "", trace)))
    at = time_of(first(record, ("create_time", "create_time_ms", "last_update_time")))
    name = str(record.get("assessment_id") or record.get("assessment_name") or record.get("name"))
    expected = record.get("expectation")
    if isinstance(expected, Mapping):
        if text := text_of(expected.get("value")):
            yield LateVote(ORIGIN, about, Vote(FeedbackKind.CORRECTION, text, at, name))
        return
    said = record.get("feedback")
    kind = vote_of(said.get("value")) if isinstance(said, Mapping) else None
    if kind is not None:
        yield LateVote(ORIGIN, about, Vote(kind, None, at, name))
