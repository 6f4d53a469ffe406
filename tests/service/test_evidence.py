"""Feedback, logged answers, documents, search and figures over HTTP."""

from pathlib import Path

import pytest

from tests.service.conftest import make_app
from tests.support.served import QUESTION, Served, chat, error_of, served


def test_feedback_is_logged(service: Served) -> None:
    interaction_id = service.asks()["ragloop"]["interaction_id"]
    for body in ({"kind": "up"}, {"vote": "down"}, {"correction": "Ada keeps the bees."}):
        reply = service.api.post("/v1/feedback", json={"interaction_id": interaction_id, **body})
        assert reply.status_code == 200, reply.text
        assert reply.json()["feedback_id"]
    found = service.api.get(f"/v1/interactions/{interaction_id}").json()
    assert [one["kind"] for one in found["feedback"]] == ["up", "down", "correction"]
    assert found["question"] == QUESTION
    assert found["passages"][0]["text_hash"]
    assert found["latency_ms"]["retrieve"] >= 0
    assert "asked_by" not in found


def test_feedback_finds_an_answer_by_what_its_chat_client_calls_it(service: Served) -> None:
    headers = {"X-OpenWebUI-Chat-Id": "c1", "X-OpenWebUI-Message-Id": "m1"}
    asked = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers=headers).json()
    metadata = {"conversation_id": "c2", "message_id": "m2"}
    other = service.api.post("/v1/chat/completions", json=chat(QUESTION, metadata=metadata)).json()
    for conversation, message, expected in (("c1", "m1", asked), ("c2", "m2", other)):
        body = {"conversation": conversation, "message": message, "kind": "down"}
        reply = service.api.post("/v1/feedback", json=body).json()
        assert reply["interaction_id"] == expected["ragloop"]["interaction_id"]
    unknown = {"conversation": "c1", "message": "m2", "kind": "down"}
    assert service.api.post("/v1/feedback", json=unknown).status_code == 404


def test_feedback_by_the_names_of_a_client_is_on_the_answer_to_its_own_caller(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    mine, equal, more = (
        {"Authorization": f"Bearer {app.keys.create(name, labels).secret}"}
        for name, labels in (("mine", []), ("equal", []), ("more", ["hr"]))
    )
    about = {"conversation_id": "c", "message_id": "m"}
    vote = {"conversation": "c", "message": "m", "kind": "down"}
    with served(app) as service:

        def asked(headers: dict[str, str]) -> str:
            reply = service.api.post("/v1/chat/completions", json=chat(QUESTION, metadata=about), headers=headers)
            return str(reply.json()["ragloop"]["interaction_id"])

        first = asked(mine)
        asked(more)
        second = asked(equal)
        for headers, expected in ((mine, first), (equal, second)):
            reply = service.api.post("/v1/feedback", json=vote, headers=headers)
            assert reply.status_code == 200, reply.text
            assert reply.json()["interaction_id"] == expected


@pytest.mark.parametrize(
    "body", [{}, {"kind": "up", "correction": "a"}, {"kind": "correction"}, {"kind": "sideways"}, {"correction": ""}]
)
def test_feedback_that_says_nothing_is_refused(service: Served, body: dict[str, str]) -> None:
    interaction_id = service.asks()["ragloop"]["interaction_id"]
    reply = service.api.post("/v1/feedback", json={"interaction_id": interaction_id, **body})
    assert reply.status_code == 400
    error_of(reply)


def test_a_citation_leads_to_the_passage_in_its_document(service: Served) -> None:
    citation = service.asks()["ragloop"]["citations"][0]
    path = f"/v1/documents/{citation['document_id']}"
    found = service.api.get(path, params={"chunk": citation["chunk_id"]}).json()
    assert found["title"] == citation["title"] == "The bees"
    assert found["revision"] == citation["revision"]
    (cited,) = [one for one in found["chunks"] if one["cited"]]
    assert (cited["start"], cited["end"]) == (citation["start"], citation["end"])
    assert "Ada keeps the bees" in cited["text"]
    assert not [one for one in service.api.get(path).json()["chunks"] if one["cited"]]


def test_a_search_finds_passages_and_logs_nothing(service: Served) -> None:
    before = len(service.logged())
    found = service.api.post("/v1/search", json={"query": QUESTION, "top_k": 1}).json()["passages"]
    assert [one["title"] for one in found] == ["The bees"]
    assert len(service.logged()) == before
    for body in ({"query": ""}, {"query": QUESTION, "top_k": 0}, {"query": "x" * 5000}):
        assert service.api.post("/v1/search", json=body).status_code == 400


def test_figures_count_what_was_answered(service: Served) -> None:
    def figure(name: str) -> float:
        lines = service.api.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    name = 'ragloop_questions_total{abstained="false",lane="base+rag"}'
    before = figure(name)
    service.asks()
    assert figure(name) == before + 1
    assert figure("ragloop_documents ") == 0  # counts tell of documents that this caller does not see
    assert figure('ragloop_stage_seconds_count{stage="retrieve"}') >= 1
    assert figure('ragloop_requests_total{path="/v1/chat/completions",status="200"}') >= 1


def test_the_loop_counts_what_was_asked_and_tells_nothing_of_documents_out_of_view(service: Served) -> None:
    before = service.api.get("/v1/loop").json()
    interaction_id = service.asks()["ragloop"]["interaction_id"]
    service.api.post("/v1/feedback", json={"interaction_id": interaction_id, "kind": "up"})
    after = service.api.get("/v1/loop").json()
    assert (after["topics"], after["costs"]) == (None, None)
    assert after["days"][0]["questions"] == before["days"][0]["questions"] + 1
    assert after["days"][0]["up"] == before["days"][0]["up"] + 1
    assert after["lanes"]["base+rag"] == after["days"][0]["questions"]
    assert after["serving"] == []
    assert after["documents"] is None


def test_where_no_document_has_labels_whoever_needs_no_key_reads_all_figures(tmp_path: Path) -> None:
    with served(make_app(tmp_path, pay={})) as service:
        assert service.api.get("/v1/loop").json()["documents"]["documents"] == 2
        assert "\nragloop_documents 2.0\n" in service.api.get("/metrics").text
        service.asks()
        service.app.migration.topics()
        (topic,) = service.api.get("/v1/loop").json()["topics"]
        assert (topic["questions"], topic["lane"], topic["name"]) == (1, "base+rag", None)
        assert topic["held_back_by"]
        costs = service.api.get("/v1/loop").json()["costs"]
        assert costs["answers"] == 1
        assert costs["storage_usd"] >= 0
        assert "no machine has a price" in costs["notes"][0]
