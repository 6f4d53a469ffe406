"""What is said where Prefect's address is wrong."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest

from ragloop.errors import UnavailableError
from ragloop.orchestrator.liveness import prefect_report
from ragloop.orchestrator.prefect_api import PrefectApi, named_api


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
    serving = threading.Thread(target=server.serve_forever, daemon=True)
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
    report = prefect_report(tmp_path)
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
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    api = PrefectApi(f"http://127.0.0.1:{server.server_port}", 3)
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
