"""What does the engine of a sync cost, apart from parsing, tokenizing and encoding?

    python benchmarks/engine_cost.py [--documents 1000] [--rounds 3] [--profile STEP] [--real-model]

Goals: a first index at most 0.2 ms of CPU per chunk, nothing changed at most 0.05 s per 1,000 documents beyond
start-up, 1 % edited at most 0.2 s. CPU seconds (user + system, every thread) of a whole sync with an embedder of
constant cost, less what parsing and tokenizing took in the same run; their time is that of the thread that does them,
so tokenizers is kept to one thread. A store that is opened anew for every sync; least of the rounds. Start-up is what
a sync of a folder of one document costs. Maintenance (indexes, compaction) is part of the engine. Documents are parts
of Django's documentation; see peers/corpus.py.

--real-model does another measurement: a first sync with the default embedder on one thread, beside that embedder alone
on the same strings in the same batches, in turns. Goal: at most 1.05 times its CPU.
"""

import argparse
import cProfile
import gc
import os
import pstats
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
from chunk_stability import packaged_tokenizer
from peers.corpus import RELEASES, chosen, default_cache, delete, edit, release, rename, write_parts
from tokenizers import Tokenizer

from ragloop.app import App
from ragloop.cli.main import GARBAGE_EVERY
from ragloop.config import load_settings
from ragloop.corpus.index import health
from ragloop.corpus.index.table import Index
from ragloop.corpus.isolation import process as isolation
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.models import Embedder, Vectors
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, open_embedder
from ragloop.models.embedding.token_counts import TokenCounter

Edit = Callable[[Sequence[Path]], None]


