"""What clients of OpenAI's chat completions need, tried on the wire."""

import json
import time
from pathlib import Path

import pytest

from ragloop.answering.prompts import NOTHING_FOUND
from ragloop.app import App
from ragloop.config import load_settings
from tests.service.conftest import HeldEmbedder, make_app
from tests.support.served import QUESTION, Served, chat, error_of, objects, served, text_of
from tests.support.word_embedder import WordEmbedder

ADA = "Ada keeps the bees behind the old mill. [1]"


@pytest.mark.parametrize("stream", [{}, {"stream": None}, {"stream": False}])
def test_an_answer_is_whole_unless_a_stream_is_asked_for(service: Served, stream: dict[str, object]) -> None:
    reply = service.asks(**stream)
    (choice,) = reply["choices"]
    assert reply["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] == "stop"
    assert ADA in choice["message"]["content"]
    assert set(reply["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_a_reply_says_what_the_log_calls_it_and_who_answered(service: Served) -> None:
    extras = service.asks()["ragloop"]
    row = service.app.journal.answer(extras["interaction_id"])
    assert row["question"] == QUESTION
    assert extras["lane"] == row["lane"] == "base+rag"
    assert extras["adapter"] is None
    assert extras["abstained"] is False
    assert [one["chunk_id"] for one in extras["citations"]] == [one["chunk_id"] for one in row["citations"]]


def test_a_stream_begins_with_the_role_and_ends_with_why_and_done(service: Served) -> None:
    reply = service.api.post("/v1/chat/completions", json=chat(QUESTION, stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.text.endswith("data: [DONE]\n\n")
    events = objects(reply.text)
    assert all(one["choices"] and one["object"] == "chat.completion.chunk" for one in events)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [one["choices"][0]["finish_reason"] for one in events] == [None] * (len(events) - 1) + ["stop"]
    assert events[-1]["ragloop"]["interaction_id"]
    assert len({one["id"] for one in events}) == 1


def test_a_stream_holds_usage_only_where_it_is_asked_for(service: Served) -> None:
    assert all("usage" not in one for one in service.events())
    *chunks, last = service.events(stream_options={"include_usage": True})
    assert all(one["usage"] is None and one["choices"] for one in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 0
    assert "ragloop" in chunks[-1]


def test_streamed_and_whole_answers_are_the_same_and_cite_the_same(service: Served) -> None:
    for question in (QUESTION, "When does the ferry leave?", "bees [1] or ferries [2]?"):
        whole, events = service.asks(question)["choices"][0]["message"], service.events(question)
        assert text_of(events) == whole["content"]
        streamed = [a for one in events for a in one["choices"][0]["delta"].get("annotations", ())]
        assert streamed == whole["annotations"]
        assert whole["annotations"]


def test_annotations_stand_over_the_marks(service: Served) -> None:
    message = service.asks()["choices"][0]["message"]
    for one in message["annotations"]:
        assert one["type"] == "url_citation"
        place = one["url_citation"]
        mark = message["content"][place["start_index"] : place["end_index"]]
        assert mark.startswith("[")
        assert mark.endswith("]")
        assert place["url"].startswith("file://")
        assert place["title"]


def test_a_model_with_links_ends_its_answers_with_them(service: Served) -> None:
    plain = service.asks()["choices"][0]["message"]
    linked = service.asks(model="ragloop:links")["choices"][0]["message"]
    assert linked["content"].startswith(plain["content"] + "\n\n1. [The bees](<file://")
    assert linked["annotations"] == plain["annotations"]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": QUESTION}],
        [{"type": "input_text", "text": "Who keeps"}, {"type": "text", "text": "the bees?"}],
    ],
)
def test_content_may_come_in_parts(service: Served, content: list[object]) -> None:
    reply = service.api.post(
        "/v1/chat/completions", json={"model": "ragloop", "messages": [{"role": "user", "content": content}]}
    )
    assert ADA in reply.json()["choices"][0]["message"]["content"]


def test_every_role_is_read_and_the_last_question_is_answered(service: Served) -> None:
    messages = [
        {"role": "system", "content": "Talk like a pirate."},
        {"role": "developer", "content": "And briefly."},
        {"role": "user", "content": "When does the ferry leave?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "nine", "tool_call_id": "1"},
        {"role": "function", "name": "f", "content": "nine"},
        {"role": "user", "content": QUESTION},
    ]
    reply = service.api.post("/v1/chat/completions", json={"model": "ragloop", "messages": messages}).json()
    assert ADA in reply["choices"][0]["message"]["content"]
    assert service.app.journal.answer(reply["ragloop"]["interaction_id"])["question"] == QUESTION


def test_fields_that_nobody_knows_are_ignored(service: Served) -> None:
    reply = service.asks(temperature=0.3, top_p=1, seed=7, logit_bias={}, reasoning_effort="high", whatever=[1], n=1)
    assert ADA in reply["choices"][0]["message"]["content"]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_an_answer_says_so_and_the_log_knows(service: Served, limit: str) -> None:
    reply = service.asks(**{limit: 3})
    assert reply["choices"][0]["message"]["content"] == "Ada keeps the"
    assert reply["choices"][0]["finish_reason"] == "length"
    assert service.app.journal.answer(reply["ragloop"]["interaction_id"])["cut"] is True
    assert service.app.journal.answer(service.asks()["ragloop"]["interaction_id"])["cut"] is False


def test_a_stop_ends_an_answer(service: Served) -> None:
    for stop in (" behind", ["nowhere", " behind"]):
        choice = service.asks(stop=stop)["choices"][0]
        assert choice["message"]["content"] == "Ada keeps the bees"
        assert choice["finish_reason"] == "stop"


def test_tools_are_not_called_and_the_reply_says_so(service: Served) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    reply = service.asks(tools=tools, tool_choice="auto")
    assert "tools are not called" in reply["ragloop"]["notes"][0]
    assert "tool_calls" not in reply["choices"][0]["message"]


def test_json_is_written_where_it_is_asked_for(service: Served) -> None:
    content = service.asks(response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert ADA in json.loads(content)["answer"]
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "sources": {"type": "array", "items": {"type": "string"}}},
        "required": ["answer", "sources"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    found = json.loads(service.asks(response_format=form)["choices"][0]["message"]["content"])
    assert ADA in found["answer"]
    assert found["sources"][0].endswith("bees.md")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (chat(QUESTION, n=2), "n"),
        (chat(QUESTION, tool_choice="required"), "tool_choice"),
        (chat(QUESTION, tool_choice={"type": "function", "function": {"name": "f"}}), "tool_choice"),
        (chat(QUESTION, response_format={"type": "xml"}), "response_format"),
        (
            chat(
                QUESTION,
                response_format={
                    "type": "json_schema",
                    "json_schema": {
                        "name": "a",
                        "schema": {"type": "object", "properties": {"price": {"type": "number"}}},
                    },
                },
            ),
            "response_format",
        ),
        (chat(""), "messages"),
        ({"model": "ragloop", "messages": []}, "messages"),
        ({"model": "ragloop"}, "messages"),
        ({"model": "ragloop", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"model": "ragloop", "messages": [{"role": "pirate", "content": "a"}]}, "messages"),
        ({"model": "ragloop", "messages": [{"role": "assistant", "content": "a"}]}, "messages"),
        (chat("x" * 4001), None),
        (chat(QUESTION, max_tokens=0), "max_tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field_at_fault(
    service: Served, body: dict[str, object], param: str | None
) -> None:
    before = len(service.logged())
    reply = service.api.post("/v1/chat/completions", json=body)
    assert reply.status_code == 400
    assert error_of(reply)["param"] == param
    assert error_of(reply)["type"] == "invalid_request_error"
    assert len(service.logged()) == before


def test_the_older_form_answers_too(service: Served) -> None:
    reply = service.api.post("/v1/completions", json={"model": "ragloop", "prompt": QUESTION}).json()
    assert reply["object"] == "text_completion"
    assert ADA in reply["choices"][0]["text"]
    stream = service.api.post("/v1/completions", json={"model": "ragloop", "prompt": [QUESTION], "stream": True}).text
    assert "".join(one["choices"][0]["text"] for one in objects(stream)) == reply["choices"][0]["text"]
    assert stream.endswith("data: [DONE]\n\n")


def test_a_stream_begins_while_the_answer_is_written_and_shows_that_it_lives(slow: Served, held: HeldEmbedder) -> None:
    held.free.clear()
    began = time.monotonic()
    with slow.api.stream("POST", "/v1/chat/completions", json=chat(QUESTION, stream=True)) as reply:
        lines = reply.iter_lines()
        assert '"role": "assistant"' in next(lines)
        assert time.monotonic() - began < 5
        assert ": ping" in (next(lines), next(lines))
        assert slow.api.get("/healthz").json() == {"status": "ok"}
        held.free.set()
        rest = "\n".join(lines)
    assert ADA in text_of(objects(rest))
    assert rest.rstrip().endswith("data: [DONE]")


def test_an_answer_that_fails_in_its_stream_ends_it_with_an_error(slow: Served, held: HeldEmbedder) -> None:
    held.free.clear()
    with slow.api.stream("POST", "/v1/chat/completions", json=chat(QUESTION, stream=True)) as reply:
        lines = reply.iter_lines()
        next(lines)
        slow.app.store.tables.drop(slow.app.index.generation.table)
        held.free.set()
        rest = "\n".join(lines)
    (last,) = objects(rest)
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert "[DONE]" not in rest


def test_a_service_without_an_index_says_so_at_once(tmp_path: Path) -> None:
    with served(App(load_settings(home=tmp_path / "home"), embedder=WordEmbedder())) as empty:
        for more in ({}, {"stream": True}):
            reply = empty.api.post("/v1/chat/completions", json=chat(QUESTION, **more))
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) > 0
            error_of(reply)
        assert empty.api.get("/healthz").status_code == 200
        assert empty.api.get("/readyz").status_code == 503
        assert empty.app.journal.counts()["interactions"] == 0


def test_an_abstention_ends_as_any_answer_does(tmp_path: Path) -> None:
    with served(make_app(tmp_path, floor=0.99)) as service:
        reply = service.asks("How do volcanoes form?")
        events = service.events("How do volcanoes form?")
    assert reply["ragloop"]["abstained"] is events[-1]["ragloop"]["abstained"] is True
    assert reply["choices"][0]["message"]["content"] == text_of(events) == NOTHING_FOUND
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["choices"][0]["message"]["annotations"] == []
