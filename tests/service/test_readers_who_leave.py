"""A caller who leaves before the end, and one who asks again: what the log says of their answers."""

import socket
import threading
import time
from typing import Any

import httpx
import openai
import pytest

from ragloop.learning.examples.curation import Standing, curate
from tests.service.conftest import HeldEmbedder, make_app
from tests.support.served import QUESTION, Served, chat, served
from tests.support.waiting import until


def leave(service: Served, *, stream: bool, after_first_byte: bool) -> None:
    """Send a question over a connection of its own, and close that."""
    host, port = service.address.removeprefix("http://").split(":")
    request = httpx.Request("POST", f"{service.address}/v1/chat/completions", json=chat(QUESTION, stream=stream))
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + request.read())
        if after_first_byte:
            assert line.recv(1)
        else:
            time.sleep(0.5)


@pytest.mark.parametrize(("stream", "after_first_byte"), [(True, True), (True, False), (False, False)])
def test_an_answer_whose_caller_left_is_logged_as_cut(
    slow: Served, held: HeldEmbedder, stream: bool, after_first_byte: bool
) -> None:
    held.free.clear()
    leave(slow, stream=stream, after_first_byte=after_first_byte)
    time.sleep(0.5)
    held.free.set()
    (row,) = until(lambda: [one for one in slow.logged() if one["cut"]], "the answer to be logged as cut", 30)
    assert row["question"] == QUESTION
    assert slow.asks()["ragloop"]["interaction_id"] != row["interaction_id"]
    assert [one["cut"] for one in slow.logged()] == [True, False]


def test_an_answer_that_is_cut_is_never_trained_on(service: Served) -> None:
    rows = []
    for more in ({}, {"max_tokens": 2}):
        interaction_id = service.asks(**more)["ragloop"]["interaction_id"]
        service.app.journal.give_feedback(interaction_id, "up")
        service.app.journal.give_feedback(interaction_id, "correction", "Ada keeps the bees.")
        rows.append(service.app.journal.answer(interaction_id))
    feedback = service.app.journal.feedback().to_pylist()
    documents = {one["document_id"]: one["revision"] for row in rows for one in row["passages"]}
    curated = curate(rows, feedback, Standing(documents))
    assert curated.funnel["cut off"] == 1
    assert [one.interaction_ids for one in curated.examples] == [(rows[0]["interaction_id"],)]


def test_questions_that_nobody_waits_for_any_more_are_not_begun(slow: Served, held: HeldEmbedder) -> None:
    held.free.clear()
    waiting = [threading.Thread(target=slow.asks, daemon=True) for _ in range(8)]
    for one in waiting:
        one.start()
    time.sleep(0.5)
    leave(slow, stream=False, after_first_byte=False)
    time.sleep(0.5)
    held.free.set()
    for one in waiting:
        one.join(30)
    assert [one["cut"] for one in slow.logged()] == [False] * 8


def test_an_answer_under_way_is_given_by_a_service_that_is_told_to_end(slow: Served, held: HeldEmbedder) -> None:
    replies: list[dict[str, Any]] = []
    held.free.clear()
    asking = threading.Thread(target=lambda: replies.append(slow.asks()))
    asking.start()
    time.sleep(0.5)
    slow.end()
    time.sleep(0.5)
    held.free.set()
    asking.join(30)
    (row,) = slow.logged()
    assert [one["ragloop"]["interaction_id"] for one in replies] == [row["interaction_id"]]
    assert row["cut"] is False


def ask_again(service: Served, held: HeldEmbedder, **headers: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask, and ask the same again while the first answer is still written."""
    replies: list[dict[str, Any]] = []

    def ask(**more: str) -> None:
        replies.append(service.api.post("/v1/chat/completions", json=chat(QUESTION), headers=more).json())

    held.free.clear()
    first = threading.Thread(target=ask, kwargs=headers)
    first.start()
    time.sleep(0.5)
    second = threading.Thread(target=ask, kwargs={**headers, "x-stainless-retry-count": "1"})
    second.start()
    time.sleep(0.5)
    held.free.set()
    first.join(30)
    second.join(30)
    return replies[0], replies[1]


def test_a_retried_request_is_answered_and_logged_once(slow: Served, held: HeldEmbedder) -> None:
    first, second = ask_again(slow, held)
    assert first["ragloop"]["interaction_id"] == second["ragloop"]["interaction_id"]
    retried = slow.api.post("/v1/chat/completions", json=chat(QUESTION), headers={"x-stainless-retry-count": "2"})
    assert retried.json()["ragloop"]["interaction_id"] == first["ragloop"]["interaction_id"]
    assert len(slow.logged()) == 1
    slow.asks()  # the same question, asked anew
    other = slow.api.post("/v1/chat/completions", json=chat("Ferry?"), headers={"x-stainless-retry-count": "1"})
    assert other.status_code == 200
    assert len(slow.logged()) == 3


def test_the_client_that_gives_up_and_retries_gets_the_answer_and_it_is_logged_once_as_whole(
    slow: Served, held: HeldEmbedder
) -> None:
    held.free.clear()
    threading.Timer(1.5, held.free.set).start()
    client = openai.OpenAI(base_url=f"{slow.address}/v1", api_key="none", max_retries=5, timeout=0.4)
    reply = client.chat.completions.create(model="ragloop", messages=[{"role": "user", "content": QUESTION}])
    assert reply.choices[0].message.content
    until(lambda: [one["cut"] for one in slow.logged()] == [False], "one answer, delivered", 10)


def test_a_request_that_its_client_names_is_logged_once(slow: Served) -> None:
    name = {"Idempotency-Key": "a1"}
    replies = [slow.api.post("/v1/chat/completions", json=chat(QUESTION), headers=name).json() for _ in range(3)]
    assert len({one["ragloop"]["interaction_id"] for one in replies}) == len(slow.logged()) == 1
    other = slow.api.post("/v1/chat/completions", json=chat("Ferry?"), headers=name)
    assert other.status_code == 422


def test_more_questions_than_may_wait_are_told_to_come_back(tmp_path: Any, held: HeldEmbedder) -> None:
    with served(make_app(tmp_path, held), parallel=1, waiting=1) as service:
        held.free.clear()
        asking = [threading.Thread(target=service.asks, daemon=True) for _ in range(2)]
        for one in asking:
            one.start()
        time.sleep(0.5)
        reply = service.api.post("/v1/chat/completions", json=chat(QUESTION))
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "2"
        held.free.set()
        for one in asking:
            one.join(30)
        assert service.asks()
    assert len(service.logged()) == 3
