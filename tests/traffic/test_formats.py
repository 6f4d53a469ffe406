"""What the instrumentations write: exports of a chain over tests/traffic/documents, each made by the real one."""

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ragloop.errors import UsageError
from ragloop.records import FeedbackKind
from ragloop.traffic.exchange import Exchange, Item, LateVote, Skipped
from ragloop.traffic.formats.choice import TrafficFormat, read_as
from ragloop.traffic.reading import read_records

EXPORTS = Path(__file__).parent / "exports"
QUESTIONS = [
    "When does the ferry to Lindholm leave the north pier?",
    "Who keeps the hives behind the chapel?",
    "What does a late book of the reading room cost each day?",
]
WITH_TEXT = [
    "openinference-langchain.otlp.jsonl",
    "openinference-langchain.sdk.json",
    "openinference-llamaindex.sdk.json",
    "langfuse-langchain.otlp.jsonl",
    "langsmith-langchain.jsonl",
    "mlflow-langchain.jsonl",
]


def read(file: Path, format: TrafficFormat = TrafficFormat.AUTO) -> list[Item]:
    return list(read_as(read_records(file, lambda done, total: None), format))


def written(folder: Path, records: Iterable[Mapping[str, Any] | str], name: str = "log.jsonl") -> Path:
    file = folder / name
    file.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records), encoding="utf-8")
    return file


def exchanges(items: Iterable[Item]) -> list[Exchange]:
    return [one for one in items if isinstance(one, Exchange)]


@pytest.mark.parametrize("name", WITH_TEXT)
def test_each_question_is_one_exchange_with_its_passages(name: str) -> None:
    found = read(EXPORTS / name)
    assert [one.question for one in exchanges(found)] == QUESTIONS
    assert len(found) == len(QUESTIONS), "reading documents in is no exchange, and nothing is skipped"
    for one in exchanges(found):
        assert one.answer.endswith(".")
        assert len(one.shown) == 2, "a framework that writes a retrieval in two layers has one"
        assert all(shown.text and shown.names[0].startswith("/srv/handbook/") for shown in one.shown)
        assert one.asked_at
        assert one.asked_at.year == 2026
        assert one.prompt == "", "the passages are known by their text"


def test_the_model_its_tokens_and_the_time_come_from_the_source() -> None:
    first, *_ = exchanges(read(EXPORTS / "openinference-langchain.otlp.jsonl"))
    assert (first.model, first.prompt_tokens, first.completion_tokens) == ("quoting-1", 208, 20)
    assert first.latency_ms
    assert first.latency_ms > 0


def test_a_session_is_the_conversation() -> None:
    assert {one.conversation for one in exchanges(read(EXPORTS / "langfuse-langchain.otlp.jsonl"))} == {"s1"}


def test_passages_without_text_leave_the_prompt() -> None:
    found = exchanges(read(EXPORTS / "genai-langchain.otlp.jsonl"))
    assert [one.question for one in found] == QUESTIONS
    assert all(not shown.text for one in found for shown in one.shown)
    assert all("hives" in one.prompt or "ferry" in one.prompt or "book" in one.prompt for one in found)


def test_spans_of_a_trace_may_stand_anywhere_in_the_file(tmp_path: Path) -> None:
    lines = (EXPORTS / "openinference-langchain.otlp.jsonl").read_text(encoding="utf-8").splitlines()
    mixed = read(written(tmp_path, [*lines[::2], *lines[1::2]]))
    known = {one.external_id: one for one in exchanges(read(EXPORTS / "openinference-langchain.otlp.jsonl"))}
    assert {one.external_id: one for one in exchanges(mixed)} == known


def span(name: str, parent: str = "", start: int = 0, **attributes: Any) -> dict[str, Any]:
    listed = [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
    begins, ends = str(1_790_000_000_000_000_000 + start * 1000), str(1_790_000_000_000_000_900 + start * 1000)
    times = {"startTimeUnixNano": begins, "endTimeUnixNano": ends}
    return {"traceId": "t", "spanId": name, "parentSpanId": parent, **times, "attributes": listed}


def retrieval(name: str, parent: str, query: str, text: str, start: int) -> dict[str, Any]:
    documents = json.dumps([{"id": "1", "content": text}])
    attributes = {"gen_ai__operation__name": "retrieval", "gen_ai__retrieval__query__text": query}
    return span(name, parent, start, **attributes, gen_ai__retrieval__documents=documents)


def generation(name: str, parent: str, answer: str, start: int) -> dict[str, Any]:
    messages = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": answer}]}])
    return span(name, parent, start, gen_ai__operation__name="chat", gen_ai__output__messages=messages)


def test_one_trace_may_hold_several_questions(tmp_path: Path) -> None:
    spans = [
        span("root"),
        retrieval("r1", "root", "First?", "one", 1), generation("g1", "root", "One.", 2),
        retrieval("r2", "root", "Second?", "two", 3), generation("g2", "root", "Two.", 4),
    ]  # fmt: skip
    found = exchanges(read(written(tmp_path, [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}])))
    assert [(one.question, one.answer, one.shown[0].text) for one in found] == [
        ("First?", "One.", "one"), ("Second?", "Two.", "two"),
    ]  # fmt: skip
    assert len({one.external_id for one in found}) == 2


