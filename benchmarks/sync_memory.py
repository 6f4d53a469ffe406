"""How much memory does a first sync take, and what does a sync of ten edited documents cost as the index grows?

    python benchmarks/sync_memory.py [--chunks 10000 100000] [--syncs 12] [--keep FOLDER]

Goals: 1,000,000 chunks indexed with less than 2 GB resident; a sync of ten documents costs at 1,000,000 chunks at most
twice what it costs at 10,000. Documents of ten sections, each one chunk of 80 words by Zipf's law (clustered.py), are
made when they are read, so that neither a disk nor a model is measured; tokens are what whitespace separates, vectors
are clustered and of constant cost. All else is the sync that the product runs, indexes and compaction included.

The first sync of every size runs in a process of its own, whose peak resident size the system tells (getrusage), and
so do the syncs after it: one with nothing changed, then `--syncs` of them, before each of which ten documents get
another section. Told are means per sync; the median, too, since maintenance is due after some of them only.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from clustered import CHUNKS, DIMENSION, Clustered

from ragloop.app.policies import sync_policy
from ragloop.cli.main import GARBAGE_EVERY
from ragloop.config import Settings
from ragloop.corpus.index import documents, health
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.vectors import table_of
from ragloop.corpus.sources.source import Listed, Listing, Read, Way
from ragloop.corpus.sync.applying.source_sync import SourceSync
from ragloop.corpus.sync.report import SyncReport
from ragloop.corpus.sync.run import sync
from ragloop.models import Vectors
from ragloop.models.training.memory.available import peak_mb
from ragloop.store import Store

GENERATION = Generation("parser/1", "chunker/1/200", "clustered-384", DIMENSION)
EDITED = 10
"""Documents in a sync."""
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MADE = Clustered()


@dataclass
class Generated:
    """A source that makes its documents; `rounds` counts the edits of each, one of whose sections differs by it."""

    documents: int
    rounds: dict[int, int] = field(default_factory=dict)
    name: str = "generated"
    labels: tuple[str, ...] = ()
    readers: int = 1

    @property
    def way(self) -> Way:
        return Way("made://", "made://")

    def list(self) -> Listing:
        return Listing(self.name, self._documents())

    may_be_empty: bool = True

    def empty(self) -> str:
        return "no document"

    def find(self, key: str, uri: str) -> Listed | None:
        return next((one for one in self.list() if one.key == key), None)

    def beside(self, key: str) -> Listed | None:
        return None

    def _documents(self) -> Iterator[Listed]:
        for number in range(self.documents):
            key = f"{number // 500:05}/{number:08}.md"
            stamp = str(self.rounds.get(number, 0))
            yield Listed(key, f"made://{key}", stamp, 5_000, LONG_AGO, str(number))

    def trace(self, stamp: str) -> str:
        return ""

    def settles_us(self, stamp: str, at_us: int) -> int:
        return 0

    def read(self, listed: Listed, max_bytes: int) -> Read:
        number = int(listed.locator)
        round_ = self.rounds.get(number, 0)
        texts = MADE.texts(CHUNKS, number)
        if round_:
            texts[round_ % CHUNKS] = MADE.texts(1, 10**9 + number * 10**7 + round_)[0]
        sections = [f"## Section {n}\n\n{text}\n" for n, text in enumerate(texts)]
        return Read("\n".join([f"# Document {number}\n", *sections]).encode(), listed.stamp, LONG_AGO)


class ConstantCost:
    """Clustered vectors; tokens are what whitespace separates."""

    fingerprint = "clustered-384"
    dimension = DIMENSION
    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str]) -> Vectors:
        return MADE.vectors(len(texts), zlib.crc32(texts[0].encode()))


class Parts:
    """CPU seconds that parts of a sync took since the last `clear`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def clear(self) -> None:
        self.seconds.clear()

    def timed(self, name: str, work: Callable[..., object]) -> Callable[..., object]:
        """The same work, its time added to `name`."""

        def measured(*given: object, **named: object) -> object:
            started = time.process_time()
            try:
                return work(*given, **named)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started

        return measured


