"""How many questions a second does the service answer? The claim: .6 of what FastAPI and a LanceDB search give.

    python benchmarks/service_load.py [--documents 2000] [--seconds 2] [--rounds 12] [--callers 8]

Indexes made documents with an embedder of constant cost and has callers ask over HTTP, each the next question as soon
as it has an answer. `service` is `ragloop serve` whole: search by vector and by words, the extractive generator, the
check of its citations, the log with its fsync, which concurrent answers share. The floors are a FastAPI route in a
process of its own that embeds the question with the same embedder, searches the same table with LanceDB, by vector
alone or by vector and by words, and returns the texts. All three run for the whole time and are asked in turns of a
few seconds, so that what else the machine does meets each; the median of the rounds counts. CPU a question is what the
process of the server took.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from ragloop.app import App
from ragloop.config import Settings
from ragloop.config.answering import ServiceSettings
from ragloop.service.server import address_of, listening, server

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.constant_embedder import ConstantEmbedder  # noqa: E402 - the path is set above

GOAL, P95_MS = 0.6, 250
FLOORS = ("vector", "vector and words")
WORDS = [
    f"{first}{second}" for first in ("al", "bro", "cre", "dun", "el", "fal") for second in ("ba", "de", "fi", "go")
]


def app_of(home: Path) -> App:
    retrieval = {"min_similarity": -1.0}
    service = {"requests_per_minute": 0}
    return App(Settings(home=home, retrieval=retrieval, service=service), embedder=ConstantEmbedder())  # type: ignore[arg-type]


def write_documents(folder: Path, documents: int) -> None:
    folder.mkdir()
    draw = random.Random(0)
    for number in range(documents):
        sentences = (" ".join(draw.choices(WORDS, k=9)) + "." for _ in range(12))
        (folder / f"{number}.md").write_text(f"# Page {number}\n\n" + " ".join(sentences) + "\n")


def floor(home: Path, words: bool) -> FastAPI:
    """A service that searches the same table and does nothing else."""
    from lancedb.query import FullTextOperator, MultiMatchQuery

    table: Any = app_of(home).index.table()
    embedder, routes = ConstantEmbedder(), FastAPI()
    columns = ["id", "text"]

    @routes.post("/ask")
    def ask(body: dict[str, str]) -> dict[str, Any]:
        vector = embedder.embed([body["question"]])[0]
        near = table.search(vector, vector_column_name="vector", query_type="vector").distance_type("cosine")
        rows = near.where("kind = 'chunk'", prefilter=True).limit(30).select([*columns, "_distance"]).to_arrow()
        found = {"texts": rows["text"].to_pylist()[:5]}
        if words:
            query = MultiMatchQuery(body["question"], ["words"], boosts=None, operator=FullTextOperator.OR)
            matching = table.search(query, query_type="fts").where("kind = 'chunk'", prefilter=True).limit(30)
            found["words"] = matching.select([*columns, "_score"]).to_arrow()["text"].to_pylist()[:5]
        return found

    return routes


def run_service(kind: str, home: Path) -> None:
    """Serve in this process, and print the address."""
    settings = ServiceSettings(port=0, requests_per_minute=0)
    running = server(app_of(home), settings)
    if kind != "service":
        running.config.app = floor(home, kind == FLOORS[1])
        running.config.lifespan = "off"
    with listening(settings.host, 0) as listener:
        print(address_of(listener), flush=True)
        running.run(sockets=[listener])


@contextmanager
def served(kind: str, home: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, __file__, "--serve", kind, "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield address, process.pid
        finally:
            process.terminate()


@dataclass(frozen=True)
class Round:
    """Questions a second, the p95 of their latency in milliseconds, and the CPU that the server took for each."""

    rate: float
    p95_ms: float
    cpu_ms: float


class Asked:
    """One of the servers with its callers."""

    def __init__(self, kind: str, address: str, process: int, callers: int) -> None:
        self._kind, self._process, self._callers = kind, process, callers
        self._api = httpx.Client(base_url=address, timeout=60)
        self._number = count()

    def ask(self) -> float:
        """Ask the next question; the latency in milliseconds."""
        question = " ".join(random.Random(next(self._number)).choices(WORDS, k=4))
        began = time.perf_counter()
        if self._kind == "service":
            body: dict[str, Any] = {"model": "ragloop", "messages": [{"role": "user", "content": question}]}
            reply = self._api.post("/v1/chat/completions", json=body)
        else:
            reply = self._api.post("/ask", json={"question": question})
        assert reply.status_code == 200, reply.text
        return (time.perf_counter() - began) * 1000

    def warm(self, questions: int) -> None:
        with ThreadPoolExecutor(self._callers) as pool:
            list(pool.map(lambda _: self.ask(), range(questions)))

    def measured(self, seconds: float) -> Round:
        """Have the callers ask for so long."""
        latencies: list[float] = []

        def caller(until: float) -> None:
            while time.perf_counter() < until:
                latencies.append(self.ask())

        with ThreadPoolExecutor(self._callers) as pool:
            took, began = cpu_s(self._process), time.perf_counter()
            list(pool.map(caller, [began + seconds] * self._callers))
            took, passed = cpu_s(self._process) - took, time.perf_counter() - began
        asked = len(latencies)
        return Round(asked / passed, statistics.quantiles(latencies, n=20)[-1], took * 1000 / asked)


def cpu_s(process: int) -> float:
    """CPU seconds that a process took so far, as Linux tells."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--asked-before", type=int, default=300, help="questions that are not counted")
    parser.add_argument("--serve")
    parser.add_argument("--home", type=Path)
    asked = parser.parse_args()
    if asked.serve:
        run_service(asked.serve, asked.home)
        return
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        write_documents(Path(place) / "documents", asked.documents)
        assert app_of(home).corpus.sync(Path(place) / "documents").complete
        found: dict[str, list[Round]] = {kind: [] for kind in ("service", *FLOORS)}
        with ExitStack() as held:
            servers = {kind: Asked(kind, *held.enter_context(served(kind, home)), asked.callers) for kind in found}
            for one in servers.values():
                one.warm(asked.asked_before)
            for _ in range(asked.rounds):
                for kind, one in servers.items():
                    found[kind].append(one.measured(asked.seconds))
        logged = app_of(home).journal.counts()["interactions"]
    print(f"| {asked.callers} callers, {asked.documents:,} documents | questions/s | p95 ms | CPU ms a question |")
    print("|---|---:|---:|---:|")
    rates, took = {}, {}
    for kind, rounds in found.items():
        rates[kind] = statistics.median(one.rate for one in rounds)
        took[kind] = statistics.median(one.cpu_ms for one in rounds)
        p95_ms = statistics.median(one.p95_ms for one in rounds)
        print(f"| {kind} | {rates[kind]:.1f} | {p95_ms:.0f} | {took[kind]:.1f} |")
    for kind in FLOORS:
        by_rate, by_cpu = rates["service"] / rates[kind], took[kind] / took["service"]
        print(f"service ÷ {kind}: {by_rate:.2f}, by CPU {by_cpu:.2f} (goal {GOAL}, p95 below {P95_MS} ms)")
    print(f"answers in the log: {logged:,}")


if __name__ == "__main__":
    main()