def test_several_retrievals_for_one_answer_are_one_exchange(tmp_path: Path) -> None:
    spans = [
        span("root", input__value="Both?", output__value="Both."),
        retrieval("r1", "root", "One?", "one", 1), generation("g1", "root", "And the other?", 2),
        retrieval("r2", "root", "Two?", "two", 3), generation("g2", "root", "Both.", 4),
    ]  # fmt: skip
    (found,) = exchanges(read(written(tmp_path, [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}])))
    assert (found.question, found.answer, [one.text for one in found.shown]) == ("Both?", "Both.", ["one", "two"])


def test_renamed_attributes_of_the_conventions_are_read(tmp_path: Path) -> None:
    new = span("new", gen_ai__operation__name="chat", gen_ai__usage__input_tokens="7", gen_ai__request__model="m")
    old = span("old", llm__request__type="chat", gen_ai__usage__prompt_tokens="7", gen_ai__request__model="m")
    for one in (new, old):
        one["attributes"] += [
            {"key": "gen_ai.input.messages", "value": {"stringValue": '[{"role":"user","content":"Why?"}]'}},
            {"key": "gen_ai.output.messages", "value": {"stringValue": '[{"role":"assistant","content":"So."}]'}},
        ]
        (found,) = exchanges(read(written(tmp_path, [one])))
        assert (found.question, found.answer, found.prompt_tokens, found.model) == ("Why?", "So.", 7, "m")


def test_langfuse_exports_of_observations_and_scores(tmp_path: Path) -> None:
    trace = {"id": "t", "traceId": "t"}
    records: list[dict[str, Any]] = [
        {**trace, "id": "a", "type": "SPAN", "startTime": "2026-05-01T10:00:00Z", "input": {"question": "Why?"},
         "output": "So. [1]", "sessionId": "s"},
        {**trace, "id": "b", "parentObservationId": "a", "type": "RETRIEVER", "startTime": "2026-05-01T10:00:01Z",
         "input": "Why?", "output": [{"page_content": "It is so.", "metadata": {"source": "a.md"}}]},
        {**trace, "id": "c", "parentObservationId": "a", "type": "GENERATION", "startTime": "2026-05-01T10:00:02Z",
         "input": [{"role": "user", "content": "…"}], "output": "So. [1]", "model": "m",
         "usageDetails": {"input": 11, "output": 2}, "costDetails": {"total": 0.25}},
        {"id": "s1", "traceId": "t", "name": "user-feedback", "value": 1, "dataType": "BOOLEAN", "source": "API"},
        {"id": "s2", "traceId": "t", "name": "hallucination", "value": 1, "dataType": "NUMERIC", "source": "EVAL"},
    ]  # fmt: skip
    found = read(written(tmp_path, records))
    (one,) = exchanges(found)
    assert (one.question, one.shown[0].names, one.model, one.prompt_tokens) == ("Why?", ("a.md",), "m", 11)
    assert (one.cost_usd, one.conversation) == (0.25, "s")
    votes = [vote for vote in found if isinstance(vote, LateVote)]
    assert [(vote.about, vote.vote.kind) for vote in votes] == [(("t",), FeedbackKind.UP)], "no vote of a model"


def test_runs_of_langsmith_as_parquet(tmp_path: Path) -> None:
    lines = (EXPORTS / "langsmith-langchain.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [{**json.loads(one)} for one in lines]
    rows = [{**one, **{name: json.dumps(one[name]) for name in ("inputs", "outputs", "extra")}} for one in runs]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "runs.parquet")
    found = read(tmp_path / "runs.parquet")
    assert found == read(EXPORTS / "langsmith-langchain.jsonl")


