"""Traffic of other services that is posted to this one: roles, sizes, replies, and that nothing of it is lost."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from ragloop.app import App
from ragloop.errors import StorageFullError
from ragloop.keys import Role
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.intake.posted import PostedTraces
from ragloop.traffic.intake.requests import PROTOBUF, Request
from ragloop.traffic.intake.spool import Spool
from ragloop.traffic.intake.traces import TraceIntake
from tests.service.conftest import make_app
from tests.support.client_programs import run_client
from tests.support.served import Served, error_of, served
from tests.support.waiting import until
from tests.traffic.test_formats import EXPORTS, QUESTIONS

WHOLE = (EXPORTS / "openinference-langchain.otlp.pb").read_bytes()
LINES = (EXPORTS / "openinference-langchain.otlp.jsonl").read_bytes().splitlines()
ANSWER = {"id": "7", "question": "Who keeps the bees?", "answer": "Ada does. [1]", "passages": [], "feedback": "up"}


@pytest.fixture
def quick(tmp_path: Path) -> App:
    """A home whose traces are done at once."""
    app = make_app(tmp_path)
    app.traffic.traces = PostedTraces(app.settings.home, app.traffic.take_in, TraceIntake(0.2, 0.4))
    return app


def post(service: Served, body: bytes, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
    return service.api.post("/v1/traces", content=body, headers={"content-type": kind, **headers})


def spooled(home: Path) -> list[Path]:
    return [one for one in (home / "traces").glob("*/*") if one.name != "lock"]


def asked(app: App) -> list[str]:
    return sorted(one["question"] for one in app.journal.interactions().to_pylist())


def test_spans_in_several_posts_and_posted_twice_are_logged_once(quick: App) -> None:
    with served(quick) as service:
        for _ in range(2):
            for line in LINES:
                reply = post(service, gzip.compress(line), "application/json", **{"content-encoding": "gzip"})
                assert (reply.status_code, reply.json()) == (200, {})
        assert post(service, WHOLE).content == b""
        assert spooled(quick.settings.home), "what was acknowledged is on disk"
        until(lambda: asked(quick) == sorted(QUESTIONS), "the traces to be logged", 20)
        until(lambda: not spooled(quick.settings.home), "the requests to be dropped", 20)
    assert asked(quick) == sorted(QUESTIONS)
    assert not list((quick.settings.home / "traces").iterdir()), "the folder of an ended process is removed"


def test_a_service_that_ends_logs_what_came(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    with served(app) as service:
        post(service, WHOLE)
        assert not asked(app), "a trace waits for what may follow"
    assert asked(app) == sorted(QUESTIONS)


def test_what_a_killed_service_acknowledged_is_logged_by_the_next(quick: App) -> None:
    command = [sys.executable, "-c", "from ragloop.cli.main import run; run()", "--home", str(quick.settings.home)]
    with subprocess.Popen([*command, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        address = next(one[0] for line in running.stderr if (one := re.search(r"http://127\.0\.0\.1:\d+", line)))
        until(lambda: httpx.get(f"{address}/healthz").status_code == 200, "the service to listen", 30)
        reply = httpx.post(f"{address}/v1/traces", content=WHOLE, headers={"content-type": PROTOBUF})
        assert reply.status_code == 200
        running.kill()
    assert not asked(quick)
    assert spooled(quick.settings.home)
    with served(quick):
        until(lambda: asked(quick) == sorted(QUESTIONS), "the traces to be logged", 20)


def test_what_cannot_be_logged_now_waits(tmp_path: Path) -> None:
    logged = list[Exchange]()

    def log_all(exchanges: Iterable[Exchange]) -> None:
        if not logged and (tmp_path / "full").exists():
            raise StorageFullError("no space left")
        logged.extend(exchanges)

    traces = PostedTraces(tmp_path, log_all, TraceIntake(0, 0))
    (tmp_path / "full").touch()
    traces.take(Request(WHOLE, PROTOBUF, ""))
    with pytest.raises(StorageFullError):
        traces.log_due()
    assert spooled(tmp_path)
    (tmp_path / "full").unlink()
    traces.log_due()
    assert [one.question for one in logged] == QUESTIONS
    assert not spooled(tmp_path)
    traces.close()


def test_two_processes_share_a_home(tmp_path: Path) -> None:
    first, second = Spool(tmp_path), Spool(tmp_path)
    first.keep(Request(WHOLE, PROTOBUF, ""))
    assert not list(second.take_over()), "what a running process keeps is its own"
    first.close()
    assert [request.body for _, request in second.take_over()] == [WHOLE]
    third = Spool(tmp_path)
    assert not list(third.take_over())
    third.close()
    second.close()


@pytest.mark.parametrize(
    ("body", "kind"), [(b"{", "application/json"), (b"\xff" * 50, PROTOBUF), (WHOLE, "text/plain")]
)
def test_spans_that_cannot_be_read_are_refused_for_good(service: Served, body: bytes, kind: str) -> None:
    reply = post(service, body, kind)
    assert reply.status_code == 400
    assert "expected spans of OTLP" in reply.text


def test_a_batch_may_be_larger_than_a_question(service: Served) -> None:
    large = json.dumps({**json.loads(LINES[0]), "more": "x" * 2_000_000}).encode()
    assert post(service, large, "application/json").status_code == 200
    assert post(service, large * 9, "application/json").status_code == 413
    assert service.api.post("/v1/search", content=large).status_code == 413


def test_only_a_key_for_traffic_adds_to_the_log(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    secrets = {role: app.keys.create(role, roles=[role]).secret for role in Role}
    with served(app) as service:
        for role, secret in secrets.items():
            headers = {"authorization": f"Bearer {secret}"}
            wanted = 200 if role is Role.TRAFFIC else 403
            assert service.api.post("/v1/interactions", json=ANSWER, headers=headers).status_code == wanted
            assert post(service, LINES[0], "application/json", **headers).status_code == wanted
        assert post(service, LINES[0], "application/json").status_code == 401


def test_answers_are_posted_one_by_one_or_many(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    passage = {"text": "Ada keeps the bees behind the old mill.", "source": "bees.md"}
    many = [{**ANSWER, "id": str(n), "passages": [passage]} for n in range(3)]
    with served(app) as service:
        one = service.api.post("/v1/interactions", json=ANSWER).json()
        assert (len(one["interaction_ids"]), one["votes"], one["skipped"]) == (1, 1, 0)
        for _ in range(2):
            packed = gzip.compress(json.dumps([*many, {"question": " "}]).encode())
            reply = service.api.post("/v1/interactions", content=packed, headers={"content-encoding": "gzip"})
            assert reply.status_code == 200
            told = reply.json()
            assert (len(told["interaction_ids"]), told["tied"], told["skipped"]) == (3, 3, 1)
            assert "item 4" in told["problems"][0]["place"]
        hidden = service.api.get(f"/v1/interactions/{told['interaction_ids'][0]}")
    assert hidden.status_code == 404, "nobody knows what the one who asked another service could see"
    assert app.journal.counts() == {"interactions": 4, "feedback": 4}


@pytest.mark.parametrize("body", [b"{", b'{"question": "a"}', b"[1]", b'[{"answer": "b"}]'])
def test_what_holds_no_answer_is_refused(service: Served, body: bytes) -> None:
    reply = service.api.post("/v1/interactions", content=body)
    assert reply.status_code == 400
    error_of(reply)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_exporter_of_opentelemetry_sends_its_spans_here(quick: App, clients_python: str) -> None:
    # The exporter sends a trace in two parts, between which a busy machine may wait a second.
    quick.traffic.traces = PostedTraces(quick.settings.home, quick.traffic.take_in, TraceIntake(5, 10))
    secret = quick.keys.create("app", roles=[Role.TRAFFIC]).secret
    with served(quick) as service:
        found = run_client(clients_python, "spans.py", f"{service.address}/v1/traces", secret)
        until(lambda: len(asked(quick)) == 2, "the traces to be logged", 60)
    assert found == {"sent": ["gzip", "none"], "refused": "401"}
    rows = quick.journal.interactions().to_pylist()
    assert {one["question"] for one in rows} == {"Who keeps the bees (gzip)?", "Who keeps the bees (none)?"}
    assert {one["passages"][0]["verdict"] for one in rows} == {"document"}
