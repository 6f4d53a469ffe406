"""Spans of OpenTelemetry → steps, by what their attributes say in the conventions that are in use.

GenAI (before and after its move to a repository of its own), OpenInference, MLflow, Langfuse and OpenLLMetry.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragloop.traffic.exchange import Shown, Vote
from ragloop.traffic.steps import Step, Work
from ragloop.traffic.values import (
    Record,
    count_of,
    decoded,
    first,
    is_of_people,
    messages_text,
    number_of,
    passages_of,
    question_of,
    text_of,
    time_of,
    vote_of,
)

_WORKS = {
    **dict.fromkeys(("retriever", "retrieval", "retrieve"), Work.RETRIEVE),
    "reranker": Work.RERANK,
    **dict.fromkeys(
        "llm chat chat_model text_completion generate_content generation completion".split(), Work.GENERATE
    ),
}
_KINDS = (
    "openinference.span.kind", "gen_ai.operation.name", "mlflow.spanType", "langfuse.observation.type",
    "langsmith.span.kind", "llm.request.type",
)  # fmt: skip
_IN = ("input.value", "mlflow.spanInputs", "langfuse.observation.input", "traceloop.entity.input", "gen_ai.prompt")
_OUT = (
    "output.value", "mlflow.spanOutputs", "langfuse.observation.output", "traceloop.entity.output", "gen_ai.completion",
)  # fmt: skip
_QUERY = ("gen_ai.retrieval.query.text", "gen_ai.retrieval.query", "retrieval.query")
_PROMPTS = ("gen_ai.system_instructions", "gen_ai.input.messages")
_FILLED_IN = tuple(f"gen_ai.prompt.variable.{one}" for one in ("context", "documents", "passages", "context_str"))
_MODEL = (
    "gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "langfuse.observation.model.name",
    "mlflow.llm.model",
)  # fmt: skip
_CONVERSATION = (
    "gen_ai.conversation.id", "session.id", "langfuse.session.id", "mlflow.trace.session",
    "traceloop.association.properties.session_id", "thread_id",
)  # fmt: skip
_PROMPT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_COMPLETION_TOKENS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_COST = ("gen_ai.usage.cost", "llm.cost.total", "gen_ai.usage.cost_usd")
_USAGE = ("langfuse.observation.usage_details", "mlflow.chat.tokenUsage")
_DOCUMENTS = ("gen_ai.retrieval.documents", "retrieval.documents")
_RERANKED = ("reranker.output_documents",)


def step_of(ids: tuple[str, str, str], times: tuple[Any, Any], attributes: Record, events: Sequence[Record]) -> Step:
    """Return the step of a span. `ids` are of its trace, its own, and its parent's; `times` are start and end."""
    work = _work(attributes)
    usage = decoded(first(attributes, _USAGE))
    usage = usage if isinstance(usage, Mapping) else {}
    return Step(
        trace=ids[0],
        name=ids[1],
        above=ids[2],
        work=work,
        question=_question(attributes, work),
        answer=_answer(attributes, work),
        shown=_shown(attributes, work),
        prompt=_prompt(attributes) if work is Work.GENERATE else "",
        model=text_of(first(attributes, _MODEL), 1),
        began=time_of(times[0]),
        ended=time_of(times[1]),
        conversation=text_of(first(attributes, _CONVERSATION), 1),
        prompt_tokens=count_of(
            first(attributes, _PROMPT_TOKENS) or first(usage, ("input", "input_tokens", "prompt_tokens"))
        ),
        completion_tokens=count_of(
            first(attributes, _COMPLETION_TOKENS) or first(usage, ("output", "output_tokens", "completion_tokens"))
        ),
        cost_usd=_cost(attributes),
        votes=tuple(_votes(events, ids[1])),
    )


def _work(attributes: Record) -> Work:
    kinds = (str(decoded(attributes[one])).lower() for one in _KINDS if one in attributes)
    return next((_WORKS[one] for one in kinds if one in _WORKS), Work.OTHER)


