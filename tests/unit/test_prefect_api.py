"""What is said where Prefect's address is wrong."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest

from ragloop.config import Settings
from ragloop.errors import UnavailableError
from ragloop.orchestrator.liveness import prefect_report
from ragloop.orchestrator.prefect_api import PrefectApi, named_api, without_proxy


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.end_headers()
        asked = self.headers.get("Authorization")
        self.wfile.write(json.dumps(asked).encode() if asked else b"<html>some other site</html>")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def page() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Page)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    serving.join()


def test_an_invalid_address_is_an_error_of_one_line() -> None:
    with pytest.raises(UnavailableError, match="Prefect at nowhere does not answer"):
        PrefectApi("nowhere", 1).call("GET", "/health")


def test_a_status_names_what_is_not_prefect_and_goes_on(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", page)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:secret")
    report = prefect_report(Settings(home=tmp_path))
    assert report is not None
    (problem,) = report["problems"]
    assert "does not answer like a Prefect server" in problem
    assert "secret" not in problem


def test_a_server_that_is_not_prefect_is_one_line(page: str) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        PrefectApi(page, 1).call("GET", "/health")


def test_a_read_that_is_not_answered_is_asked_again_and_a_change_is_not() -> None:
    held, asked = threading.Event(), []

    class Holding(_Page):
        def _answer(self) -> None:
            asked.append(self.command)
            if asked.count(self.command) == 1:
                held.wait(20)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[1]")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Holding)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    api = PrefectApi(f"http://127.0.0.1:{server.server_port}", 1.5)
    try:
        assert api.call("GET", "/flows/1") == [1]
        with pytest.raises(UnavailableError, match="does not answer POST /flows/ in time"):
            api.call("POST", "/flows/", {})
    finally:
        held.set()
        server.shutdown()
        server.server_close()
        serving.join()
    assert asked == ["GET", "GET", "POST"]


def test_calls_that_may_take_so_long_together_end_by_then() -> None:
    class Slow(_Page):
        def _answer(self) -> None:
            time.sleep(0.4)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[1]")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    api = PrefectApi(f"http://127.0.0.1:{server.server_port}").within(1)
    began = time.monotonic()
    try:
        assert api.call("GET", "/flows/1") == [1]
        with pytest.raises(UnavailableError):
            _ask_for_ever(api)
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
    assert time.monotonic() - began < 3


def _ask_for_ever(api: PrefectApi) -> None:
    while True:
        api.call("GET", "/flows/1")


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [("PREFECT_API_KEY", "pnu_1", "Bearer pnu_1"), ("PREFECT_API_AUTH_STRING", "me:secret", "Basic bWU6c2VjcmV0")],
)
def test_a_protected_server_is_asked_as_prefect_would(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sent: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", page)
    monkeypatch.setenv(name, value)
    assert named_api(tmp_path, 1).call("GET", "/health") == sent
    assert value not in repr(named_api(tmp_path, 1))


# --- proxies ---------------------------------------------------------------------------------------------------------


class _Proxy(_Page):
    """Answers what a server behind it would, with the address that it was asked for."""

    def _answer(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.path).encode())


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The environment of a machine that reaches others through a proxy; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", address)
    yield address
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.mark.usefixtures("proxied")
def test_a_server_on_another_machine_is_asked_through_the_proxy() -> None:
    url = "http://prefect.example:4200/api"
    assert PrefectApi(url, 1).call("GET", "/health") == f"{url}/health"


@pytest.mark.usefixtures("proxied")
def test_a_server_that_no_proxy_names_is_asked_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    with pytest.raises(UnavailableError):
        PrefectApi("http://nowhere.invalid:4200/api", 1).call("GET", "/health")


@pytest.mark.usefixtures("proxied")
def test_this_machine_is_never_asked_through_a_proxy(page: str) -> None:
    port = page.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        asked = PrefectApi(f"http://{host}:{port}", 3, "Basic eA==").call("GET", "/health")
        assert asked == "Basic eA==", "the page answers with the header, the proxy with the address"


@pytest.mark.parametrize("given", ["", "intern.example", "intern.example,localhost", "*"])
def test_a_process_that_is_started_asks_this_machine_without_a_proxy_and_keeps_other_exceptions(given: str) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        hosts = without_proxy({name: given})
        assert hosts["no_proxy"] == hosts["NO_PROXY"]
        named = hosts["no_proxy"].split(",")
        assert len(named) == len(set(named))
        assert given == "*" or {*filter(None, given.split(",")), "localhost", "127.0.0.1"} <= set(named)
    assert without_proxy({"no_proxy": "*"})["no_proxy"] == "*"
