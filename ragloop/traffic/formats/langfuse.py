"""Langfuse: exported observations, traces with their observations, and scores.

Exports of a project are folders of lines (`observations_v2/`, `scores/`); the API gives a trace with both inside.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragloop.records import FeedbackKind
from ragloop.traffic.assembly import Traces
from ragloop.traffic.exchange import Item, LateVote, Skipped, Vote
from ragloop.traffic.reading import Read, items_of_each
from ragloop.traffic.steps import Step, Work
from ragloop.traffic.values import (
    Record,
    count_of,
    decoded,
    first,
    messages_text,
    number_of,
    passages_of,
    question_of,
    text_of,
    time_of,
    vote_of,
)

ORIGIN = "langfuse"
_WORKS = {"RETRIEVER": Work.RETRIEVE, "RERANKER": Work.RERANK, "GENERATION": Work.GENERATE}
_TRACE = ("traceId", "trace_id")
_ABOVE = ("parentObservationId", "parent_observation_id")
_CONVERSATION = ("sessionId", "session_id")
_MODEL = ("model", "providedModelName", "provided_model_name", "internalModel")
_USAGE = ("usageDetails", "usage_details", "usage")
_COST = ("costDetails", "cost_details")
_TOTAL = ("totalCost", "total_cost", "calculatedTotalCost", "calculated_total_cost", "totalPrice")
_JUDGES = ("EVAL",)


def is_langfuse(record: Record) -> bool:
    """Return whether a record is an observation, a trace with observations, or a score."""
    return _is_observation(record) or _is_trace(record) or _is_score(record)


def _is_observation(record: Record) -> bool:
    return first(record, _TRACE) is not None and "type" in record and ("startTime" in record or "start_time" in record)


def _is_trace(record: Record) -> bool:
    return isinstance(record.get("observations"), list) and "id" in record


def _is_score(record: Record) -> bool:
    return first(record, _TRACE) is not None and "name" in record and ("dataType" in record or "data_type" in record)


def read_langfuse(records: Iterable[Read | Skipped]) -> Iterator[Item]:
    """Yield the exchanges of observations once all of them are read, and the scores that people gave."""
    traces = Traces(ORIGIN)

    def items_of(read: Read) -> Iterator[Item]:
        record = read.record
        if _is_trace(record):
            for step in _steps_of_trace(record):
                traces.add(step)
            yield from (vote for one in record.get("scores") or () for vote in _votes(one))
        elif _is_score(record):
            yield from _votes(record)
        elif _is_observation(record):
            traces.add(_step(record))
        else:
            yield Skipped(read.place, "found neither an observation nor a trace nor a score of Langfuse")

    yield from items_of_each(records, items_of, "one of Langfuse")
    yield from traces.exchanges()


def _steps_of_trace(record: Record) -> Iterator[Step]:
    """Yield the trace itself as a step, which holds what was asked and answered, and its observations below it."""
    trace = str(record["id"])
    observations = [one for one in record["observations"] if isinstance(one, Mapping)]
    whole = Step(
        trace=trace,
        name=trace,
        above="",
        work=Work.OTHER,
        question=question_of(record.get("input")),
        answer=text_of(record.get("output")),
        began=time_of(record.get("timestamp")),
        conversation=text_of(first(record, _CONVERSATION), 1),
    )
    yield whole
    for one in observations:
        step = _step({"traceId": trace, **one})
        yield step if step.above else _below(step, trace)


def _below(step: Step, above: str) -> Step:
    return Step(**{**vars(step), "above": above})


def _step(record: Record) -> Step:
    work = _WORKS.get(str(record.get("type", "")).upper(), Work.OTHER)
    usage = decoded(first(record, _USAGE))
    usage = usage if isinstance(usage, Mapping) else {}
    output = decoded(record.get("output"))
    return Step(
        trace=str(first(record, _TRACE)),
        name=str(record["id"]),
        above=text_of(first(record, _ABOVE), 1),
        work=work,
        question=question_of(record.get("input")),
        answer="" if work in (Work.RETRIEVE, Work.RERANK) else text_of(output),
        shown=_shown(output, work),
        prompt=messages_text(record.get("input")) if work is Work.GENERATE else "",
        model=text_of(first(record, _MODEL), 1),
        began=time_of(first(record, ("startTime", "start_time"))),
        ended=time_of(first(record, ("endTime", "end_time"))),
        conversation=text_of(first(record, _CONVERSATION), 1),
        prompt_tokens=count_of(first(usage, ("input", "input_tokens", "promptTokens", "prompt_tokens"))),
        completion_tokens=count_of(first(usage, ("output", "output_tokens", "completionTokens", "completion_tokens"))),
        cost_usd=_cost(record),
    )


def _shown(output: Any, work: Work) -> tuple[Any, ...]:
    if work in (Work.RETRIEVE, Work.RERANK):
        return passages_of(output)
    named = isinstance(output, Mapping) and {"context", "documents", "source_documents"} & output.keys()
    return passages_of(output) if work is Work.OTHER and named else ()


def _cost(record: Record) -> float | None:
    details = decoded(first(record, _COST))
    total = details.get("total") if isinstance(details, Mapping) else first(record, _TOTAL)
    cost = number_of(total)
    return cost if cost is not None and cost >= 0 else None


def _votes(record: Record) -> Iterator[LateVote]:
    """Yield the vote of a score, unless a model gave it."""
    if str(record.get("source", "")).upper() in _JUDGES:
        return
    trace = str(first(record, _TRACE) or "")
    observation = text_of(first(record, ("observationId", "observation_id")), 1)
    about = tuple(filter(None, (f"{trace}:{observation}" if observation else "", trace)))
    value = first(record, ("stringValue", "string_value")) or record.get("value")
    at, name = (
        time_of(first(record, ("timestamp", "createdAt", "created_at"))),
        str(record.get("id") or record.get("name")),
    )
    if "correction" in str(record.get("name", "")).lower() and isinstance(value, str) and vote_of(value) is None:
        yield LateVote(ORIGIN, about, Vote(FeedbackKind.CORRECTION, value, at, name))
    elif (kind := vote_of(value) or vote_of(record.get("value"))) is not None:
        yield LateVote(ORIGIN, about, Vote(kind, None, at, name))