def _question(attributes: Record, work: Work) -> str:
    if work is Work.GENERATE:
        return question_of(
            attributes.get("gen_ai.input.messages") or _messages(attributes, "llm.input_messages")
        ) or question_of(first(attributes, _IN))
    query = first(attributes, _QUERY)
    return text_of(query) if query else question_of(first(attributes, _IN))


def _answer(attributes: Record, work: Work) -> str:
    if work in (Work.RETRIEVE, Work.RERANK):
        return ""
    messages = attributes.get("gen_ai.output.messages") or _messages(attributes, "llm.output_messages")
    return text_of(messages or first(attributes, _OUT) or attributes.get("gen_ai.completion.0.content"))


def _prompt(attributes: Record) -> str:
    if filled_in := text_of(first(attributes, _FILLED_IN)):
        return filled_in
    parts = [messages_text(attributes[one]) for one in _PROMPTS if one in attributes]
    return (
        "\n\n".join(filter(None, parts))
        or messages_text(_messages(attributes, "llm.input_messages"))
        or messages_text(first(attributes, _IN))
    )


def _messages(attributes: Record, prefix: str) -> list[Record]:
    """Return the messages that are written as one attribute for each of their fields."""
    if prefix in attributes:
        value = decoded(attributes[prefix])
        return [_unprefixed(one, "message.") for one in value] if isinstance(value, list) else []
    return [_unprefixed(one, "message.") for one in _numbered(attributes, prefix)]


def _shown(attributes: Record, work: Work) -> tuple[Shown, ...]:
    names = _RERANKED if work is Work.RERANK else _DOCUMENTS
    for name in names:
        if name in attributes:
            return passages_of(attributes[name])
        if found := _numbered(attributes, name):
            return passages_of([_unprefixed(one, "document.") for one in found])
    if work is Work.RETRIEVE:
        return passages_of(first(attributes, _OUT))
    output = decoded(first(attributes, _OUT))
    return passages_of(output) if work is Work.OTHER and isinstance(output, Mapping) and not _is_text(output) else ()


def _is_text(output: Record) -> bool:
    """Return whether what an operation gave is said under a name that a list of passages would have too."""
    return isinstance(output.get("output"), str) and not {"context", "documents", "source_documents"} & output.keys()


def _numbered(attributes: Record, prefix: str) -> list[dict[str, Any]]:
    """Return the items that are written as `prefix.N.field`, in the order of their numbers."""
    found: dict[int, dict[str, Any]] = {}
    start = len(prefix) + 1
    for name, value in attributes.items():
        if name.startswith(prefix) and name[start - 1 : start] == ".":
            number, _, rest = name[start:].partition(".")
            if number.isdigit() and rest:
                found.setdefault(int(number), {})[rest] = value
    return [found[one] for one in sorted(found)]


def _unprefixed(item: Any, prefix: str) -> Any:
    if not isinstance(item, Mapping):
        return item
    inner = item.get(prefix[:-1])
    if isinstance(inner, Mapping):
        return inner
    return {name.removeprefix(prefix): value for name, value in item.items()}


def _cost(attributes: Record) -> float | None:
    details = decoded(attributes.get("langfuse.observation.cost_details"))
    total = details.get("total") if isinstance(details, Mapping) else None
    cost = number_of(first(attributes, _COST) or total)
    return cost if cost is not None and cost >= 0 else None


def _votes(events: Sequence[Record], span: str) -> Iterator[Vote]:
    """Yield what people said of a span, as its events of evaluation have it."""
    for number, event in enumerate(events):
        said = event.get("attributes")
        if event.get("name") != "gen_ai.evaluation.result" or not isinstance(said, Mapping):
            continue
        name = str(said.get("gen_ai.evaluation.name", ""))
        kind = vote_of(said.get("gen_ai.evaluation.score.label")) or vote_of(said.get("gen_ai.evaluation.score.value"))
        if kind is not None and is_of_people(name):
            at = time_of(event.get("timestamp") or event.get("timeUnixNano"))
            yield Vote(kind, None, at, f"{span}:{name}:{number}")