def synced(home: Path, source: Generated, parts: Parts) -> tuple[SyncReport, dict[str, float]]:
    """One sync on a store that is opened anew, and what it took: seconds of wall and CPU, whole and in parts."""
    parts.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    report = sync(Store.open(home), [source], lambda _: ConstantCost(), GENERATION, sync_policy(Settings(home=home)))
    return report, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, **parts.seconds}


def _timed_parts() -> Parts:
    parts = Parts()
    health.maintain_indexes = parts.timed("maintain", health.maintain_indexes)  # type: ignore[assignment]
    documents.known = parts.timed("ledger", documents.known)  # type: ignore[assignment]
    documents.ledger = parts.timed("ledger", documents.ledger)  # type: ignore[assignment]
    SourceSync._apply = parts.timed("apply", SourceSync._apply)  # type: ignore[method-assign, assignment]
    return parts


def first(home: Path, documents: int) -> dict[str, object]:
    """The first sync."""
    report, took = synced(home, Generated(documents), _timed_parts())
    return {"chunks": report.chunks_total, "commits": report.commits, **took, "peak_mb": peak_mb()}


def later(home: Path, documents: int, syncs: int) -> dict[str, object]:
    """A sync with nothing changed, and those of ten documents each."""
    parts, source, random = _timed_parts(), Generated(documents), np.random.default_rng(7)
    synced(home, source, parts)
    _, nothing = synced(home, source, parts)
    # A store that was kept knows the texts of earlier edits, which would not be embedded again.
    known = Store.open(home).table(table_of(ConstantCost.fingerprint)).count_rows()
    took = []
    for number in range(known + 1, known + syncs + 1):
        for one in random.choice(documents, EDITED, replace=False).tolist():
            source.rounds[one] = number
        report, cost = synced(home, source, parts)
        if (report.updated, report.chunks_embedded) != (EDITED, EDITED):
            raise ValueError(f"{report.updated} documents, {report.chunks_embedded} chunks; expected {EDITED} each")
        took.append(cost)
    return {"nothing": nothing, "ten": took, "peak_mb": peak_mb()}


def measured(what: str, home: Path, documents: int, syncs: int) -> dict[str, object]:
    """What a child process says of `first` or `later`."""
    command = [sys.executable, __file__, "--child", what, "--keep", str(home), "--chunks", str(documents * CHUNKS)]
    ran = subprocess.run([*command, "--syncs", str(syncs)], check=True, stdout=subprocess.PIPE, text=True)
    said: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return said


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000], help="sizes of the index")
    parser.add_argument("--syncs", type=int, default=12, help="syncs of ten documents each")
    parser.add_argument("--keep", type=Path, help="where the stores are left")
    parser.add_argument("--child", choices=["first", "later"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        gc.set_threshold(GARBAGE_EVERY)  # as the command does
        documents = given.chunks[0] // CHUNKS
        said = first(given.keep, documents) if given.child == "first" else later(given.keep, documents, given.syncs)
        print(json.dumps(said))
        return
    with tempfile.TemporaryDirectory() as place:
        for chunks in given.chunks:
            _tell(chunks, (given.keep or Path(place)) / str(chunks), given.syncs)


def _tell(chunks: int, home: Path, syncs: int) -> None:
    made = measured("first", home, chunks // CHUNKS, 0) if not home.exists() else None
    if made:
        size = f"{_bytes(home) / 2**20:.0f} MB stored"
        print(f"{chunks:,} chunks, first sync, {size}: {_line(made)}", flush=True)
    then = measured("later", home, chunks // CHUNKS, syncs)
    print(f"{chunks:,} chunks, nothing changed: {_line(then['nothing'])}")
    for name, of in (("mean", np.mean), ("median", np.median)):
        whole = {key: float(of([one.get(key, 0.0) for one in then["ten"]])) for key in then["ten"][0]}  # type: ignore[attr-defined, index]
        print(f"{chunks:,} chunks, ten documents, {name} of {syncs}: {_line(whole)}")
    print(f"{chunks:,} chunks, peak of these: {then['peak_mb']:.0f} MB", flush=True)


def _line(took: object) -> str:
    assert isinstance(took, dict)
    return ", ".join(
        f"{key} {value:,.2f}" if isinstance(value, float) else f"{key} {value:,}" for key, value in took.items()
    )


if __name__ == "__main__":
    main()
