"""ragloop beside CocoIndex, LangChain's index() and LlamaIndex's IngestionPipeline, on one corpus and one embedding.

    python benchmarks/sync_peers.py [--documents 1000] [--rounds 1] [--only ragloop cocoindex] [--json FILE]

Every system keeps its vectors in LanceDB, is given the same chunks (ragloop's) and one embedding function of constant
cost, and runs each step in a process of its own. A step's CPU is that of the process from the end of its imports, with
all threads and children; least of the rounds. What the index then holds is compared with the chunks of the documents
as they are: missing, stale and duplicate rows. The peers get an environment of their own each, made on first use under
--cache, from the package index; one that cannot be installed is named and left out. Chunks reach ragloop's index with
offsets and labels, and are indexed by words, keys and vectors; the peers get text, heading, document and vector, and
make no index.

Prints Markdown, and one JSON object with --json.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from chunk_stability import packaged_tokenizer, tokens_counter
from peers.corpus import HAPPENINGS, RELEASES, chosen, copy_of, default_cache, release, write_parts
from peers.environments import environment

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.limits import ParseLimits

SCRIPTS = Path(__file__).parent / "peers"
BUDGET = 200
PACKAGES: dict[str, list[str]] = {
    "ragloop": [],
    "cocoindex": ["cocoindex[lancedb]==1.0.26", "lancedb==0.40.0"],
    "langchain": [
        "langchain-core==1.7.2", "langchain-classic==1.0.8", "langchain-community==0.4.2", "sqlalchemy[asyncio]",
        "lancedb==0.40.0",
    ],
    "llamaindex": [
        "llama-index-core==0.14.25", "llama-index-vector-stores-lancedb==0.6.0", "pandas", "lancedb==0.40.0",
    ],
}  # fmt: skip
KILLS = (0.2, 0.4, 0.6, 0.8, 0.95)
"""When a first index is killed, as shares of the time that it takes."""
EMPTY = "folder found empty"
QUIET = {
    "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
    "LANGSMITH_TRACING": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass
class Step:
    """What a step took, `indexes_s` of it for indexes, and what was wrong with the `rows` that it left."""

    cpu_s: float
    indexes_s: float
    seconds: float
    embedded: int
    commits: int
    rows: int
    missing: int
    stale: int
    duplicate: int


class Given:
    """The chunks of documents by the hash of their bytes, made once for all systems."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = tokens_counter(packaged_tokenizer())
        folder.mkdir(parents=True)

    def prepare(self, documents: Path) -> Counter[tuple[str, str]]:
        """Make what is not made yet; returns (key, text) of every chunk that an index of the folder should hold."""
        truth: Counter[tuple[str, str]] = Counter()
        for path in sorted(one for one in documents.rglob("*") if one.is_file()):
            data = path.read_bytes()
            made = self.folder / sha256(data).hexdigest()
            if not made.exists():
                parsed = parse(data, media_type(path.name) or "", path.name, ParseLimits())
                made.write_text(json.dumps([asdict(one) for one in chunk(parsed, self._count, BUDGET)]))
            key = str(path.relative_to(documents))
            truth.update((key, one["text"]) for one in json.loads(made.read_bytes()))
        return truth


class Peer:
    """One system in its environment, with its state and its copy of the documents."""

    def __init__(self, name: str, python: Path, scratch: Path, given: Given) -> None:
        self.name, self._python, self._scratch, self._given = name, python, scratch, given
        self.documents = scratch / "documents"
        self._state = scratch / "state"

    def forget(self) -> None:
        shutil.rmtree(self._state, ignore_errors=True)

    def versions(self) -> dict[str, str]:
        answer: dict[str, str] = self._asked("versions")[1]
        return answer

    def sync(self, kill_after: float = 0.0) -> Step | None:
        """One sync; None when it was killed. Raises RuntimeError with the last line of what it said when it failed."""
        truth = self._given.prepare(self.documents)
        time.sleep(0.1)
        code, answer = self._asked("sync", kill_after)
        if code == -9:
            return None
        found = Counter((key, text) for key, text in self._asked("rows")[1]["rows"])
        return Step(
            **answer,
            rows=found.total(),
            missing=len(truth.keys() - found.keys()),
            stale=sum(count for row, count in found.items() if row not in truth),
            duplicate=sum(max(0, count - truth[row]) for row, count in found.items() if row in truth),
        )

    def _asked(self, what: str, kill_after: float = 0.0) -> tuple[int, Any]:
        folders = {"documents": self.documents, "chunks": self._given.folder, "state": self._state}
        command = [str(self._python), "-W", "ignore", str(SCRIPTS / f"{self.name}_peer.py"), what]
        command += [part for name, folder in folders.items() for part in (f"--{name}", str(folder))]
        command += ["--kill-after", str(kill_after)] if kill_after else []
        done = subprocess.run(command, env=os.environ | QUIET, capture_output=True, text=True, check=False)
        if done.returncode == -9 and kill_after:
            return -9, None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise RuntimeError(f"{self.name} {what} ended with {done.returncode}: {said[-1:] or 'it said nothing'}")
        return 0, json.loads(done.stdout.splitlines()[-1])


# ---- what is measured: each yields (step, what it took) -------------------------------------------------------------

