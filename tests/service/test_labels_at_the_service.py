"""Nothing that a caller gets tells of a document that it may not see: all is as if the document were not there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragloop.app import App
from tests.service.conftest import PAY, make_app
from tests.support.served import QUESTION, Served, chat, served

WORDS = sorted(set(re.findall(r"\w+", " ".join([*PAY.values(), "who keeps the bees when does the ferry leave"]))))
VARIES = re.compile(
    r'"(?:id|interaction_id|created|created_at|latency_ms|item_id|feedback_id|asked_at)": ?(?:"[^"]*"|[\d.]+)'
    r"|(?:chatcmpl-|cmpl-|resp_|msg_)[0-9a-f]+|[0-9a-f]{32}"
)
"""What differs between two equal calls: ids and times."""
SECRET = re.compile(r"Zebulon|\b7312\b|Karl|wages", re.IGNORECASE)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """A service with a document that its caller may not see, and one of the same home without it."""
    with_it = make_app(tmp_path_factory.mktemp("with"))
    place = tmp_path_factory.mktemp("without")
    without = make_app(place, pay={})
    with served(with_it, requests_per_minute=0) as one, served(without, requests_per_minute=0) as other:
        yield one, other


def same(both: tuple[Served, Served], path: str, body: dict[str, Any]) -> list[str]:
    replies = [one.api.post(path, json=body) for one in both]
    assert replies[0].status_code == replies[1].status_code
    return [neutral(reply.text, one.app) for reply, one in zip(replies, both, strict=True)]


def neutral(text: str, app: App) -> str:
    return VARIES.sub("", text.replace(str(app.settings.home.parent), "HOME"))


@settings(max_examples=40)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_answers_passages_and_counts_are_those_of_a_home_without_it(
    both: tuple[Served, Served], words: list[str]
) -> None:
    question = " ".join(words)
    one, other = (
        json.loads(reply)["passages"] for reply in same(both, "/v1/search", {"query": question, "top_k": 100})
    )
    assert sorted(map(content, one)) == sorted(map(content, other))
    assert not SECRET.search(json.dumps(one))
    if list(map(content, one)) != list(map(content, other)):
        # How rare a word is, is counted over all documents, so what is out of view may turn two passages round.
        return
    for path, body in (
        ("/v1/chat/completions", chat(question)),
        ("/v1/chat/completions", chat(question, stream=True)),
        ("/v1/responses", {"model": "ragloop", "input": question}),
    ):
        first, second = same(both, path, body)
        assert first == second
        assert not SECRET.search(first)


def content(passage: dict[str, Any]) -> tuple[object, ...]:
    return passage["uri"], passage["text"], passage["similarity"]


def test_of_a_document_out_of_view_it_is_not_said_that_it_exists(both: tuple[Served, Served]) -> None:
    hidden, _ = both
    found = hidden.app.answering.search("Karl", labels=["hr"]).passages
    (document_id,) = {one.document_id for one in found if one.source == "pay"}
    chunk_id = next(one.chunk_id for one in found if one.source == "pay")
    for params in ({}, {"chunk": chunk_id}):
        there = hidden.api.get(f"/v1/documents/{document_id}", params=params)
        nowhere = hidden.api.get("/v1/documents/nothing", params=params)
        assert (there.status_code, there.text) == (nowhere.status_code, nowhere.text) == (404, there.text)


def test_an_answer_to_a_caller_who_sees_more_is_not_shown_nor_voted_on(both: tuple[Served, Served]) -> None:
    hidden, _ = both
    seen_by_hr = hidden.app.answering.answerer.ask("What does Karl earn?", labels=["hr"]).interaction_id
    given_by_another = hidden.app.answering.log("What does Karl earn?", "7312 crowns.", [PAY["wages.md"]])
    mine = hidden.app.answering.answerer.ask(QUESTION).interaction_id
    for interaction_id in (seen_by_hr, given_by_another):
        there = hidden.api.get(f"/v1/interactions/{interaction_id}")
        nowhere = hidden.api.get("/v1/interactions/nothing")
        assert (there.status_code, there.text) == (nowhere.status_code, nowhere.text)
        vote = hidden.api.post("/v1/feedback", json={"interaction_id": interaction_id, "kind": "up"})
        assert vote.status_code == 404
        assert vote.text == there.text
    assert hidden.api.get(f"/v1/interactions/{mine}").status_code == 200


def test_a_label_that_comes_later_hides_the_answers_that_rest_on_the_document(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("later")
    app = make_app(place)
    interaction_id = app.answering.answerer.ask(QUESTION).interaction_id
    with served(app) as service:
        assert service.api.get(f"/v1/interactions/{interaction_id}").status_code == 200
        assert make_app(place, open_labels=["staff"]).index
        assert service.api.get(f"/v1/interactions/{interaction_id}").status_code == 404
        assert "Ada" not in service.asks()["choices"][0]["message"]["content"]
        staff = app.keys.create("staff", ["staff", "hr"]).secret
        headers = {"authorization": f"Bearer {staff}"}
        reply = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers=headers).json()
        assert "Ada" in reply["choices"][0]["message"]["content"]
        path = f"/v1/interactions/{reply['ragloop']['interaction_id']}"
        assert service.api.get(path, headers=headers).status_code == 200
        narrow = app.keys.create("narrow", ["staff"]).secret
        headers = {"authorization": f"Bearer {narrow}"}
    with served(app) as again:
        assert again.api.get(path, headers=headers).status_code == 404
