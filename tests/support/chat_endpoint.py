"""An HTTP server that answers chat completions as it is scripted to: well, and in the ways that endpoints fail."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Reply:
    """A reply; with `cut` the connection is closed after that many bytes of the body that was announced.

    `pause_s` is waited for before each byte of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    cut: int | None = None
    pause_s: float = 0.0


def completion(text: str | None, *, finish: str = "stop", usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """Return a chat completion as the OpenAI API documents it."""
    message = {"role": "assistant", "content": text}
    whole: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tide",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage:
        whole["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Reply(body=json.dumps(whole).encode())


def failure(status: int, message: str, *, param: str | None = None, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """Return an error as the OpenAI API documents it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return Reply(status, json.dumps({"error": error}).encode(), (("content-type", "application/json"), *headers))


@dataclass
class ChatEndpoint:
    """`replies` are given in turn, the last one for ever; `requests` are the bodies that came, `keys` who sent them.

    With `writes` each reply is what it returns for a body.
    """

    replies: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""
    lock: Lock = field(default_factory=Lock)
    writes: Callable[[dict[str, Any]], Reply] | None = None

    def reply_to(self, body: dict[str, Any], key: str) -> Reply:
        with self.lock:
            self.requests.append(body)
            self.keys.append(key)
            if self.writes:
                return self.writes(body)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def parts(reply: Reply) -> Iterator[bytes]:
    """Yield the body of a reply as it is written."""
    body = reply.body[: reply.cut]
    if not reply.pause_s:
        yield body
        return
    for at in range(len(body)):
        time.sleep(reply.pause_s)
        yield body[at : at + 1]


@contextmanager
def chat_endpoint(*replies: Reply) -> Iterator[ChatEndpoint]:
    """Serve the replies on loopback until the block ends."""
    endpoint = ChatEndpoint(list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = endpoint.reply_to(body, self.headers.get("authorization", ""))
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.close_connection = reply.cut is not None
            with suppress(ConnectionError):  # who waits no longer hangs up
                for part in parts(reply):
                    self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            """Keep stderr to the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