Steps = list[tuple[str, Step]]


def edits(peer: Peer, corpus: Path, documents: int) -> Steps:
    """A first index and everything that happens to a folder, one after the other."""
    copy_of(corpus, peer.documents)
    peer.forget()
    steps = [("first index", needed(peer)), ("nothing changed", needed(peer))]
    for name, happens in HAPPENINGS.items():
        happens(chosen(peer.documents, documents // 100, name))
        steps.append((f"1 % {name}", needed(peer)))
    return steps


def emptied(peer: Peer, corpus: Path) -> Step:
    """What an indexed folder that is found empty leads to, as an unmounted disk is."""
    copy_of(corpus, peer.documents)
    needed(peer)
    shutil.rmtree(peer.documents)
    peer.documents.mkdir()
    return needed(peer)


def releases(peer: Peer, cache: Path) -> Steps:
    """Django's documentation, release after release."""
    shutil.rmtree(peer.documents, ignore_errors=True)
    peer.forget()
    steps = []
    for version in RELEASES:
        copy_of(release(version, cache), peer.documents)
        steps.append((f"Django {version}", needed(peer)))
    return steps


def kills(peer: Peer, corpus: Path, seconds: float) -> Steps:
    """A first index that is killed, and the run after it: what that one embedded again, and what is wrong then."""
    copy_of(corpus, peer.documents)
    steps = []
    for share in KILLS:
        peer.forget()
        if peer.sync(kill_after=share * seconds) is None:
            steps.append((f"killed at {share:.0%}, run again", needed(peer)))
    return steps


def needed(peer: Peer) -> Step:
    step = peer.sync()
    assert step is not None, "nothing killed it"
    return step


def measured(peer: Peer, corpus: Path, given: argparse.Namespace) -> dict[str, Step]:
    """Every step of one system, the least CPU of the rounds; the index is compared in each of them."""
    scenarios: list[Callable[[], Steps]] = [
        lambda: edits(peer, corpus, given.documents),
        lambda: releases(peer, given.cache),
    ]
    least: dict[str, Step] = {}
    for _ in range(given.rounds):
        for name, step in (one for scenario in scenarios for one in scenario()):
            if name not in least or step.cpu_s < least[name].cpu_s:
                least[name] = step
    least |= kills(peer, corpus, least["first index"].seconds)
    return least | {EMPTY: emptied(peer, corpus)}


def table(results: dict[str, dict[str, Step]]) -> str:
    """CPU s / embedded / commits per step and system, and what is wrong where something is."""
    names = list(dict.fromkeys(step for steps in results.values() for step in steps))
    lines = [f"| step | {' | '.join(results)} |", f"|---|{'---|' * len(results)}"]
    lines += [f"| {name} | {' | '.join(cell(name, steps.get(name)) for steps in results.values())} |" for name in names]
    return "\n".join(lines)


def cell(name: str, step: Step | None) -> str:
    if step is None:
        return "was done before the kill"
    if name == EMPTY:
        kept = f"keeps all {step.rows:,} rows, and says so"
        return kept if step.rows else f"deletes all: {step.cpu_s:.2f} / {step.embedded:,} / {step.commits:,}"
    wrong = [f"{count:,} {what}" for what in ("missing", "stale", "duplicate") if (count := getattr(step, what))]
    cpu = f"{step.cpu_s:.2f}" + (f" ({step.indexes_s:.2f})" if step.indexes_s >= 0.01 else "")
    return f"{cpu} / {step.embedded:,} / {step.commits:,}" + (f"; **{', '.join(wrong)}**" if wrong else "")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000, help="documents of the synthetic history")
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the least CPU is told")
    parser.add_argument("--only", nargs="+", choices=PACKAGES, default=list(PACKAGES), help="which systems")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where downloads and environments are kept")
    parser.add_argument("--json", type=Path, help="write all figures here")
    given = parser.parse_args(arguments)
    results: dict[str, dict[str, Step]] = {}
    versions: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        write_parts(release(list(RELEASES)[-1], given.cache), scratch / "corpus", given.documents)
        chunks = Given(scratch / "chunks")
        print(f"{given.documents:,} documents, {chunks.prepare(scratch / 'corpus').total():,} chunks", flush=True)
        for name in given.only:
            try:
                python = environment(name, PACKAGES[name], given.cache)
            except subprocess.CalledProcessError as error:
                print(f"\n{name} is left out: it could not be installed ({error})", flush=True)
                continue
            peer = Peer(name, python, scratch / name, chunks)
            versions[name] = peer.versions()
            try:
                results[name] = measured(peer, scratch / "corpus", given)
                print(f"measured {name}", flush=True)
                told = {one: {step: asdict(took) for step, took in steps.items()} for one, steps in results.items()}
                if given.json:
                    given.json.write_text(json.dumps({"versions": versions, "steps": told}, indent=1))
            except RuntimeError as error:
                print(f"\n{name} is left out: {error}", flush=True)
    print("\nCPU s (of it for indexes) / strings embedded / commits; no more is said where the index was exact.\n")
    print(table(results))
    print("\n" + "; ".join(" ".join(f"{k} {v}" for k, v in one.items()) for one in versions.values()))


if __name__ == "__main__":
    main()
