"""Spans that a service sends while it runs, in several requests, in JSON and protobuf; and answers that it posts."""

import gzip
import json
from pathlib import Path

import pytest

from ragloop.errors import UsageError
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.intake.requests import JSON, PROTOBUF, Request, Spans, accepted, read_request, refused
from ragloop.traffic.intake.traces import TraceIntake
from tests.support.indexed_folder import IndexedFolder
from tests.traffic.test_formats import EXPORTS, QUESTIONS, exchanges, read

WHOLE = (EXPORTS / "openinference-langchain.otlp.pb").read_bytes()
LINES = (EXPORTS / "openinference-langchain.otlp.jsonl").read_bytes().splitlines()


def taken(intake: TraceIntake, body: bytes, kind: str, encoding: str = "", now: float = 0, name: str = "r") -> Spans:
    spans = read_request(Request(body, kind, encoding))
    intake.take(spans.steps, name, now)
    return spans


def due(intake: TraceIntake, now: float) -> list[Exchange]:
    return list(intake.due(now).exchanges())


def test_protobuf_says_what_json_says() -> None:
    intake = TraceIntake()
    assert len(taken(intake, WHOLE, PROTOBUF).steps) == len(LINES)
    assert list(intake.rest().exchanges()) == exchanges(read(EXPORTS / "openinference-langchain.otlp.jsonl"))


def test_a_trace_is_done_when_its_root_has_come_and_nothing_follows() -> None:
    intake = TraceIntake(after_root_s=5, without_root_s=60)
    for at, line in enumerate(LINES):
        taken(intake, gzip.compress(line, mtime=0), f"{JSON}; charset=utf-8", "gzip", now=at / 100)
    assert due(intake, now=1) == []
    assert [one.question for one in due(intake, now=10)] == QUESTIONS
    assert due(intake, now=1000) == []


def test_a_trace_without_a_root_waits_longer() -> None:
    intake = TraceIntake(after_root_s=5, without_root_s=60)
    taken(intake, LINES[0], JSON)
    assert due(intake, now=30) == []
    assert len(due(intake, now=61)) == 1


def test_a_request_is_finished_when_all_of_its_traces_are_in_the_log() -> None:
    intake = TraceIntake(after_root_s=5, without_root_s=60)
    taken(intake, WHOLE, PROTOBUF, now=0, name="first")
    taken(intake, WHOLE, PROTOBUF, now=1, name="again")
    done = intake.due(now=10)
    assert len(list(done.exchanges())) == len(QUESTIONS), "what is sent twice is one exchange"
    taken(intake, LINES[0], JSON, now=10, name="late")
    intake.give_back(done)
    others = intake.due(now=11)
    assert len(others.traces) == len(done.traces) - 1, "the trace of which something came waits for more"
    assert intake.finish(others) == [], "one trace of both requests waits"
    assert sorted(intake.finish(intake.due(now=80))) == ["again", "first", "late"]
    assert not intake.rest().traces


@pytest.mark.parametrize(
    ("body", "kind", "encoding"),
    [
        (b"{", JSON, ""), (WHOLE[:1000], PROTOBUF, ""), (b"\xff" * 50, PROTOBUF, ""), (WHOLE, "text/plain", ""),
        (gzip.compress(WHOLE, mtime=0)[:100], PROTOBUF, "gzip"), (WHOLE, PROTOBUF, "br"), (WHOLE, PROTOBUF, "gzip"),
        (b'{"resourceSpans": [1]}', JSON, ""), (b"[]x", JSON, ""), (b'{"resourceSpans": 1}', JSON, ""),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_refused_whole(body: bytes, kind: str, encoding: str) -> None:
    with pytest.raises(UsageError, match="expected spans of OTLP"):
        read_request(Request(body, kind, encoding))


def test_a_broken_span_is_rejected_and_no_other_with_it() -> None:
    record = json.loads(LINES[0])
    spans = record["resourceSpans"][0]["scopeSpans"][0]["spans"]
    whole = len(spans)
    spans += [{**spans[0], "traceId": ""}, {**spans[0], "attributes": 3}, {"spanId": "1"}, None]
    request = Request(json.dumps(record).encode(), JSON, "")
    found = read_request(request)
    assert (len(found.steps), found.rejected) == (whole, 4)
    body, kind = accepted(request, found)
    assert kind == JSON
    assert json.loads(body)["partialSuccess"] == {"rejectedSpans": "4", "errorMessage": found.problem}


def test_replies_are_of_the_kind_of_the_request() -> None:
    proto, other = Request(b"", PROTOBUF, ""), Request(b"", "application/json; charset=utf-8", "")
    assert accepted(proto, Spans()) == (b"", PROTOBUF)
    assert accepted(other, Spans()) == (b"{}", JSON)
    # As protobuf itself writes ExportTracePartialSuccess(rejected_spans=300, error_message="no") and Status(3, "no").
    assert accepted(proto, Spans((), 300, "no")) == (b"\n\x07\x08\xac\x02\x12\x02no", PROTOBUF)
    assert refused(proto, "no", passing=False) == (b"\x08\x03\x12\x02no", PROTOBUF)
    assert json.loads(refused(other, "no", passing=True)[0]) == {"code": 14, "message": "no"}


def test_what_is_posted_is_on_disk_with_its_votes(indexed: IndexedFolder) -> None:
    indexed.write("a.md", "# A\n\nThe ferry leaves the north pier at nine and comes back at five.\n")
    indexed.sync()
    passage = {"text": "The ferry leaves the north pier at nine", "source": "a.md"}
    body = json.dumps({"id": "1", "question": "When?", "answer": "At nine.", "passages": [passage], "feedback": "up"})
    app = indexed.app()
    for _ in range(2):
        report, (interaction_id,) = app.traffic.take_posted(body.encode())
        assert (report.rows, report.tied, report.votes) == (1, 1, 1)
    assert indexed.app().journal.counts() == {"interactions": 1, "feedback": 1}
    (row,) = indexed.app().journal.interactions().to_pylist()
    assert (row["interaction_id"], row["passages"][0]["verdict"]) == (interaction_id, "document")
    with pytest.raises(UsageError, match="found no JSON"):
        app.traffic.take_posted(b"{")


def test_a_posted_answer_follows_the_documents(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write("a.md", "# A\n\nThe ferry leaves the north pier at nine and comes back at five.\n")
    indexed.sync()
    app = indexed.app()
    body = {
        "question": "When?",
        "answer": "At nine.",
        "passages": ["The ferry leaves the north pier at nine and comes back"],
    }
    assert app.traffic.take_posted(json.dumps({**body, "id": "1"}).encode())[0].verdicts["text"] == 1
    indexed.write("a.md", "# A\n\nThe ferry leaves the north pier at ten and comes back at five.\n")
    indexed.sync()
    assert app.traffic.take_posted(json.dumps({**body, "id": "2"}).encode())[0].verdicts["text"] == 0
