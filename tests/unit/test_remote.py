"""The generator behind an endpoint, against a server that answers well and in the ways that endpoints fail."""

import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from ragloop.errors import ConfigError, NotFoundError, RagloopError, UnavailableError, UsageError
from ragloop.models.generation.in_order import InOrder
from ragloop.models.generation.remote import FAILURES, Endpoint, RemoteGenerator
from ragloop.records import Draft, Prompt
from tests.support.chat_endpoint import ChatEndpoint, Reply, chat_endpoint, completion, failure

KEY = "sk-a-key-that-nobody-may-read"
PROMPT = Prompt("When is low tide?", (), ({"role": "user", "content": "When is low tide?"},))
GOOD = completion("At six.")


class Echo:
    """A generator that needs nothing."""

    model, adapter, fingerprint = "echo", None, "echo"

    def generate(self, prompts: list[Prompt]) -> list[Draft]:
        return [Draft(prompt.question) for prompt in prompts]


class Broken(Echo):
    """A generator whose model is not there."""

    model = "broken"

    def generate(self, prompts: list[Prompt]) -> list[Draft]:
        raise NotFoundError("found no model")


def asking(endpoint: ChatEndpoint, **changed: Any) -> RemoteGenerator:
    limits = {"max_tokens": 50, "temperature": 0.0, "timeout_s": 5.0, "retries": 0, "parallel": 2}
    prices = {"input_price": 2.0, "output_price": 10.0}
    return RemoteGenerator(replace(Endpoint("tide", endpoint.url, KEY, **limits, **prices), **changed))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_an_answer_carries_its_tokens_and_its_price() -> None:
    with chat_endpoint(GOOD) as endpoint:
        (draft,) = asking(endpoint).generate([PROMPT])
    assert draft == Draft("At six.", 100, 20, model="tide", cost_usd=(100 * 2 + 20 * 10) / 1e6)
    assert endpoint.requests == [
        {"model": "tide", "messages": list(PROMPT.messages), "max_tokens": 50, "temperature": 0.0}
    ]
    assert endpoint.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(("reply", "price"), [(GOOD, None), (completion("At six.", usage=None), 2.0)])
def test_an_unknown_price_or_usage_is_no_price_of_zero(reply: Reply, price: float | None) -> None:
    with chat_endpoint(reply) as endpoint:
        (draft,) = asking(endpoint, input_price=price).generate([PROMPT])
    assert (draft.text, draft.cost_usd) == ("At six.", None)


def test_drafts_come_in_the_order_of_their_prompts() -> None:
    with chat_endpoint(*(completion(str(number)) for number in range(5))) as endpoint:
        drafts = asking(endpoint, parallel=1).generate([PROMPT] * 5)
    assert [draft.text for draft in drafts] == list("01234")
    with chat_endpoint(GOOD) as endpoint:
        assert asking(endpoint).generate([]) == []


@pytest.mark.parametrize(
    "passing",
    [
        failure(429, "slow down", headers=(("retry-after", "0.01"),)),
        failure(500, "oops", headers=(("retry-after", "0.01"),)),
        Reply(503, b"<html>bad gateway</html>", (("content-type", "text/html"), ("retry-after", "0.01"))),
    ],
)
def test_what_passes_is_tried_again(passing: Reply) -> None:
    with chat_endpoint(passing, GOOD) as endpoint:
        assert asking(endpoint, retries=1).generate([PROMPT])[0].text == "At six."
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (failure(429, "slow down"), UnavailableError, "cannot answer now: .*slow down"),
        (failure(503, "overloaded"), UnavailableError, "cannot answer now: .*overloaded"),
        (replace(GOOD, cut=40), UnavailableError, "cannot answer now|no JSON"),
        (Reply(body=b'{"choices": []}'), UnavailableError, "gave no choices"),
        (Reply(body=b'{"choices": [{"index": 0, "finish_reason": "stop"}]}'), UnavailableError, "gave no text"),
        (Reply(body=b'{"choices": [{'), UnavailableError, "no JSON"),
        (Reply(body=b"<p>hello", headers=(("content-type", "text/html"),)), UnavailableError, "gave no choices"),
        (completion(None, finish="content_filter"), UnavailableError, r"no text \(finish_reason content_filter\)"),
        (completion("", finish="length"), UnavailableError, r"no text \(finish_reason length\)"),
        (failure(401, f"Incorrect API key provided: {KEY}"), ConfigError, r"refuses the key: .*provided: \[key\]"),
        (failure(404, "The model tide does not exist"), NotFoundError, "has no tide: .*correct remote.model"),
        (failure(400, "This model's maximum context length is 9"), UsageError, "refuses the request: .*context length"),
    ],
)
def test_each_failure_says_what_it_is_and_never_the_key(reply: Reply, kind: type[Exception], said: str) -> None:
    with chat_endpoint(reply) as endpoint, pytest.raises(kind, match=said) as raised:
        asking(endpoint).generate([PROMPT])
    assert KEY not in str(raised.value)
    assert KEY not in repr(asking(endpoint)._endpoint)


