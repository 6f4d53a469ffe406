"""An HTTP server that keeps the contract of vLLM's LoRA routes and notes every breach of it; it runs no model."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tests.support.chat_endpoint import Reply, completion, failure

BASE = "tide"
DRAFT = "Ada keeps the bees. [1]"


@dataclass
class VllmServer:
    """`loaded` maps names to folders, `ever` to the bytes that a name stood for first; `calls` are the routes that were
    called with the adapter that they named, `breaches` what the contract forbids. `before` is called with the model of
    each completion, before it is written, `loading` before an adapter is loaded."""

    url: str = ""
    loaded: dict[str, str] = field(default_factory=dict)
    ever: dict[str, bytes] = field(default_factory=dict)
    in_flight: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    lists: bool = True
    before: Callable[[str], Reply | None] = lambda _: None
    loading: Callable[[], object] = lambda: None
    lock: Lock = field(default_factory=Lock)

    def named(self, route: str) -> list[str]:
        """The adapters that a route was called with, in order."""
        return [name for called, name in self.calls if called == route]

    def load(self, body: dict[str, Any]) -> Reply:
        name, place = body["lora_name"], Path(body["lora_path"])
        with self.lock:
            self.calls.append(("load", name))
        self.loading()
        with self.lock:
            if set(body) != {"lora_name", "lora_path"}:
                self.breaches.append(f"loaded with {sorted(body)}")
            if name in self.loaded:
                return failure(400, f"The lora adapter '{name}' has already been loaded.")
            if not (place / "adapter_config.json").is_file():
                return failure(404, f"No adapter found for {place}")
            weights = (place / "adapter_model.safetensors").read_bytes()
            if self.ever.setdefault(name, weights) != weights:
                self.breaches.append(f"{name} stood for other bytes before")
            if self.lists:
                self.loaded[name] = str(place)
        return Reply(body=b"Success: the LoRA adapter was added.", headers=(("content-type", "text/plain"),))

    def unload(self, body: dict[str, Any]) -> Reply:
        name = body["lora_name"]
        with self.lock:
            self.calls.append(("unload", name))
            if name in self.in_flight:
                self.breaches.append(f"{name} was unloaded under a request")
            if self.loaded.pop(name, None) is None:
                return failure(404, f"The lora adapter '{name}' cannot be found.")
        return Reply(body=b"Success: the LoRA adapter was removed.", headers=(("content-type", "text/plain"),))

    def complete(self, body: dict[str, Any]) -> Reply:
        name = body["model"]
        with self.lock:
            self.calls.append(("ask", name))
            if name != BASE and name not in self.loaded:
                return failure(404, f"The model `{name}` does not exist.")
            self.in_flight.append(name)
        try:
            return self.before(name) or completion(DRAFT)
        finally:
            with self.lock:
                self.in_flight.remove(name)

    def models(self) -> Reply:
        with self.lock:
            cards: list[dict[str, Any]] = [{"id": BASE, "object": "model", "parent": None}]
            cards += [{"id": one, "object": "model", "root": at, "parent": BASE} for one, at in self.loaded.items()]
        return Reply(body=json.dumps({"object": "list", "data": cards}).encode())


@contextmanager
def vllm_server() -> Iterator[VllmServer]:
    """Serve on loopback until the block ends, which must be without a breach."""
    made = VllmServer()
    posts = {
        "/v1/load_lora_adapter": made.load,
        "/v1/unload_lora_adapter": made.unload,
        "/v1/chat/completions": made.complete,
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(made.models() if self.path == "/v1/models" else failure(404, "Not Found"))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._send(posts[self.path](body) if self.path in posts else failure(404, "Not Found"))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep stderr to the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert made.breaches == []
