"""How fast is a search, how much of the exact answer does it find, and does it stay so while documents change?

    python benchmarks/search_speed.py [--chunks 10000 100000] [--queries 200] [--syncs 0] [--seed 7]

Chunks are those of clustered.py; queries are vectors of the same clusters and three words of the same law; no query
is a chunk of the index. Prints, per number of chunks: what building the indexes costs (CPU seconds, user + system,
every thread), p50 and CPU per query of the hybrid search that answers use (30 candidates, 5 passages) and of the
vector search alone, by the index and without it, and recall@10 of the vector search against all vectors compared with
numpy.

With `--syncs N`: N times, one of the ten chunks of each of ten documents (`--replaced`) becomes another in one commit,
and maintenance runs, as syncs one minute apart do. After each, a few hybrid searches here and in a compacted copy take
turns; told are p50 of each, the ratio, and CPU seconds per sync of the commit and of maintenance.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from clustered import CHUNKS, DIMENSION, Clustered

from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.corpus.index import health, predicates
from ragloop.corpus.index.generations.builds import Builds
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.ledger import Ledger
from ragloop.corpus.index.searching.search import Search
from ragloop.corpus.index.table import Index, tombstone
from ragloop.corpus.index.vectors import to_numpy
from ragloop.models import Vectors
from ragloop.store import Store, quoted

GENERATION = Generation("clustered/1", "clustered/1/256", "clustered-384", DIMENSION)
PART = 2_000
"""Documents that are made at a time."""
EDITED = 10
"""Documents in a sync."""
SEARCHES = 8
"""Hybrid searches after each sync, in each of two tables."""


@dataclass(frozen=True)
class Question:
    """Three words, and a vector that has nothing to do with them."""

    words: str
    vector: Vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000], help="sizes of the index")
    parser.add_argument("--queries", type=int, default=200, help="queries per figure")
    parser.add_argument("--syncs", type=int, default=0, help="syncs of ten documents after the last size")
    parser.add_argument("--replaced", type=int, default=1, help="of a document's ten chunks, how many a sync changes")
    parser.add_argument("--clusters", type=int, default=500, help="clusters of the vectors")
    parser.add_argument("--spread", type=float, default=1.0, help="norm of a vector's noise; its centre's is 1")
    parser.add_argument("--seed", type=int, default=7, help="seed of everything")
    given = parser.parse_args()
    made = Clustered(given.clusters, given.spread, given.seed)
    questions = _questions(made, given.queries)
    with tempfile.TemporaryDirectory() as place:
        print("| chunks | vectors by | build CPU s | hybrid p50 ms | CPU ms | vector p50 ms | CPU ms | recall@10 |")
        print("|---:|---|---:|---:|---:|---:|---:|---:|")
        for chunks in given.chunks:
            home = Path(place) / str(chunks)
            index, build_s = built(home, made, chunks)
            table(index, questions, chunks, build_s, _exact(index, questions))
        if given.syncs:
            print()
            edited(home, made, given.chunks[-1] // CHUNKS, given.syncs, given.replaced, questions)


def _questions(made: Clustered, count: int) -> list[Question]:
    part = 10**9
    return [Question(*one) for one in zip(made.texts(count, part, words=3), made.vectors(count, part), strict=True)]


def opened(home: Path, stack: ExitStack) -> Index:
    store = Store.open(home)
    stack.enter_context(store.lease("index"))
    return Index(store, Builds(Generations(store)).begin(GENERATION).active)


def built(home: Path, made: Clustered, chunks: int) -> tuple[Index, float]:
    """An index of so many chunks, and the CPU seconds that its maintenance took."""
    with ExitStack() as stack:
        index = opened(home, stack)
        documents = range(chunks // CHUNKS)
        for part in range(0, len(documents), PART):
            index.store.insert(index.generation.table, made.rows(documents[part : part + PART], part))
            index.commits += 1
        started = time.process_time()
        health.maintain_indexes(index)
        return index, time.process_time() - started


def _exact(index: Index, questions: Sequence[Question]) -> list[set[str]]:
    """The ids of the ten nearest of all chunks, per question."""
    scores, ids = [], []
    asked = np.stack([one.vector for one in questions])
    search = index.store.table(index.generation.table).search().where(predicates.CHUNKS)
    for batch in search.select(["id", "vector"]).to_batches(10_000):
        rows = pa.Table.from_batches([batch])
        similarity = asked @ to_numpy(rows["vector"], DIMENSION).T
        best = np.argsort(-similarity, axis=1)[:, :10]
        scores.append(np.take_along_axis(similarity, best, 1))
        ids.append(np.array(rows["id"].to_pylist())[best])
    best = np.argsort(-np.concatenate(scores, 1), axis=1)[:, :10]
    return [set(row) for row in np.take_along_axis(np.concatenate(ids, 1), best, 1).tolist()]


def hybrid(index: Index, question: Question) -> Any:
    policy = RetrievalPolicy(top_k=5, candidates=30, rrf_k=60)
    return Retriever(index, policy).retrieve(question.words, question.vector)


def by_vector(index: Index, question: Question) -> list[str]:
    return [row["id"] for row in Search(index).by_vector(question.vector, 30)][:10]


def one_by_one(index: Index, question: Question) -> list[str]:
    """The same without the index of the vectors."""
    search = cast(Any, index.store.table(index.generation.table).search(question.vector, vector_column_name="vector"))
    search = search.distance_type("cosine").bypass_vector_index().where(predicates.CHUNKS, prefilter=True)
    ids: list[str] = search.limit(30).select(["id", "text", "_distance"]).to_arrow()["id"].to_pylist()
    return ids[:10]


def timed(search: Callable[[Index, Question], Any], index: Index, questions: Sequence[Question]) -> tuple[Any, ...]:
    """p50 in ms, CPU ms per query, and what was found."""
    for question in questions[:5]:
        search(index, question)
    took, found, cpu = [], [], time.process_time()
    for question in questions:
        started = time.perf_counter()
        found.append(search(index, question))
        took.append(time.perf_counter() - started)
    return float(np.median(took)) * 1000, (time.process_time() - cpu) / len(questions) * 1000, found


def table(index: Index, questions: Sequence[Question], chunks: int, build_s: float, exact: list[set[str]]) -> None:
    indexed = any(one.columns == ["vector"] for one in index.store.table(index.generation.table).list_indices())
    p50, cpu, _ = timed(hybrid, index, questions)
    for way, search in (("index" if indexed else "comparing all", by_vector), ("comparing all", one_by_one)):
        alone, alone_cpu, found = timed(search, index, questions)
        recall = np.mean([len(truth & set(ids)) / 10 for truth, ids in zip(exact, found, strict=True)])
        whole = f"{build_s:.1f} | {p50:.1f} | {cpu:.1f}" if search is by_vector else " | | "
        print(f"| {chunks:,} | {way} | {whole} | {alone:.1f} | {alone_cpu:.1f} | {recall:.4f} |", flush=True)


def edited(
    home: Path, made: Clustered, documents: int, syncs: int, replaced: int, questions: Sequence[Question]
) -> None:
    """Syncs of ten documents back to back, and the searches between them."""
    shutil.copytree(home, home.with_name("compacted"))
    random = np.random.default_rng(made.seed)
    with ExitStack() as stack:
        index, still = opened(home, stack), opened(home.with_name("compacted"), stack)
        timed(hybrid, index, questions[:50]), timed(hybrid, still, questions[:50])
        ours, theirs, commit_s, maintain_s = [], [], [], []
        for number in range(1, syncs + 1):
            chosen = sorted(random.choice(documents, EDITED, replace=False).tolist())
            rows = made.rows(chosen, 10**6 + number, number)
            commit_s.append(_cpu(partial(_commit, index, rows, replaced)))
            maintain_s.append(_cpu(partial(health.maintain_indexes, index)))
            asked = [questions[(number * SEARCHES + i) % len(questions)] for i in range(SEARCHES)]
            for question in asked:
                ours.append(_seconds(partial(hybrid, index, question)))
                theirs.append(_seconds(partial(hybrid, still, question)))
        _print_edited(syncs, np.array(ours) * 1000, np.array(theirs) * 1000, commit_s, maintain_s)
        _, _, found = timed(by_vector, index, questions)
        pairs = zip(_exact(index, questions), found, strict=True)
        print(f"\nrecall@10 at the end: {np.mean([len(truth & set(ids)) / 10 for truth, ids in pairs]):.4f}")


def _commit(index: Index, rows: pa.Table, replaced: int) -> None:
    """What a sync commits for documents of which so many chunks changed: these, tombstones of the old, the ledger."""
    columns: list[dict[str, Any]] = rows.drop_columns(["vector"]).to_pylist()
    vectors = to_numpy(rows.slice(0, len(columns) * CHUNKS // (CHUNKS + 1))["vector"], DIMENSION)
    chunks = {row["id"]: (row, vector) for row, vector in zip(columns, vectors, strict=False)}
    written: list[tuple[dict[str, Any], Vectors | None]] = []
    documents = [row for row in columns if row["kind"] == "document"]
    before = Ledger(index.store.rows(index.generation.table, f"id IN ({quoted([row['id'] for row in documents])})"))
    for row in documents:
        old, new = before[row["key"]].spans, row["spans"]
        first = int(row["id"], 16) % (CHUNKS - replaced + 1)
        changed = range(first, first + replaced)
        written += [chunks[new[at]["chunk_id"]] for at in changed]
        written += [(tombstone(old[at].chunk_id, "chunk", row["id"]), None) for at in changed]
        spans = [new[at] if at in changed else old[at]._asdict() for at in range(CHUNKS)]
        written.append(({**row, "spans": spans}, None))
    index.commit([row for row, _ in written], [vector for _, vector in written])


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _print_edited(syncs: int, ours: Any, theirs: Any, commit_s: list[float], maintain_s: list[float]) -> None:
    print("| syncs | p50 ms | p50 ms of the compacted copy | ratio | commit CPU s | maintenance CPU s |")
    print("|---|---:|---:|---:|---:|---:|")
    step = max(1, syncs // 6)
    for first in [*range(0, syncs, step), None]:
        syncs_of = slice(None) if first is None else slice(first, first + step)
        searches = slice(None) if first is None else slice(first * SEARCHES, (first + step) * SEARCHES)
        p50, still = np.median(ours[searches]), np.median(theirs[searches])
        name = "all" if first is None else f"{first + 1} to {min(first + step, syncs)}"
        costs = f"{np.mean(commit_s[syncs_of]):.3f} | {np.mean(maintain_s[syncs_of]):.3f}"
        print(f"| {name} | {p50:.1f} | {still:.1f} | {p50 / still:.2f} | {costs} |")
    runs = [one for one in maintain_s if one > 0.1]
    print(f"\n{len(runs)} of {syncs} maintained, {np.mean(runs) if runs else 0:.2f} CPU s each")


if __name__ == "__main__":
    main()
