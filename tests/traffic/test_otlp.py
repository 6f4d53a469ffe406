"""Spans that a service sends while it runs, in several requests, in JSON and protobuf; and answers that it posts."""

import gzip
import json
from pathlib import Path

import pytest

from ragloop.errors import UsageError
from ragloop.traffic.otlp import JSON, PROTOBUF, TraceIntake, accepted
from tests.support.indexed_folder import IndexedFolder
from tests.traffic.test_formats import EXPORTS, QUESTIONS, exchanges, read

WHOLE = (EXPORTS / "openinference-langchain.otlp.pb").read_bytes()
LINES = (EXPORTS / "openinference-langchain.otlp.jsonl").read_bytes().splitlines()


def test_protobuf_says_what_json_says() -> None:
    intake = TraceIntake()
    assert intake.take(WHOLE, PROTOBUF, "", now=0) == len(LINES)
    assert intake.rest() == exchanges(read(EXPORTS / "openinference-langchain.otlp.jsonl"))


def test_a_trace_is_done_when_its_root_has_come_and_nothing_follows() -> None:
    intake = TraceIntake(after_root_s=5, without_root_s=60)
    for at, line in enumerate(LINES):
        intake.take(gzip.compress(line, mtime=0), f"{JSON}; charset=utf-8", "gzip", now=at / 100)
    assert intake.due(now=1) == []
    assert [one.question for one in intake.due(now=10)] == QUESTIONS
    assert intake.due(now=1000) == []


def test_a_trace_without_a_root_waits_longer() -> None:
    intake = TraceIntake(after_root_s=5, without_root_s=60)
    intake.take(LINES[0], JSON, "", now=0)
    assert intake.due(now=30) == []
    assert len(intake.due(now=61)) == 1


@pytest.mark.parametrize(
    ("body", "kind", "encoding"),
    [
        (b"{", JSON, ""), (WHOLE[:1000], PROTOBUF, ""), (b"\xff" * 50, PROTOBUF, ""), (WHOLE, "text/plain", ""),
        (gzip.compress(WHOLE, mtime=0)[:100], PROTOBUF, "gzip"), (WHOLE, PROTOBUF, "br"),
        (b'{"resourceSpans": [1]}', JSON, ""),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_refused_whole(body: bytes, kind: str, encoding: str) -> None:
    intake = TraceIntake()
    with pytest.raises(UsageError, match="expected spans of OTLP"):
        intake.take(body, kind, encoding, now=0)
    assert intake.rest() == []


def test_the_answer_is_of_the_kind_of_the_request() -> None:
    assert accepted(PROTOBUF) == (b"", PROTOBUF)
    assert accepted("application/json; charset=utf-8") == (b"{}", JSON)


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