def test_a_server_that_writes_without_end_is_waited_for_no_longer_than_one_try_takes() -> None:
    slow = replace(GOOD, pause_s=0.05)
    began = time.monotonic()
    with chat_endpoint(slow) as endpoint, pytest.raises(UnavailableError, match="cannot answer now"):
        asking(endpoint, timeout_s=0.5).generate([PROMPT])
    assert time.monotonic() - began < len(GOOD.body) * slow.pause_s / 3


@pytest.mark.parametrize("status", [400, 422, 503])
def test_what_a_server_repeats_of_the_request_stands_in_no_message(status: int) -> None:
    text = "The harbour master keeps the spare key under the third bollard."
    prompt = Prompt("Where?", (), ({"role": "user", "content": f"[1] {text}\n\nWhere is the key?"},))
    refusal = failure(status, f"cannot read messages: [{{'content': '{text}'}}]")
    with chat_endpoint(refusal) as endpoint, pytest.raises(RagloopError, match=f"status {status}") as raised:
        asking(endpoint).generate([prompt])
    assert "bollard" not in str(raised.value)


def test_an_endpoint_that_is_not_there_is_unavailable() -> None:
    with chat_endpoint(GOOD) as endpoint:
        pass
    with pytest.raises(UnavailableError, match="cannot answer now"):
        asking(endpoint).generate([PROMPT])


def test_a_parameter_that_the_model_does_not_take_is_left_out_from_then_on() -> None:
    refusals = [failure(400, f"Unsupported: {name}", param=name) for name in ("max_tokens", "temperature")]
    with chat_endpoint(*refusals, GOOD) as endpoint:
        generator = asking(endpoint)
        generator.generate([PROMPT])
        generator.generate([PROMPT])
    taken = [sorted(set(one) - {"model", "messages"}) for one in endpoint.requests]
    assert (
        taken
        == [["max_tokens", "temperature"], ["max_completion_tokens", "temperature"]] + [["max_completion_tokens"]] * 2
    )


def test_an_endpoint_that_keeps_failing_is_left_alone() -> None:
    with chat_endpoint(failure(503, "overloaded")) as endpoint:
        generator = asking(endpoint, parallel=1)
        attempts = generator.attempts([PROMPT] * (FAILURES + 3))
    assert len(endpoint.requests) == FAILURES
    assert "is not called for" in str(attempts[-1])


def test_a_refused_key_is_no_failure_of_the_endpoint() -> None:
    with chat_endpoint(*[failure(401, "no")] * (FAILURES + 1), GOOD) as endpoint:
        generator = asking(endpoint, parallel=1)
        generator.attempts([PROMPT] * (FAILURES + 1))
        assert generator.generate([PROMPT])[0].text == "At six."


def test_what_the_endpoint_cannot_answer_another_answers_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with chat_endpoint(GOOD, failure(503, "overloaded"), GOOD) as endpoint, caplog.at_level(logging.WARNING):
        drafts = InOrder(asking(endpoint, parallel=1), [Broken(), Echo()]).generate([PROMPT] * 3)
    assert [(draft.text, draft.model) for draft in drafts] == [
        ("At six.", "tide"),
        (PROMPT.question, "echo"),
        ("At six.", "tide"),
    ]
    assert drafts[0].why == drafts[2].why == ""
    assert drafts[1].why.startswith("tide did not answer: ")
    assert "overloaded" in drafts[1].why
    assert PROMPT.question not in caplog.text


def test_where_no_other_can_answer_the_first_trouble_is_raised() -> None:
    for others in ([], [Broken()]):
        with chat_endpoint(failure(503, "overloaded")) as endpoint, pytest.raises(UnavailableError, match="overloaded"):
            InOrder(asking(endpoint), others).generate([PROMPT])
