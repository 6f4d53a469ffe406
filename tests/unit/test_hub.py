"""A hub that does not answer is found out in seconds, and only where a model would come from it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from ragloop.models import hub
from ragloop.models.hub import folder_on_disk, must_be_within_reach
from ragloop.models.weights import weights_sha256

NAME = "nobody/none-such"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's models, and a hub that refuses connections."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for variable in ("http_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    return tmp_path


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that answers, though it refuses."""

    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


def loaded_before(cache: Path, name: str, file: str) -> Path:
    """Put a model into the cache as the hub's client does."""
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot / file).write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    return snapshot


def test_a_model_of_a_hub_that_refuses_connections_is_out_of_reach() -> None:
    with pytest.raises(ConnectionError, match=r"not on this disk, and the hub http://127.* does not answer: .*refused"):
        must_be_within_reach(NAME)


def test_a_hub_that_takes_connections_and_never_answers_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_WAIT_S", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ConnectionError, match="timed out"):
            must_be_within_reach(NAME)


@pytest.mark.usefixtures("answering")
def test_a_hub_that_answers_is_left_to_say_what_it_has() -> None:
    must_be_within_reach(NAME)


def test_no_hub_is_asked_for_what_is_on_this_disk_or_is_no_name_of_a_hub(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_be_within_reach(str(cache))
    must_be_within_reach("/no/such/folder")
    with pytest.raises(ConnectionError):
        must_be_within_reach("short")
    there = loaded_before(cache, "sentence-transformers/short", "modules.json")
    must_be_within_reach("short")
    assert folder_on_disk("short") == there
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    must_be_within_reach(NAME)


def test_the_weights_of_a_model_that_a_hub_named_are_those_on_this_disk(cache: Path) -> None:
    there = loaded_before(cache, NAME, "config.json")
    (there / "model.safetensors").write_bytes(b"weights")
    assert weights_sha256(NAME, cache / "prepared") == weights_sha256(there, cache / "prepared")
