"""How long after an upload is it searchable, and how fast does a burst get in? The way: bucket → SQS → ragloop.

    python benchmarks/upload_latency.py [--uploads 40] [--burst 2000]

S3 and SQS (moto) run in a process of their own, `ragloop watch --index` in another, with the default embedder.
Uploads come one at a time; a document counts as searchable when a search for its own words, in this process, finds
it. The burst is applied by the flow's core (`App.corpus.changes.drain`) and, in another home, by a sync without events:
objects per second of each. With `--prefect` uploads go through `ragloop up` too: event, trigger, worker, run; then a
burst goes that way, of which the flow runs are counted, and the last table says how long the parts of such a run take.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
RAGLOOP = Path(sys.executable).with_name("ragloop")


def serve() -> None:
    """Print the port; end with standard input."""
    import logging

    from moto.server import ThreadedMotoServer
    from moto.sqs.models import SQSBackend

    # For every message that is received this server counts all messages of the queue three times, to learn how long it
    # keeps them: with 1,000 of them that is nine tenths of its time.
    SQSBackend.is_message_valid_based_on_retention_period = lambda *_: True  # type: ignore[method-assign]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


def text(number: int) -> bytes:
    """A document whose words no other has."""
    word = uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex
    return f"# Notice {word}\n\nThe notice {word} says that gate {number} opens at dawn.\n".encode()


class Place:
    """A bucket with its queue, and a configuration that names both."""

    def __init__(self, folder: Path) -> None:
        import boto3

        self.folder, self.s3, sqs = folder, boto3.client("s3"), boto3.client("sqs")
        self.bucket, name = f"docs-{uuid.uuid4().hex[:8]}", f"changes-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]}
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=told)
        self.config = folder / "ragloop.toml"
        self.config.write_text(
            f'[[sources]]\nname = "handbook"\nuri = "s3://{self.bucket}/docs"\nqueue = "{self.queue}"\n'
        )

    def app(self, home: str = "home") -> Any:
        from ragloop.app import App
        from ragloop.config import load_settings

        return App(load_settings(self.config, self.folder / home))

    def upload(self, number: int) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=f"docs/{number:05}.md", Body=text(number))


def latencies(place: Place, uploads: int, first: int, pause_s: float) -> list[float]:
    """Seconds from each upload until a search finds it."""
    app, took = place.app(), []
    for number in range(first, first + uploads):
        word = text(number).decode().split()[2]
        began = time.perf_counter()
        place.upload(number)
        while not any(word in passage.text for passage in app.answering.search(word, 10).passages):
            time.sleep(0.02)
            if time.perf_counter() - began > 120:
                raise SystemExit(f"upload {number} was not searchable within two minutes")
        took.append(time.perf_counter() - began)
        time.sleep(pause_s)
    return took


@contextlib.contextmanager
def running(command: list[str], until: str) -> Iterator[None]:
    """A ragloop command, from the line that says `until` to the end of the block."""
    with subprocess.Popen([str(RAGLOOP), *command], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if until in line:
                break
        draining = threading.Thread(target=process.stderr.read, daemon=True)
        draining.start()
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)


def told(way: str, took: list[float]) -> None:
    p50, p95 = np.quantile(took, (0.5, 0.95))
    print(f"| {way} | {len(took)} | {p50:.2f} | {p95:.2f} | {max(took):.2f} |", flush=True)


def measure(uploads: int, burst: int, through_prefect: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(Path(scratch))
        place.upload(0)
        place.app().corpus.sync()
        asked = ["--home", str(place.folder / "home"), "--config", str(place.config)]
        print("| upload to searchable | uploads | p50 s | p95 s | worst s |\n|---|---:|---:|---:|---:|")
        with running([*asked, "watch", "--index"], "watching"):
            latencies(place, 2, 1, 0)
            told("ragloop watch --index", latencies(place, uploads, 10, 0.3))
        if through_prefect:
            through(place, asked, uploads, burst)
        for number in range(1000, 1000 + burst):
            place.upload(number)
        for way, app in (("events", place.app()), ("a sync without events", place.app("other"))):
            began, cpu = time.perf_counter(), time.process_time()
            done = (
                app.corpus.changes.drain(app.corpus.watched()).objects if way == "events" else app.corpus.sync().added
            )
            seconds = time.perf_counter() - began
            print(
                f"\n{way}: {done:,} objects in {seconds:.1f} s, {done / seconds:.0f} a second, "
                f"{time.process_time() - cpu:.1f} CPU s"
            )


def through(place: Place, asked: list[str], uploads: int, burst: int) -> None:
    from ragloop.corpus.index import inventory
    from ragloop.orchestrator.prefect_api import named_api

    with (
        running([*asked, "up", "--port", "4233"], "Prefect UI"),
        running([*asked, "watch", "--every", "1"], "watching"),
    ):
        latencies(place, 1, 500, 20)
        told("ragloop watch, event, trigger, worker", latencies(place, max(5, uploads // 4), 510, 20))
        before = {run["id"] for run in flow_runs(named_api(place.app().settings.home))}
        began, app = time.perf_counter(), place.app()
        for number in range(10_000, 10_000 + burst):
            place.upload(number)
        uploaded = time.perf_counter() - began
        names = {f"{number:05}.md" for number in range(10_000, 10_000 + burst)}
        while names - set(inventory.keys(app.index).values()) and time.perf_counter() - began < 1800:
            time.sleep(1)
        seconds = time.perf_counter() - began
        time.sleep(30)  # rings of the last look
        runs = flow_runs(named_api(place.app().settings.home))
    states = Counter(run["state"]["name"] for run in runs if run["id"] not in before)
    print(
        f"\nthrough Prefect: {burst:,} uploads took {uploaded:.1f} s, all were searchable after {seconds:.1f} s; "
        f"flow runs: {', '.join(f'{count} {name}' for name, count in states.items())}"
    )
    parts = [parts_of(run) for run in runs if run["id"] in before and run["state"]["name"] == "Completed"]
    print("\n| part of a run | median s |\n|---|---:|")
    for name in parts[0]:
        print(f"| {name} | {np.median([one[name] for one in parts]):.2f} |")


def flow_runs(api: Any) -> list[dict[str, Any]]:
    """Runs of index-changes, with what each was at last."""
    found: list[dict[str, Any]] = api.call(
        "POST", "/flow_runs/filter", {"flows": {"name": {"any_": ["index-changes"]}}, "limit": 200}
    )
    return found


def parts_of(run: dict[str, Any]) -> dict[str, float]:
    """Seconds from the trigger's run to its start in a process, and of the flow itself."""
    created, started, ended = (datetime.fromisoformat(run[name]) for name in ("created", "start_time", "end_time"))
    return {
        "the worker's poll, and a process that imports Prefect and the flow": (started - created).total_seconds(),
        "the flow: the store opens, the queue is drained, the report is written": (ended - started).total_seconds(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uploads", type=int, default=40, help="uploads one at a time")
    parser.add_argument("--burst", type=int, default=2000, help="uploads at once")
    parser.add_argument("--prefect", action="store_true", help="also through `ragloop up`, a quarter as many")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=f"http://127.0.0.1:{int(server.stdout.readline())}")
        try:
            measure(given.uploads, given.burst, given.prefect)
        finally:
            server.communicate("")


if __name__ == "__main__":
    main()
