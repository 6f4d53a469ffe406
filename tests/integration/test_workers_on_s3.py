"""Several syncs at once of one store in a bucket, behind a network that refuses, resets and forgets to answer.

Some of them are killed. What the last one leaves is what a sync from scratch builds.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.store import Store
from ragloop.store.places.bucket import BucketPlace
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.forked_syncs import Ended, Stop, Syncs
from tests.support.indexed_folder import contents, document
from tests.support.s3_server import Bucket, Weather

if TYPE_CHECKING:
    from tests.support.forked_syncs import Running

AT_ONCE = 3
EVERY = 10
"""One request in so many meets a fault: botocore tries three times, LanceDB ten, so that most syncs come through."""
LEASE_S = 4.0
TRIES = 12
EXPECTED = ("UnavailableError", "StoreBusyError")
KILLED = Stop("commit", 1, "after")


@pytest.fixture
def syncs(bucket: Bucket, tmp_path: Path) -> Iterator[Syncs]:
    """After `bucket`, whose address the process that forks inherits."""
    forking = Syncs(tmp_path)
    yield forking
    forking.close()


@dataclass
class Handbook:
    """Documents in a bucket, changed by a seed, and the store of their index beside them."""

    bucket: Bucket
    tmp_path: Path
    rng: random.Random
    keys: list[str] = field(default_factory=list)
    written: int = 0

    def settings(self) -> dict[str, Any]:
        source = {"name": "handbook", "uri": self.bucket.uri("docs")}
        return {"store": self.bucket.uri("home"), "sources": [source], "sync": {"batch_documents": 3}}

    def change(self) -> None:
        """New documents, then an edit, a rename and a delete."""
        for _ in range(5):
            self.keys.append(f"docs/{self.written:03}.md")
            self._write(self.keys[-1])
        edited, renamed, deleted = self.rng.sample(self.keys, 3)
        self._write(edited)
        whole = self.bucket.client.get_object(Bucket=self.bucket.name, Key=renamed)["Body"].read()
        self.bucket.write(f"{renamed}-moved.md", whole)
        for gone in (renamed, deleted):
            self.bucket.remove(gone)
            self.keys.remove(gone)
        self.keys.append(f"{renamed}-moved.md")

    def _write(self, key: str) -> None:
        self.written += 1
        self.bucket.write(key, document(f"topic {self.written}", paragraphs=2))

    def app(self, home: str, **settings: Any) -> App:
        given = {**self.settings(), "index": {"embedder": "narrow"}, **settings}
        return App(Settings(home=self.tmp_path / home, **given), embedder=ConstantEmbedder())


def _begin(
    handbook: Handbook, syncs: Syncs, number: int, stop: Stop | None = None, lease_s: float = LEASE_S
) -> "Running":
    home = handbook.tmp_path / f"machine-{number}"
    return syncs.start(home, handbook.tmp_path / "none", stop, settings=handbook.settings(), lease_s=lease_s)


def _until_one_comes_through(handbook: Handbook, syncs: Syncs) -> Ended:
    for number in range(TRIES):
        ended = _begin(handbook, syncs, number % AT_ONCE).wait()
        if ended.report:
            return ended
        assert ended.error.startswith(EXPECTED), ended
        time.sleep(LEASE_S / 4)
    raise AssertionError(f"no sync came through in {TRIES} tries; the last said {ended.error}")


def _at_once(handbook: Handbook, syncs: Syncs, stop: Stop | None = None) -> Iterator[str]:
    """How several syncs at once ended: killed, done, or the name of an error that is expected in bad weather."""
    for running in [_begin(handbook, syncs, number, stop) for number in range(AT_ONCE)]:
        ended = running.wait()
        assert ended.killed or ended.report or ended.error.startswith(EXPECTED), ended
        yield "killed" if ended.killed else ended.error.split(":")[0] or "done"


@pytest.mark.long
def test_syncs_at_once_in_bad_weather_lose_nothing_and_double_nothing(
    bucket: Bucket, syncs: Syncs, tmp_path: Path
) -> None:
    handbook, weather, ends = Handbook(bucket, tmp_path, random.Random(1)), Weather(EVERY), Counter[str]()
    handbook.change()
    handbook.app("first").corpus.sync()
    handbook.change()
    bucket.server.weather = weather
    while not ends["killed"]:
        ends.update(_at_once(handbook, syncs, KILLED))
        time.sleep(LEASE_S)
    before = ends["done"]
    ends.update(_at_once(handbook, syncs))
    if ends["done"] == before:
        _until_one_comes_through(handbook, syncs)
    bucket.server.weather = None
    assert min(weather.met.values()) > 10, weather.met
    assert len(weather.met) == 5
    app = handbook.app("last")
    last = app.corpus.sync()
    assert (last.added, last.updated, last.deleted, last.renamed, last.failed) == (0, 0, 0, 0, 0), (ends, weather.met)
    scratch = handbook.app("scratch", store=None)
    scratch.corpus.sync()
    assert contents(app) == contents(scratch)
    assert {row["key"] for row in contents(app).values()} == {key.removeprefix("docs/") for key in handbook.keys}


@pytest.mark.long
def test_the_next_sync_takes_over_from_one_that_was_killed_while_it_held_the_lease(
    bucket: Bucket, syncs: Syncs, tmp_path: Path
) -> None:
    handbook = Handbook(bucket, tmp_path, random.Random(0))
    Store.open(tmp_path / "first", place=BucketPlace(bucket.uri("home")))
    handbook.change()
    first = _begin(handbook, syncs, 0, Stop("commit", 1, "after"))
    assert first.wait().killed
    at_once = _begin(handbook, syncs, 1, lease_s=600).wait()
    assert at_once.error.startswith("StoreBusyError"), at_once
    taken_over = _until_one_comes_through(handbook, syncs)
    assert taken_over.report["unchanged"] == 3, "the commit of the one that was killed stands"
    scratch = handbook.app("scratch", store=None)
    scratch.corpus.sync()
    assert contents(handbook.app("last")) == contents(scratch)
