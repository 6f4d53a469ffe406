"""What does a sync of a bucket cost that finds nothing to do? The claim: less than a bare loop over its listing.

    python benchmarks/s3_listing.py [--objects 100000] [--rounds 3]

An S3 (moto) in a process of its own holds the objects, 500 to a folder, and answers a question that it was asked before
from memory. The first sync takes stamps from the bucket and bytes from this process, since 100,000 requests to moto
would take most of an hour. Prints one Markdown table: CPU seconds of this process (user + system, all threads, medians;
the server's are not counted), requests, and the ratio to boto3's paginator in a loop that only counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

BUCKET = "handbook"
IN_A_FOLDER = 500
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

# --- the server ------------------------------------------------------------------------------------------------------


def text(number: int) -> bytes:
    return f"# Document {number}\n\nIt says {number}, and {number * 7}.\n".encode()


def serve(objects: int) -> None:
    """Print the port once the bucket is filled; end with standard input."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log(self, *_: Any) -> None: ...

    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    for number in range(objects):
        backend.put_object(BUCKET, f"docs/{number // IN_A_FOLDER:04}/{number:06}.md", text(number))
    server = make_server("127.0.0.1", 0, _Remembering(DomainDispatcherApplication(create_backend_app)), True, 1, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


class _Remembering:
    """A WSGI application in front of moto, which sorts every key for every page; POST asks how many requests came."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer, self._known, self._asked = answer, dict[str, tuple[str, list[Any], bytes]](), 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/asked":
            start_response("200 OK", [])
            yield str(self._asked).encode()
            return
        self._asked += 1
        question = environ["QUERY_STRING"]
        if question not in self._known:
            said: list[Any] = []
            body = b"".join(self._answer(environ, lambda status, headers, *_: said.extend([status, headers])))
            self._known[question] = (said[0], said[1], body)
        status, headers, body = self._known[question]
        start_response(status, headers)
        yield body


# --- what is measured ------------------------------------------------------------------------------------------------


def paginated() -> int:
    import boto3

    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sum(1 for page in pages for _ in page.get("Contents", ()))


def listed() -> int:
    from ragloop.corpus.sources.s3 import S3Bucket

    return sum(1 for _ in S3Bucket("handbook", f"s3://{BUCKET}").list())


def synced(home: Path, *, first: bool = False) -> int:
    from no_op_sync import ConstantEmbedder

    from ragloop.app import App
    from ragloop.app.corpus import Corpus
    from ragloop.config import Settings, SourceSettings

    class FirstSync(Corpus):
        """Reads from this process what the bucket lists."""

        def sources(self, *given: Any, **asked: Any) -> Any:
            opened = super().sources(*given, **asked)
            return replace(opened, by_name={name: _FromMemory(one) for name, one in opened.by_name.items()})

    settings = Settings(home=home, sources=(SourceSettings(name="handbook", uri=f"s3://{BUCKET}"),))
    app = App(settings, embedder=ConstantEmbedder())
    return (FirstSync(app.parts) if first else app.corpus).sync().scanned


class _FromMemory:
    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, one: Any, _: int) -> Any:
        from ragloop.corpus.sources.source import Read

        return Read(text(int(Path(one.key).stem)), one.stamp, one.changed_at)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=100_000, help="objects in the bucket")
    parser.add_argument("--rounds", type=int, default=3, help="runs per figure")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.objects)
        return
    command = [sys.executable, __file__, "--serve", "--objects", str(given.objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL_S3=endpoint)
        try:
            measure(given.objects, given.rounds, endpoint)
        finally:
            server.communicate("")


def measure(objects: int, rounds: int, endpoint: str) -> None:
    import urllib.request

    def asked() -> int:
        with urllib.request.urlopen(f"{endpoint}/asked") as answer:
            return int(answer.read())

    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        synced(home, first=True)
        kinds: dict[str, Callable[[], int]] = {
            "boto3's paginator": paginated,
            "S3Bucket.list": listed,
            "no-op sync": lambda: synced(home),
        }
        print("| | requests | CPU s | ratio |\n|---|---:|---:|---:|")
        bare = None
        for name, run in kinds.items():
            seconds, before = [], asked()
            for _ in range(rounds):
                started = time.process_time()
                assert run() == objects
                seconds.append(time.process_time() - started)
            median = statistics.median(seconds)
            bare = bare or median
            print(f"| {name} | {(asked() - before) // rounds:,} | {median:.2f} | {median / bare:.2f} |", flush=True)


if __name__ == "__main__":
    main()
