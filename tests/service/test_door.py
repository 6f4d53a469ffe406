"""What a request passes before any route, and the form of every error."""

import socket

import httpx
import pytest

from ragloop.cli.main import main
from ragloop.config.answering import ServiceSettings
from ragloop.errors import ConfigError
from ragloop.service.callers import Caller, RateLimit
from ragloop.service.refusals import Refused
from ragloop.service.server import is_loopback, must_be_protected
from tests.service.conftest import make_app
from tests.support.served import QUESTION, Served, chat, error_of, served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/models/gpt-4o", 404),
        ("GET", "/v1/interactions/none", 404),
        ("GET", "/v1/documents/none", 404),
        ("POST", "/v1/embeddings", 400),
        ("POST", "/v1/search", 400),
        ("POST", "/v1/feedback", 400),
        ("POST", "/v1/responses", 400),
        ("POST", "/v1/completions", 400),
    ],
)
def test_errors_have_one_form_on_every_route(service: Served, method: str, path: str, status: int) -> None:
    reply = service.api.request(method, path, json={} if method == "POST" else None)
    assert reply.status_code == status
    error_of(reply)


def test_a_body_that_is_no_json_is_a_bad_request(service: Served) -> None:
    for body in (b"{", b"", b"[]", b"\xff", b'"a"'):
        headers = {"content-type": "application/json"}
        reply = service.api.post("/v1/chat/completions", content=body, headers=headers)
        assert reply.status_code == 400
        error_of(reply)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"messages": []}', "", "found a body of no type, expected JSON: send it with the header Content-Type"),
        (b"{}", "application/x-www-form-urlencoded", "found a body of the type application/x-www-form-urlencoded"),
        (b'{"a": b}', "application/json", "the body is no JSON: Expecting value at character 6"),
        (b"[]", "application/json", "found no object in the body"),
    ],
)
def test_what_keeps_a_body_from_being_read_is_said(service: Served, body: bytes, kind: str, said: str) -> None:
    headers = {"content-type": kind} if kind else {}
    reply = service.api.post("/v1/chat/completions", content=body, headers=headers)
    assert (reply.status_code, error_of(reply)["param"]) == (400, None)
    assert error_of(reply)["message"].startswith(said)


def test_a_body_that_is_too_large_is_refused_stated_or_not(service: Served) -> None:
    large = b"x" * (1024 * 1024 + 1)
    stated = service.api.post("/v1/chat/completions", content=large)
    chunked = service.api.post("/v1/chat/completions", content=iter([large[:700_000], large[700_000:]]))
    for reply in (stated, chunked):
        assert reply.status_code == 413
        error_of(reply)
    assert service.asks()


def test_a_page_of_another_site_reaches_nothing(service: Served) -> None:
    port = service.address.rsplit(":", 1)[1]
    turned = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers={"host": f"evil.example:{port}"})
    foreign = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers={"origin": "https://evil.example"})
    opaque = service.api.post("/v1/chat/completions", json=chat(QUESTION), headers={"origin": "null"})
    for reply in (turned, foreign, opaque):
        assert reply.status_code == 403
        error_of(reply)
        assert not [name for name in reply.headers if name.startswith("access-control")]
    for name in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert service.api.get("/healthz", headers={"host": name}).status_code == 200
    assert service.api.get("/healthz", headers={"origin": service.address}).status_code == 200


def test_the_holder_of_a_key_is_let_in_so_often_a_minute(tmp_path) -> None:
    app = make_app(tmp_path)
    with served(app, requests_per_minute=3) as service:
        assert {service.api.get("/v1/models").status_code for _ in range(5)} == {200}  # a user of this machine
        headers = {"authorization": f"Bearer {app.keys.create('web').secret}"}
        statuses = [service.api.get("/v1/models", headers=headers).status_code for _ in range(4)]
        last = service.api.get("/v1/models", headers=headers)
    assert statuses == [200, 200, 200, 429]
    assert last.status_code == 429
    assert 1 <= int(last.headers["retry-after"]) <= 20
    assert error_of(last)["type"] == "rate_limit_error"


def test_the_rate_refills_as_time_goes() -> None:
    now = [0.0]
    rate = RateLimit(2, lambda: now[0])
    caller = Caller("k1")
    rate.take(caller)
    rate.take(caller)
    with pytest.raises(Refused) as refused:
        rate.take(caller)
    assert refused.value.headers == {"Retry-After": "30"}
    rate.take(Caller("k2"))
    now[0] = 30
    rate.take(caller)
    with pytest.raises(Refused):
        rate.take(caller)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_others_reach_any_other_address(host: str) -> None:
    assert not is_loopback(host)


def test_it_is_not_served_to_other_machines_without_a_key(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    app = make_app(tmp_path)
    with pytest.raises(ConfigError, match="ragloop keys create"):
        must_be_protected(app, "0.0.0.0")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--host", "0.0.0.0", "--port", "0", "--home", str(tmp_path / "home")])
    assert ended.value.code == 2
    assert "ragloop keys create" in capsys.readouterr().err
    made = app.keys.create("web")
    must_be_protected(app, "0.0.0.0")
    app.keys.revoke("web")
    with pytest.raises(ConfigError):
        must_be_protected(app, "0.0.0.0")
    assert made.secret


def test_with_a_key_others_may_call_by_any_name_and_nobody_without(tmp_path) -> None:
    app = make_app(tmp_path)
    secret = app.keys.create("web").secret
    with served(app, host="0.0.0.0") as service:
        address = service.address.replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=address, headers={"host": "ragloop.example"}, timeout=60) as api:
            assert api.get("/v1/models").status_code == 401
            assert api.get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 200
            assert api.get("/healthz").status_code == 200


def test_an_address_that_is_taken_is_named(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["serve", "--port", str(port), "--home", str(tmp_path / "home")])
    assert ended.value.code == 2
    assert f"port {port}" in capsys.readouterr().err


def test_the_service_listens_on_loopback_unless_it_is_told_otherwise() -> None:
    assert ServiceSettings().host == "127.0.0.1"
