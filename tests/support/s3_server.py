"""An S3 on localhost (moto in this process) that counts what it is asked and fails when it is told to."""

import re
import socket
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any, NoReturn
from urllib.parse import parse_qs

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
Environ = dict[str, Any]
Answer = Callable[[Environ, Any], Iterable[bytes]]
"""A WSGI application that answers in place of S3."""


class _Quiet(MotoRequestHandler):
    """Takes keys as they are sent, and writes nothing."""

    def log(self, type: str, message: str, *args: Any) -> None: ...


class S3Server:
    """Serves in threads until `stop`. `asked` counts LIST, FOLDERS (a listing with a delimiter), GET, HEAD and PUT."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.bytes_sent = 0
        self.before: dict[str, deque[Answer | None]] = {}
        """Answers to the next requests of a kind, None where S3 answers; they are counted like any other."""
        self.weather: Weather | OneETag | None = None
        """Who fails requests that nothing in `before` waits for."""
        self._s3 = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @cached_property
    def client(self) -> Any:
        """A client for what tests do themselves; it tries once. Making one takes longer than most tests."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def forget(self) -> None:
        self.asked.clear()
        self.bytes_sent = 0
        self.before.clear()
        self.weather = None

    def __call__(self, environ: Environ, start_response: Any) -> Iterator[bytes]:
        kind = _kind(environ)
        with self._lock:
            self.asked[kind] += 1
            waiting = self.before.get(kind)
            instead = waiting.popleft() if waiting else None
            instead = instead or (self.weather(self, environ) if self.weather else None)
        for part in (instead or self._s3)(environ, start_response):
            self.bytes_sent += len(part)
            yield part

    def answer(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """S3's own answer, for those that stand before it."""
        answered: Iterable[bytes] = self._s3(environ, start_response)
        return answered


def _kind(environ: Environ) -> str:
    query = parse_qs(environ["QUERY_STRING"])
    if environ["REQUEST_METHOD"] == "GET" and "list-type" in query:
        return "FOLDERS" if "delimiter" in query else "LIST"
    method: str = environ["REQUEST_METHOD"]
    return method


def refusing(status: str, code: str, message: str = "told to") -> Answer:
    """An error of S3."""

    def answer(_: Environ, start_response: Any) -> Iterable[bytes]:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def of_pages(server: S3Server, keys: int) -> Answer:
    """S3's answer, with fewer keys than the thousand that it gives unasked."""

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        return server.answer({**environ, "QUERY_STRING": f"{environ['QUERY_STRING']}&max-keys={keys}"}, start_response)

    return answer


def breaking_off(server: S3Server) -> Answer:
    """S3's answer, whose connection is closed half-way through the body."""

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        whole = b"".join(server.answer(environ, start_response))
        yield whole[: len(whole) // 2]
        _hang_up(environ)

    return answer


def resetting(environ: Environ, _: Any) -> Iterable[bytes]:
    """The connection is closed, and nothing was done."""
    _hang_up(environ)


def _hang_up(environ: Environ) -> NoReturn:
    """Close the connection both ways; by itself werkzeug would keep it, and read on until the client gives up."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionError("told to hang up")


def applied_then(server: S3Server, instead: Answer) -> Answer:
    """S3 does what it is asked, and its answer is lost."""

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        list(server.answer(environ, lambda *_: None))
        return instead(environ, start_response)

    return answer


class OneETag:
    """A server that has no ETag, or the same one for every object: it stands in listings and in answers."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    def __call__(self, server: S3Server, environ: Environ) -> Answer | None:
        return partial(self._answer, server)

    def _answer(self, server: S3Server, environ: Environ, start_response: Any) -> Iterable[bytes]:
        begun: list[Any] = []
        body = b"".join(server.answer(environ, lambda *told: begun.extend(told)))
        if b"<ListBucketResult" in body:
            body = re.sub(b"<ETag>.*?</ETag>", f"<ETag>{self._etag}</ETag>".encode() if self._etag else b"", body)
        own = [("ETag", self._etag)] if self._etag else []
        length = [] if environ["REQUEST_METHOD"] == "HEAD" else [("Content-Length", str(len(body)))]
        replaced = {"etag", *(name.lower() for name, _ in length)}
        kept = [(name, value) for name, value in begun[1] if name.lower() not in replaced]
        start_response(begun[0], [*kept, *own, *length])
        return [body]


class Weather:
    """One fault in so many requests, each kind in turn: refused, reset, broken off, and done though an error came back.

    `met` counts them by kind. Faults that are apart do not meet all the tries of one request, however many ask at once.
    """

    def __init__(self, every: int) -> None:
        self.met: Counter[str] = Counter()
        self._every, self._seen = every, 0

    def __call__(self, server: S3Server, environ: Environ) -> Answer | None:
        self._seen += 1
        if self._seen % self._every:
            return None
        faults = {
            "503": refusing("503 Slow Down", "SlowDown"),
            "reset": resetting,
            "500 after it was done": applied_then(server, refusing("500 Internal Server Error", "InternalError")),
            "reset after it was done": applied_then(server, resetting),
            "broken off": breaking_off(server),
        }
        name = list(faults)[self._seen // self._every % len(faults)]
        self.met[name] += 1
        return faults[name]


class Bucket:
    """A bucket of its own for one test."""

    def __init__(self, server: S3Server) -> None:
        self.server, self.client = server, server.client
        self.name = f"docs-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=self.name)
        server.forget()

    def keep_versions(self) -> None:
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def write(self, key: str, text: str | bytes, **fields: Any) -> None:
        body = text if isinstance(text, bytes) else text.encode()
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **fields)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def uri(self, prefix: str = "") -> str:
        return f"s3://{self.name}/{prefix}" if prefix else f"s3://{self.name}"
