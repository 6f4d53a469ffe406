"""How many questions a second does the service answer? The claim: .6 of what FastAPI and a LanceDB search give.

    python benchmarks/service_load.py [--documents 2000] [--seconds 10] [--callers 8]

Indexes made documents with an embedder of constant cost and has callers ask over HTTP, each the next question as soon
as it has an answer. `service` is `ragloop serve` whole: search by vector and by words, the extractive generator, the
check of its citations, the log with its fsync, which concurrent answers share. The floors are a FastAPI route in a
process of its own that embeds the question with the same embedder, searches the same table with LanceDB, by vector
alone or by vector and by words, and returns the texts. Each runs in turn, several times; the median of the rounds
counts.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from ragloop.app import App
from ragloop.config import Settings
from ragloop.config.settings import ServiceSettings
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
def served(kind: str, home: Path) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", kind, "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield address
        finally:
            process.terminate()


def measured(kind: str, home: Path, callers: int, seconds: float) -> tuple[float, float]:
    """Questions a second, and the p95 of their latency in milliseconds."""
    number = count()
    latencies: list[float] = []
    with served(kind, home) as address, httpx.Client(base_url=address, timeout=60) as api:

        def ask() -> None:
            question = " ".join(random.Random(next(number)).choices(WORDS, k=4))
            if kind == "service":
                body: dict[str, Any] = {"model": "ragloop", "messages": [{"role": "user", "content": question}]}
                reply = api.post("/v1/chat/completions", json=body)
            else:
                reply = api.post("/ask", json={"question": question})
            assert reply.status_code == 200, reply.text

        def caller(until: float) -> None:
            while time.perf_counter() < until:
                began = time.perf_counter()
                ask()
                latencies.append((time.perf_counter() - began) * 1000)

        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(lambda _: ask(), range(2 * callers)))
            until = time.perf_counter() + seconds
            list(pool.map(caller, [until] * callers))
    return len(latencies) / seconds, statistics.quantiles(latencies, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
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
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in ("service", *FLOORS)}
        for _ in range(asked.rounds):
            for kind, rounds in found.items():
                rounds.append(measured(kind, home, asked.callers, asked.seconds))
        logged = app_of(home).journal.counts()["interactions"]
    print(f"| {asked.callers} callers, {asked.documents:,} documents | questions/s | p95 ms |\n|---|---:|---:|")
    rates = {}
    for kind, rounds in found.items():
        rates[kind] = statistics.median(rate for rate, _ in rounds)
        print(f"| {kind} | {rates[kind]:.1f} | {statistics.median(p95 for _, p95 in rounds):.0f} |")
    for kind in FLOORS:
        print(f"service ÷ {kind}: {rates['service'] / rates[kind]:.2f} (goal {GOAL}, p95 below {P95_MS} ms)")
    print(f"answers in the log: {logged:,}")


if __name__ == "__main__":
    main()
