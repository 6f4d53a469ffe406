"""OpenAI's own client library against the service."""

import asyncio
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.support.served import ELSEWHERE, KEY, QUESTION, Served, served_elsewhere

ADA = "Ada keeps the bees behind the old mill. [1]"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]


@pytest.fixture
def client(service: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.address}/v1", api_key=KEY, max_retries=0)


def test_it_asks_and_reads_citations(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="ragloop", messages=MESSAGES)
    message = reply.choices[0].message
    assert ADA in message.content
    cited = message.annotations[0].url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert reply.model_extra["ragloop"]["interaction_id"]


def test_it_reads_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="ragloop", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert ADA in "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert chunks[-1].usage is not None
    assert chunks[-2].model_extra["ragloop"]["lane"] == "base+rag"


def test_it_reads_a_stream_through_its_own_accumulator(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="ragloop", messages=MESSAGES) as stream:
        stream.until_done()
        assert ADA in stream.get_final_completion().choices[0].message.content


def test_it_asks_from_a_loop(service: Served) -> None:
    async def ask() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{service.address}/v1", api_key=KEY) as client:
            whole = await client.chat.completions.create(model="ragloop", messages=MESSAGES)
            stream: Any = await client.chat.completions.create(model="ragloop", messages=MESSAGES, stream=True)
            parts = [one.choices[0].delta.content or "" async for one in stream]
            return whole.choices[0].message.content, "".join(parts)

    whole, streamed = asyncio.run(ask())
    assert whole == streamed
    assert ADA in whole


def test_it_parses_an_answer_into_a_class(client: openai.OpenAI) -> None:
    class Found(BaseModel):
        answer: str
        citations: list[str]
        abstained: bool

    reply = client.chat.completions.parse(model="ragloop", messages=MESSAGES, response_format=Found)
    found = reply.choices[0].message.parsed
    assert ADA in found.answer
    assert found.citations[0].endswith("bees.md")
    assert found.abstained is False


def test_it_lists_models_and_reads_one(client: openai.OpenAI) -> None:
    names = [one.id for one in client.models.list()]
    expected = ["ragloop", "ragloop/base+rag", "ragloop:links", "ragloop/base+rag:links"]
    assert names == expected or (ELSEWHERE and set(expected) < set(names)), "one elsewhere may have adapters, too"
    for name in names:
        assert client.models.retrieve(name).id == name
        assert client.chat.completions.create(model=name, messages=MESSAGES).model == name


def test_it_embeds(client: openai.OpenAI) -> None:
    numbers = client.embeddings.create(model="ragloop", input=["a", "b"], encoding_format="float")
    packed = client.embeddings.create(model="ragloop", input=["a", "b"])  # asks for base64
    assert len(numbers.data) == 2
    for one, other in zip(numbers.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)
        assert sum(x * x for x in one.embedding) == pytest.approx(1)


def test_it_reads_a_response_whole_and_streamed(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="ragloop", input=QUESTION)
    assert ADA in whole.output_text
    part = whole.output[0].content[0]
    assert part.annotations[0].type == "url_citation"
    assert part.text[part.annotations[0].start_index : part.annotations[0].end_index] == "[1]"
    messages = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
    events: list[Any] = list(client.responses.create(model="ragloop", input=messages, stream=True))
    assert [one.sequence_number for one in events] == list(range(len(events)))
    assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == whole.output_text
    assert any(one.type == "response.output_text.annotation.added" for one in events)


def test_it_reads_the_older_form(client: openai.OpenAI) -> None:
    assert ADA in client.completions.create(model="ragloop", prompt=QUESTION).choices[0].text


def test_it_raises_the_error_that_the_status_stands_for(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as found:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert found.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="ragloop", messages=MESSAGES, n=3)
    assert bad.value.param == "n"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="ragloop", input=QUESTION, tool_choice="required")


def test_it_follows_up_in_a_conversation(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="ragloop", messages=MESSAGES).choices[0].message
    messages = [*MESSAGES, {"role": "assistant", "content": first.content}]
    messages.append({"role": "user", "content": "When does the ferry leave?"})
    second = client.chat.completions.create(model="ragloop", messages=messages)
    assert "The ferry leaves at nine." in second.choices[0].message.content


def test_the_suite_can_use_a_service_that_runs_elsewhere(service: Served) -> None:
    with served_elsewhere(service.address) as elsewhere:
        assert ADA in elsewhere.asks()["choices"][0]["message"]["content"]
        with pytest.raises(pytest.skip.Exception, match="it looks into the home of the service"):
            elsewhere.logged()