class ConstantCost:
    """Vectors of 384 numbers taken from one table by the hash of the text; counts tokens as the real embedder does."""

    fingerprint = "constant-384"
    dimension = 384
    max_tokens = 256

    def __init__(self) -> None:
        self.tokenize_s = self.encode_s = 0.0
        tokenizer = Tokenizer.from_file(str(packaged_tokenizer()))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.count = TokenCounter(tokenizer)
        self.table = np.random.default_rng(7).standard_normal((4096, self.dimension)).astype(np.float32)
        self.table /= np.linalg.norm(self.table, axis=1, keepdims=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        started = time.thread_time()
        counts = self.count(texts)
        self.tokenize_s += time.thread_time() - started
        return counts

    def embed(self, texts: Sequence[str]) -> Vectors:
        started = time.thread_time()
        vectors: Vectors = self.table[[hash(text) % len(self.table) for text in texts]]
        self.encode_s += time.thread_time() - started
        return vectors


@dataclass
class Cost:
    """CPU seconds of one sync."""

    total: float
    parse: float
    tokenize: float
    encode: float
    maintain: float
    chunks: int
    embedded: int
    commits: int
    engine: float = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.total - self.parse - self.tokenize - self.encode


class Parsing:
    """Knows how long parsing took in this process, without what cuts into chunks after it."""

    seconds = 0.0
    parse = staticmethod(isolation.parse)  # type: ignore[attr-defined]

    @staticmethod
    def timed(data: bytes, media_type: str, name: str, limits: ParseLimits | None = None) -> ParsedDocument:
        started = time.thread_time()
        try:
            return Parsing.parse(data, media_type, name, limits)
        finally:
            Parsing.seconds += time.thread_time() - started


class Maintaining:
    """Knows how long the last maintenance of the index took, which is part of the engine: indexes and compaction."""

    seconds = 0.0
    maintain = staticmethod(health.maintain_indexes)

    @staticmethod
    def timed(index: Index) -> None:
        started = time.process_time()
        Maintaining.maintain(index)
        Maintaining.seconds = time.process_time() - started


def synced(home: Path, documents: Path, profile: cProfile.Profile | None = None) -> Cost:
    embedder, Parsing.seconds = ConstantCost(), 0.0
    app = App(load_settings(home=home), embedder=embedder)
    started = time.process_time()
    with profile or nullcontext():
        report = app.corpus.sync(documents, confirm_deletes=True)
    total = time.process_time() - started
    return Cost(
        total, Parsing.seconds, embedder.tokenize_s, embedder.encode_s, Maintaining.seconds,
        report.chunks_total, report.chunks_embedded, report.commits,
    )  # fmt: skip


STEPS: dict[str, tuple[Edit, float]] = {
    "nothing changed": (lambda paths: None, 0),
    "1 % edited": (edit, 0.01),
    "1 % deleted": (delete, 0.01),
    "1 % renamed": (rename, 0.01),
    "all deleted": (delete, 1),
}


def history(scratch: Path, documents: int, corpus: Path, profiled: str, keep: dict[str, Cost]) -> None:
    """One round: a first index, then every step on it; `keep` gets the cheaper of each."""
    home, folder, one = scratch / "home", scratch / "documents", scratch / "one"
    shutil.copytree(corpus, folder)
    shutil.copytree(chosen(corpus, 1, "one")[0].parent, one)
    for path in sorted(one.rglob("*.rst"))[1:]:
        path.unlink()
    synced(scratch / "home-one", one)
    costs = {"start-up": synced(scratch / "home-one", one)}
    for name, (happens, share) in {"first index": STEPS["nothing changed"], **STEPS}.items():
        happens(chosen(folder, round(share * documents), name))
        time.sleep(0.1)
        profile = cProfile.Profile() if name == profiled else None
        costs[name] = synced(home, folder, profile)
        if profile:
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    for name, cost in costs.items():
        if name not in keep or cost.engine < keep[name].engine:
            keep[name] = cost


class Recording:
    """The default embedder on one thread; remembers the batches that it was given, and the CPU that they took."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.fingerprint, self.dimension = embedder.fingerprint, embedder.dimension
        self.max_tokens, self.count_tokens = embedder.max_tokens, embedder.count_tokens
        self.batches: list[Sequence[str]] = []
        self.seconds = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(texts)
        started = time.thread_time()
        vectors = self._embedder.embed(texts)
        self.seconds += time.thread_time() - started
        return vectors


def with_the_real_model(corpus: Path, scratch: Path, documents: int, rounds: int) -> None:
    """Print, per round, the CPU of a whole first sync and that of its embedder alone on the same batches."""
    folder = scratch / "documents"
    write_parts(corpus, folder, documents)
    embedder = open_embedder(DEFAULT_EMBEDDER, default_cache(), threads=1)
    embedder.embed(["warm"])
    print("| round | chunks | whole sync, CPU s | of it encoding | embedder alone | ratio | whole / encoding in it |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for number in range(rounds):
        recording = Recording(embedder)
        app = App(load_settings(home=scratch / f"home-{number}"), embedder=recording)
        started = time.process_time()
        chunks = app.corpus.sync(folder).chunks_total
        whole = time.process_time() - started
        started = time.process_time()
        for batch in recording.batches:
            embedder.embed(batch)
        alone = time.process_time() - started
        parts = f"{whole:.2f} | {recording.seconds:.2f} | {alone:.2f}"
        print(f"| {number + 1} | {chunks} | {parts} | {whole / alone:.3f} | {whole / recording.seconds:.3f} |")


def main() -> None:
    gc.set_threshold(GARBAGE_EVERY)  # as the command does
    isolation.parse = Parsing.timed  # type: ignore[attr-defined]
    health.maintain_indexes = Maintaining.timed
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=1000, help="documents in the folder")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the least is told")
    parser.add_argument("--profile", default="", help="a step to profile, such as 'first index'")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where downloads are kept")
    parser.add_argument("--real-model", action="store_true", help="40 documents with the default embedder instead")
    given = parser.parse_args()
    newest = release(list(RELEASES)[-1], given.cache)
    if given.real_model:
        with tempfile.TemporaryDirectory() as place:
            with_the_real_model(newest, Path(place), 40, given.rounds)
        return
    least: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as place:
        write_parts(newest, Path(place) / "corpus", given.documents)
        for number in range(given.rounds):
            scratch = Path(place) / f"round-{number}"
            history(scratch, given.documents, Path(place) / "corpus", given.profile, least)
    first, start_up = least["first index"], least["start-up"].engine
    print(f"{given.documents:,} documents, {first.chunks:,} chunks; CPU s, least of {given.rounds}\n")
    print("| sync | embedded | commits | whole | parse | tokenize | encode | engine | maintenance | beyond start-up |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, c in least.items():
        parts = " | ".join(f"{one:.3f}" for one in (c.total, c.parse, c.tokenize, c.encode, c.engine, c.maintain))
        print(f"| {name} | {c.embedded:,} | {c.commits} | {parts} | {c.engine - start_up:.3f} |")
    print("\n| per chunk of the first index, ms | engine | parse | tokenize |\n|---|---:|---:|---:|")
    per_chunk = (f"{one / first.chunks * 1000:.3f}" for one in (first.engine, first.parse, first.tokenize))
    print(f"| | {' | '.join(per_chunk)} |")


if __name__ == "__main__":
    main()
