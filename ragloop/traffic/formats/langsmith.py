"""LangSmith: exported runs, as lines or Parquet, and feedback on them."""

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

ORIGIN = "langsmith"
_WORKS = {"retriever": Work.RETRIEVE, "llm": Work.GENERATE}
_CONVERSATION = ("session_id", "thread_id", "conversation_id")
_MODEL = ("ls_model_name", "model_name", "model")


def is_langsmith(record: Record) -> bool:
    """Return whether a record is a run, or feedback on a run."""
    return "run_type" in record or ("run_id" in record and "key" in record)


def read_langsmith(records: Iterable[Read | Skipped]) -> Iterator[Item]:
    """Yield the exchanges of runs once all of them are read, and the feedback that people gave."""
    traces = Traces(ORIGIN)

    def items_of(read: Read) -> Iterator[Item]:
        if "run_type" in read.record:
            for step in _steps(read.record):
                traces.add(step)
        elif is_langsmith(read.record):
            yield from _votes(read.record)
        else:
            yield Skipped(read.place, "found neither a run nor feedback of LangSmith")

    yield from items_of_each(records, items_of, "one of LangSmith")
    yield from traces.exchanges()


def _steps(record: Record) -> Iterator[Step]:
    """Yield the step of a run, and those of the runs that stand inside it."""
    waiting = [record]
    while waiting:
        one = waiting.pop()
        yield _step(one)
        waiting += [{"trace_id": record.get("trace_id") or record["id"], **run} for run in one.get("child_runs") or ()]


def _step(record: Record) -> Step:
    work = _WORKS.get(str(record["run_type"]), Work.OTHER)
    inputs, outputs = decoded(record.get("inputs")), decoded(record.get("outputs"))
    extra = decoded(record.get("extra"))
    metadata = decoded((extra if isinstance(extra, Mapping) else {}).get("metadata") or record.get("metadata"))
    metadata = metadata if isinstance(metadata, Mapping) else {}
    cost = number_of(record.get("total_cost"))
    return Step(
        trace=str(record.get("trace_id") or record["id"]),
        name=str(record["id"]),
        above=text_of(record.get("parent_run_id"), 1),
        work=work,
        question=question_of(inputs),
        answer="" if work is Work.RETRIEVE else text_of(outputs),
        shown=_shown(outputs, work),
        prompt=messages_text(inputs) if work is Work.GENERATE else "",
        model=text_of(first(metadata, _MODEL), 1) if work is Work.GENERATE else "",
        began=time_of(record.get("start_time")),
        ended=time_of(record.get("end_time")),
        conversation=text_of(first(metadata, _CONVERSATION), 1),
        prompt_tokens=count_of(record.get("prompt_tokens")) if work is Work.GENERATE else None,
        completion_tokens=count_of(record.get("completion_tokens")) if work is Work.GENERATE else None,
        cost_usd=cost if cost is not None and cost >= 0 and work is Work.GENERATE else None,
        votes=tuple(_of_stats(record)),
    )


def _shown(outputs: Any, work: Work) -> tuple[Any, ...]:
    if work is Work.RETRIEVE:
        return passages_of(outputs)
    named = isinstance(outputs, Mapping) and {"context", "documents", "source_documents"} & outputs.keys()
    return passages_of(outputs) if named else ()


def _of_stats(record: Record) -> Iterator[Vote]:
    """Yield the vote of a run of which only the average of its feedback is exported."""
    stats = decoded(record.get("feedback_stats"))
    for key, one in (stats if isinstance(stats, Mapping) else {}).items():
        kind = vote_of(one.get("avg")) if isinstance(one, Mapping) and one.get("n") == 1 and _is_user_key(key) else None
        if kind is not None:
            yield Vote(kind, None, time_of(record.get("end_time")), f"{record['id']}:{key}")


def _is_user_key(key: str) -> bool:
    return any(one in key.lower() for one in ("user", "thumb", "vote", "human", "feedback"))


def _votes(record: Record) -> Iterator[LateVote]:
    """Yield the votes of a piece of feedback, unless a model gave it."""
    source = decoded(record.get("feedback_source"))
    if isinstance(source, Mapping) and source.get("type") in ("model", "auto_eval"):
        return
    trace, run = text_of(record.get("trace_id"), 1), text_of(record.get("run_id"), 1)
    about = tuple(filter(None, (f"{trace}:{run}", run, trace)))
    at, name = time_of(record.get("created_at")), str(record.get("id") or f"{run}:{record.get('key')}")
    correction = text_of(record.get("correction"))
    if correction:
        yield LateVote(ORIGIN, about, Vote(FeedbackKind.CORRECTION, correction, at, name))
    elif (kind := vote_of(record.get("score"))) or (kind := vote_of(record.get("value"))):
        yield LateVote(ORIGIN, about, Vote(kind, None, at, name))