def test_assessments_of_people_are_votes_in_mlflow(tmp_path: Path) -> None:
    trace = json.loads((EXPORTS / "mlflow-langchain.jsonl").read_text(encoding="utf-8").splitlines()[0])
    judge = {"source_type": "LLM_JUDGE", "source_id": "a model"}
    human = {"source_type": "HUMAN", "source_id": "me"}
    trace["info"]["assessments"] = [
        {"assessment_id": "1", "assessment_name": "ok", "source": human, "feedback": {"value": True}},
        {"assessment_id": "2", "assessment_name": "ok", "source": judge, "feedback": {"value": False}},
        {"assessment_id": "3", "assessment_name": "right", "source": human, "expectation": {"value": "At nine."}},
    ]  # fmt: skip
    votes = [one.vote for one in read(written(tmp_path, [trace])) if isinstance(one, LateVote)]
    assert [(one.kind, one.correction) for one in votes] == [("up", None), ("correction", "At nine.")]


PLAIN = {
    "id": 17, "question": "Why?", "answer": "So.", "contexts": ["It is so."], "model": "m", "timestamp": 1_790_000_000,
    "usage": {"prompt_tokens": 5, "completion_tokens": 1}, "cost": "0.5", "latency_s": 0.25, "session_id": "s",
}  # fmt: skip


def test_a_plain_record_has_its_fields_under_common_names(tmp_path: Path) -> None:
    (one,) = exchanges(read(written(tmp_path, [PLAIN])))
    assert (one.question, one.answer, one.shown[0].text, one.model) == ("Why?", "So.", "It is so.", "m")
    assert (one.prompt_tokens, one.completion_tokens, one.cost_usd, one.latency_ms) == (5, 1, 0.5, 250)
    assert (one.asked_at, one.conversation) == (datetime.fromtimestamp(1_790_000_000, UTC), "s")


def test_a_passage_names_its_document_beside_or_in_its_metadata(tmp_path: Path) -> None:
    passages = [
        {"text": "a", "uri": "s3://b/a.md", "revision": "r", "score": 0.5},
        {"page_content": "b", "metadata": {"source": "b.md"}},
        {"node": {"text": "c", "metadata": {"file_path": "/x/c.md"}}, "score": 0.25},
        [{"page_content": "d", "metadata": {"url": "https://x/d"}}, 0.125],
    ]
    (one,) = exchanges(read(written(tmp_path, [{**PLAIN, "contexts": passages}])))
    assert [(shown.text, shown.names[0], shown.score) for shown in one.shown] == [
        ("a", "s3://b/a.md", 0.5), ("b", "b.md", None), ("c", "/x/c.md", 0.25), ("d", "https://x/d", 0.125),
    ]  # fmt: skip
    assert one.shown[0].revisions == ("r",)


@pytest.mark.parametrize(
    ("feedback", "kinds"),
    [
        ("up", ["up"]), ({"thumbs": "down"}, ["down"]), (True, ["up"]), (-1, ["down"]), (5, ["up"]), (3, []),
        ([{"kind": "up"}, {"correction": "No."}], ["up", "correction"]), (None, []),
    ],
)  # fmt: skip
def test_votes_of_a_plain_record(tmp_path: Path, feedback: Any, kinds: list[str]) -> None:
    (one,) = exchanges(read(written(tmp_path, [{**PLAIN, "feedback": feedback}])))
    assert [vote.kind for vote in one.votes] == kinds


def test_a_line_that_cannot_be_read_says_where_it_stands_and_costs_no_other(tmp_path: Path) -> None:
    bad = ["{broken", "[1]", json.dumps({"question": "", "answer": "So."}), json.dumps({"question": "Why?"})]
    found = read(written(tmp_path, [PLAIN, *bad, {**PLAIN, "id": 18}]))
    assert [one.external_id for one in exchanges(found)] == ["17", "18"]
    places = [one.place.split(",")[0] for one in found if isinstance(one, Skipped)]
    assert places == ["line 2", "line 3", "line 4", "line 5"]


def test_a_list_a_page_of_an_api_and_values_over_several_lines_are_read(tmp_path: Path) -> None:
    whole = [PLAIN, {**PLAIN, "id": 18}]
    for text in (
        json.dumps(whole),
        json.dumps({"data": whole, "meta": {"page": 1}}),
        "\n".join(json.dumps(one, indent=2) for one in whole),
    ):
        assert [one.external_id for one in exchanges(read(written(tmp_path, [text])))] == ["17", "18"]


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl.gz").write_bytes(gzip.compress(json.dumps(PLAIN).encode(), mtime=0))
    assert len(exchanges(read(tmp_path / "log.jsonl.gz"))) == 1


def test_a_file_of_no_known_format_and_a_missing_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--format"):
        read(written(tmp_path, [{"a": 1}]))
    with pytest.raises(UsageError, match="name a file"):
        read(tmp_path / "none.jsonl")
    assert read(written(tmp_path, [""])) == []
