"""What is said where Prefect's address is wrong."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ragloop.cli.prefect_api import PrefectApi
from ragloop.errors import UnavailableError


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>some other site</html>")

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


def test_an_address_that_is_none_is_one_line() -> None:
    with pytest.raises(UnavailableError, match="Prefect at nowhere does not answer"):
        PrefectApi("nowhere", 1).call("GET", "/health")


def test_a_server_that_is_not_prefect_is_one_line(page: str) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        PrefectApi(page, 1).call("GET", "/health")
