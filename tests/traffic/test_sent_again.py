"""Spans that come again or in parts, and what a service wrote that the log cannot hold: what the log has then."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.app.traffic import Traffic
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.importing import FEW
from ragloop.traffic.intake.posted import PostedTraces
from ragloop.traffic.intake.requests import JSON, Request
from ragloop.traffic.intake.traces import TraceIntake
from tests.support.indexed_folder import IndexedFolder
from tests.traffic.test_formats import generation, retrieval, span

FERRY = "The ferry leaves the north pier at nine and comes back at five."


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def app(indexed: IndexedFolder) -> App:
    indexed.write("a.md", f"# A\n\n{FERRY}\n")
    indexed.sync()
    return indexed.app()


def request(*spans: dict[str, Any]) -> Request:
    return Request(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode(), JSON, "")


def posted(app: App, clock: Clock, *requests: Request) -> None:
    """Requests of a process that ends when their traces are in the log."""
    traces = PostedTraces(app.settings.home, app.traffic.take_in, TraceIntake(), clock)
    for one in requests:
        traces.take(one)
    clock.now += 100
    traces.log_due()
    traces.close()


def rows(app: App) -> list[dict[str, Any]]:
    return list(app.journal.interactions().to_pylist())


@pytest.mark.parametrize("folded", [False, True])
def test_a_part_of_a_trace_that_is_sent_again_replaces_no_whole_one(app: App, folded: bool) -> None:
    clock = Clock()
    root = span("root", input__value="When?", output__value="At nine.")
    inner = request(retrieval("r", "root", "When?", FERRY, 1), generation("g", "root", "At nine.", 2))
    posted(app, clock, inner, request(root))
    if folded:
        app.journal.fold()
    posted(app, clock, request(root))
    (row,) = rows(app)
    assert [one["verdict"] for one in row["passages"]] == ["text"]
    posted(app, clock, inner, request({**root, "attributes": span("", output__value="At ten.")["attributes"]}))
    (row,) = rows(app)
    assert (row["answer"], len(row["passages"])) == ("At ten.", 1), "a whole one replaces it"


def of_trace(number: int, **attributes: Any) -> dict[str, Any]:
    values = {"input__value": f"What is {number}?", "output__value": f"It is {number}."}
    return {**span("root", **values, **attributes), "traceId": f"t{number}"}


def test_half_a_surrogate_pair_of_a_session_or_a_trace_costs_nothing(app: App) -> None:
    spans = [of_trace(number) for number in range(FEW)]
    odd = {**of_trace(FEW, session__id="\ud800x"), "traceId": "odd\ud800"}
    posted(app, Clock(), request(*spans, odd))
    found = rows(app)
    assert len(found) == FEW + 1
    assert [one["origin"] for one in found if one["conversation"] == "?x"] == ["otlp:odd?:root"]


SECRET = "ghp_" + "a1" * 18


def test_secrets_of_others_are_masked_in_the_log(app: App) -> None:
    said = {
        "id": "1",
        "question": f"Is {SECRET}\u200b mine?",
        "answer": f"{SECRET}\nis.",
        "correction": f"No, {SECRET}.",
    }
    report, (interaction_id,) = app.traffic.take_posted(json.dumps(said).encode())
    assert report.votes == 1
    (row,) = rows(app)
    assert (row["question"], row["answer"]) == ("Is <secret> mine?", "<secret>\nis.")
    app.journal.give_feedback(interaction_id, "correction", f"Ada has {SECRET}\nnow.")
    given = [one["correction"] for one in app.journal.feedback().to_pylist()]
    assert SECRET not in str(given)
    assert given[-1] == "Ada has <secret>\nnow."


def test_an_index_that_is_restored_in_place_is_opened_anew(indexed: IndexedFolder, tmp_path: Path) -> None:
    other = IndexedFolder(tmp_path / "other", tmp_path / "documents")
    for home, text in ((indexed, FERRY.replace("nine", "ten")), (other, FERRY)):
        home.write("a.md", f"# A\n\n{text}\n")
        home.sync()
    app, clock = indexed.app(), Clock()
    traffic = Traffic(app.parts, clock)

    def stands(name: str) -> int:
        said = {"id": name, "question": "When?", "answer": "At nine.", "passages": [FERRY]}
        return traffic.take_posted(json.dumps(said).encode())[0].verdicts["text"]

    assert stands("1") == 0
    before = app.index.version
    shutil.rmtree(indexed.home)
    shutil.copytree(other.home, indexed.home)
    assert app.index.version == before
    clock.now += 5
    assert stands("2") == 1


def test_a_torn_file_stops_no_request_after_it(app: App) -> None:
    left = app.settings.home / "traces" / "1"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "0").write_bytes(b'{"content_type": "applic')
    (left / "1").write_bytes(b'{"content_type": "application/json", "other": ""}\n{}')
    whole = request(of_trace(1))
    head = json.dumps({"content_type": whole.content_type, "encoding": ""}).encode()
    (left / "2").write_bytes(head + b"\n" + whole.body)
    for _ in range(2):
        posted(app, Clock())
        assert [one["question"] for one in rows(app)] == ["What is 1?"]
        assert sorted(one.name for one in app.settings.home.glob("traces/*/*")) == ["0.torn", "1.torn", "lock"]


def test_what_cannot_be_logged_costs_itself_alone(tmp_path: Path) -> None:
    logged = list[str]()

    def log_all(exchanges: Iterable[Exchange]) -> None:
        questions = [one.question for one in exchanges]
        if "What is 1?" in questions:
            raise OverflowError
        logged.extend(questions)

    traces = PostedTraces(tmp_path, log_all, TraceIntake(0, 0))
    traces.take(request(*map(of_trace, range(3))))
    traces.log_due()
    traces.close()
    assert logged == ["What is 0?", "What is 2?"]
    assert not list((tmp_path / "traces").iterdir()), "it is not tried again"
