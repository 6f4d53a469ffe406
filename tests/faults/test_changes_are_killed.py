"""Queues that are drained while processes are killed, two drain at once, and S3 and SQS refuse, reset and forget.

Each case drains the same messages: of new, edited, renamed and deleted objects, some told of twice. What the last drain
leaves is what a sync from scratch builds, and the queue is empty.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.hashes import sha256_of_text
from tests.faults.conftest import SmallDisk
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.forked_syncs import Ended, Stop, Syncs
from tests.support.indexed_folder import contents, document
from tests.support.notified_queue import NotifiedQueue, notification
from tests.support.s3_server import ENVIRONMENT, Bucket, S3Server, Weather

HIDDEN_S = 1
"""How long the messages of a killed process stay hidden."""
TRIES = 20
BOUNDARIES = ["receive", "look", "read", "encode", "store-vectors", "commit", "acknowledge"]


@dataclass(frozen=True)
class Changed:
    """A bucket that was synced into `home` and then changed; what an index of it holds; the keys that changed."""

    bucket: Bucket
    home: Path
    whole: dict[str, dict[str, Any]]
    keys: list[str]

    def settings(self, queue: NotifiedQueue) -> dict[str, Any]:
        source = {"name": "handbook", "uri": self.bucket.uri("docs"), "queue": queue.url}
        return {"sources": [source], "sync": {"batch_documents": 4}}

    def told(self, seed: int = 0) -> NotifiedQueue:
        """A queue with a message for each change in any order, and half of them again."""
        queue, rng = NotifiedQueue(self.bucket, notify=False, max_receives=1000), random.Random(seed)
        keys = [*self.keys, *self.keys[::2]]
        rng.shuffle(keys)
        for key in keys:
            queue.send(notification(self.bucket.name, key))
        return queue


@pytest.fixture(scope="module")
def changed(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    place = tmp_path_factory.mktemp("changed")
    with pytest.MonkeyPatch.context() as patch:
        endpoints = {"AWS_ENDPOINT_URL_S3": s3_server.endpoint, "AWS_ENDPOINT_URL_SQS": s3_server.endpoint}
        for name, value in {**ENVIRONMENT, **endpoints}.items():
            patch.setenv(name, value)
        bucket = Bucket(s3_server)
        for number in range(12):
            bucket.write(f"docs/{number:02}.md", document(f"old {number}", paragraphs=2))
        _app(bucket, place / "home").corpus.sync()
        keys = _change(bucket)
        scratch = _app(bucket, place / "scratch")
        scratch.corpus.sync()
        yield Changed(bucket, place / "home", contents(scratch), keys)


def _app(bucket: Bucket, home: Path) -> App:
    source = {"name": "handbook", "uri": bucket.uri("docs")}
    return App(
        Settings(home=home, sources=[source], index={"embedder": "narrow"}), open_embedder=lambda *_: ConstantEmbedder()
    )


def _change(bucket: Bucket) -> list[str]:
    for number in range(4):
        bucket.write(f"docs/new-{number}.md", document(f"new {number}", paragraphs=2))
        bucket.write(f"docs/{number:02}.md", document(f"edited {number}", paragraphs=2))
    whole = bucket.client.get_object(Bucket=bucket.name, Key="docs/04.md")["Body"].read()
    bucket.write("docs/moved.md", whole)
    for gone in ("docs/04.md", "docs/05.md"):
        bucket.remove(gone)
    edited = [f"docs/{number:02}.md" for number in range(6)]
    return [*edited, *(f"docs/new-{number}.md" for number in range(4)), "docs/moved.md"]


@pytest.fixture(scope="module")
def syncs(changed: Changed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Syncs]:
    forked = Syncs(tmp_path_factory.mktemp("logs"))
    yield forked
    forked.close()


def _until_the_queue_is_empty(changed: Changed, queue: NotifiedQueue, syncs: Syncs, home: Path) -> list[Ended]:
    ended = []
    for _ in range(TRIES):
        backlog = queue.queue().backlog()
        if not backlog.waiting and not backlog.held:
            return ended
        time.sleep(HIDDEN_S if backlog.held else 0)
        ended.append(syncs.run(home, home, settings=changed.settings(queue), drain_s=HIDDEN_S))
        assert ended[-1].report or ended[-1].error.startswith(("UnavailableError", "StoreBusyError")), ended[-1]
    raise AssertionError(f"the queue still holds {backlog} after {TRIES} drains: {ended[-1]}")


def _embedded(runs: list[Ended]) -> Counter[str]:
    return Counter(sha256_of_text(text) for one in runs for texts, _ in one.embedded for text in texts)


def _documents(runs: list[Ended]) -> Counter[str]:
    """What the runs that came to their end report of documents."""
    total = Counter[str]()
    for one in runs:
        if one.report:
            report = one.report["report"]
            total.update({name: report[name] for name in ("added", "updated", "renamed", "deleted", "failed")})
    return total


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_changes_that_were_being_applied_by_a_killed_process_are_applied_by_the_next(
    changed: Changed, syncs: Syncs, tmp_path: Path, boundary: str, when: Literal["before", "after"]
) -> None:
    home = shutil.copytree(changed.home, tmp_path / "home")
    queue = changed.told()
    stop = Stop(boundary, 2, when)
    killed = syncs.run(home, home, stop, settings=changed.settings(queue), drain_s=HIDDEN_S)
    assert killed.killed, killed
    runs = _until_the_queue_is_empty(changed, queue, syncs, home)
    assert contents(_app(changed.bucket, home)) == changed.whole
    assert _documents(runs)["failed"] == 0
    # What was encoded before the kill and not yet stored, at most the strings of one batch, is encoded again.
    again = sum(count - 1 for count in _embedded([killed, *runs]).values())
    assert again <= (max(map(len, (texts for texts, _ in killed.embedded)), default=0))
    if (boundary, when) in (("store-vectors", "after"), ("acknowledge", "before"), ("commit", "before")):
        assert again == 0


def test_two_that_drain_one_queue_at_once_apply_every_change_once(
    changed: Changed, syncs: Syncs, tmp_path: Path
) -> None:
    home = shutil.copytree(changed.home, tmp_path / "home")
    queue = changed.told(seed=1)
    started = [syncs.start(home, home, settings=changed.settings(queue), drain_s=30) for _ in range(2)]
    runs = [one.wait() for one in started]
    assert all(one.report for one in runs), runs
    backlog = queue.queue().backlog()
    assert (backlog.waiting, backlog.held) == (0, 0)
    assert contents(_app(changed.bucket, home)) == changed.whole
    assert max(_embedded(runs).values()) == 1
    done = _documents(runs)
    assert (done["updated"], done["failed"]) == (4, 0)
    # The two halves of the rename may come in different batches: then it is an add and a delete.
    assert (done["added"] + done["renamed"], done["deleted"] + done["renamed"]) == (5, 2)


@pytest.mark.long
def test_a_bucket_and_a_queue_that_fail_now_and_then_lose_no_change(
    changed: Changed, syncs: Syncs, tmp_path: Path
) -> None:
    home = shutil.copytree(changed.home, tmp_path / "home")
    queue, weather = changed.told(seed=2), Weather(4)
    changed.bucket.server.weather = weather
    try:
        _until_the_queue_is_empty(changed, queue, syncs, home)
    finally:
        changed.bucket.server.weather = None
    assert len(weather.met) == 5, weather.met
    assert contents(_app(changed.bucket, home)) == changed.whole


@pytest.mark.long
@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_a_clock_that_is_an_hour_wrong_changes_nothing(
    changed: Changed, syncs: Syncs, tmp_path: Path, ahead_s: float
) -> None:
    home = shutil.copytree(changed.home, tmp_path / "home")
    queue = changed.told(seed=3)
    settings = changed.settings(queue)
    drained = syncs.run(home, home, settings=settings, drain_s=30, clock_s=ahead_s)
    assert drained.report["report"]["failed"] == 0
    assert contents(_app(changed.bucket, home)) == changed.whole
    synced = syncs.run(home, home, settings=settings)
    assert (synced.report["unchanged"], synced.report["commits"]) == (15, 0)
    assert queue.queue().backlog().held == 0


@pytest.mark.long
def test_a_disk_that_runs_full_keeps_the_messages_until_there_is_room(
    changed: Changed, syncs: Syncs, small_disk: SmallDisk
) -> None:
    home = shutil.copytree(changed.home, small_disk.place / "home")
    queue = changed.told(seed=4)
    small_disk.fill(leave=16 * 1024)
    full = syncs.run(home, home, settings=changed.settings(queue), drain_s=HIDDEN_S)
    assert full.error.startswith("StorageFullError"), full
    backlog = queue.queue().backlog()
    assert backlog.waiting + backlog.held > 0
    small_disk.make_room()
    _until_the_queue_is_empty(changed, queue, syncs, home)
    assert contents(_app(changed.bucket, home)) == changed.whole
