"""What do a log of a million answers and one of ten thousand cost? The claim: what reads the log reads what is new.

    python benchmarks/log_scale.py [--answers 10000 100000 1000000] [--appends 800]

Makes a store of 1,000 documents and so many logged answers, every tenth with feedback, written as Arrow batches. Then
it measures, each in a process of its own: `status`, what the loop page shows, `feedback`, `log tail`, `log export`, a
first `dataset build`, the second after 1 % new answers and ten edited documents, and `drift`. The answers are spread
over 300 days, of which it is the last. Embeddings are of constant cost. Start-up is what the opened store costs. Prints
one Markdown table per size: CPU seconds (user + system, every thread) of the whole process, and its peak resident size.

The last table tells appends per second of 16 threads: those of one journal share an fsync, those of a journal for each
thread do not.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from no_op_sync import ConstantEmbedder, write

from ragloop.answering.support.statements import statements
from ragloop.app import App
from ragloop.cli.main import GARBAGE_EVERY
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.journal import Journal
from ragloop.service.loop import loop
from ragloop.store import TABLES, TIME, Store

DOCUMENTS, EDITED, SHOWN = 1_000, 10, 5
UNFOLDED = 20
"""Answers in the journal whenever something is measured."""
BATCH = 50_000
VOTED = "voted.txt"
"""Names the answer that gets feedback."""
THREADS = 16
BEGIN, SPREAD = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=300)
LATENCIES = [("embed", 1.0), ("retrieve", 5.0), ("generate", 90.0)]
KINDS = ["up", "down", "correction"]


def opened(home: Path) -> App:
    return App(load_settings(home=home / "home"), embedder=ConstantEmbedder(), now=lambda: BEGIN + SPREAD)


def made(home: Path, answers: int) -> None:
    """Index the documents and log the answers."""
    write(home / "documents", DOCUMENTS)
    app = opened(home)
    app.corpus.sync(home / "documents")
    for first in range(0, answers, BATCH):
        log(app, first, min(BATCH, answers - first), answers)
    wait_in_journal(app, 0)
    logged = app.store.rows("interactions", None, ["interaction_id"])["interaction_id"]
    (app.settings.home / VOTED).write_text(logged[answers // 2].as_py(), encoding="utf-8")


def grown(home: Path, answers: int) -> None:
    """Log 1 % more, and edit documents."""
    app = opened(home)
    for file in sorted((home / "documents").rglob("*.md"))[:EDITED]:
        file.write_text(file.read_text(encoding="utf-8").replace("Line 3", "Row 3"), encoding="utf-8")
    app.corpus.sync(home / "documents")
    log(app, answers, answers // 100, answers)
    wait_in_journal(app, 1)


def wait_in_journal(app: App, seed: int) -> None:
    """Leave answers in the journal that nothing has folded."""
    rows = answered(app, np.random.default_rng(1000 + seed), UNFOLDED, BEGIN, UNFOLDED)
    app.journal.append("interactions", [{**row, "latency_ms": dict(row["latency_ms"])} for row in rows.to_pylist()])


def log(app: App, first: int, count: int, total: int) -> None:
    """Store answers as the journal would fold them, and feedback on a tenth."""
    rng = np.random.default_rng(first)
    begin = BEGIN + SPREAD * (first / total)
    rows = answered(app, rng, count, begin, total)
    app.store.insert("interactions", rows)
    chosen = np.flatnonzero(rng.random(count) < 0.1)
    app.store.insert("feedback", voted(rng, rows.take(chosen)))


def answered(app: App, rng: np.random.Generator, count: int, begin: datetime, total: int) -> pa.Table:
    """Answers to questions of which every third was asked before, each with five passages and a citation."""
    chunks = passages_of(app)
    of = rng.integers(0, chunks.num_rows, (count, SHOWN))
    cited = chunks.take(of[:, 0])
    topic, line = rng.integers(0, max(1, 2 * total // 3), count).tolist(), rng.integers(0, 8, count).tolist()
    number = [int(one) for one in cited["number"].to_pylist()]
    shown = chunks.take(of.ravel())
    offsets = pa.array(np.arange(0, count * SHOWN + 1, SHOWN, dtype=np.int32))
    ranks = pa.array(np.tile(np.arange(1, SHOWN + 1, dtype=np.int32), count))
    score = pa.array(rng.random(count * SHOWN))
    passage = struct_of(
        TABLES["interactions"].field("passages").type.value_type,
        {name: shown[name].combine_chunks() for name in ("chunk_id", "document_id", "revision", "text_hash")}
        | {"rank": ranks, "score": score, "similarity": score},
    )
    one_each = pa.array(np.arange(count + 1, dtype=np.int32))
    zeros, ones = pa.array(np.zeros(count, np.int64)), pa.array(np.ones(count, np.int32))
    citation = struct_of(
        TABLES["interactions"].field("citations").type.value_type,
        {name: cited[name].combine_chunks() for name in ("uri", "heading", "chunk_id", "document_id", "revision")}
        | {"n": ones, "start": zeros, "end": zeros},
    )
    step = SPREAD / total
    columns = {
        "interaction_id": ids(rng, count),
        "asked_at": pa.array([begin + step * n for n in range(count)], TIME),
        "question": [f"What does line {at} of {t % 97} say in case {t}?" for at, t in zip(line, topic, strict=True)],
        "answer": [f"Line {at} of document {n} says {at * n} [1]." for at, n in zip(line, number, strict=True)],
        "abstained": pa.array(rng.random(count) < 0.15),
        "lane": ["base+rag"] * count,
        "model": ["extractive"] * count,
        "generation": [app.index.generation.fingerprint] * count,
        "prompt_hash": ids(rng, count),
        "top_similarity": pa.array(rng.random(count)),
        "passages": pa.ListArray.from_arrays(offsets, passage),
        "citations": pa.ListArray.from_arrays(one_each, citation),
        "latency_ms": pa.array([LATENCIES] * count, pa.map_(pa.string(), pa.float64())),
        "support": support(cited),
    }  # fmt: skip
    schema = TABLES["interactions"]
    return pa.table([as_column(columns, field, count) for field in schema], schema=schema)


def struct_of(kind: pa.StructType, columns: dict[str, pa.Array]) -> pa.StructArray:
    """Return rows of a struct, null in the fields that no column is given for."""
    count = len(next(iter(columns.values())))
    every = [columns.get(field.name, pa.nulls(count, field.type)) for field in kind]
    return pa.StructArray.from_arrays(every, fields=list(kind))


def as_column(columns: dict[str, Any], field: pa.Field, count: int) -> pa.Array:
    column = columns.get(field.name)
    return pa.nulls(count, field.type) if column is None else pa.array(column, field.type)


def support(chunks: pa.Table) -> pa.Array:
    """Of every chunk the digest of the first statement, as the log holds it."""
    said = zip(chunks["document_id"].to_pylist(), chunks["statement"].to_pylist(), strict=True)
    return pa.array([[{"document_id": one, "statements": [digest]}] for one, digest in said])


def voted(rng: np.random.Generator, rows: pa.Table) -> pa.Table:
    """Feedback on these answers: six in ten up, two down, two a correction."""
    count = rows.num_rows
    kinds = [KINDS[one] for one in rng.choice(3, count, p=[0.6, 0.2, 0.2])]
    corrected = [kind == "correction" for kind in kinds]
    schema = TABLES["feedback"]
    columns = {
        "feedback_id": ids(rng, count),
        "interaction_id": rows["interaction_id"].combine_chunks(),
        "given_at": rows["asked_at"].combine_chunks(),
        "kind": kinds,
        "correction": [f"It is {number}" if one else None for number, one in enumerate(corrected)],
        "support": pa.array(
            [one if is_one else None for one, is_one in zip(rows["support"].to_pylist(), corrected, strict=True)],
            schema.field("support").type,
        ),
    }
    return pa.table([as_column(columns, field, count) for field in schema], schema=schema)


def ids(rng: np.random.Generator, count: int) -> list[str]:
    digits = rng.bytes(16 * count).hex()
    return [digits[at : at + 32] for at in range(0, 32 * count, 32)]


def passages_of(app: App) -> pa.Table:
    """The chunks of the index, with what the log says of them."""
    index = app.index
    revisions = inventory.revisions(index)
    where = "kind = 'chunk' AND NOT deleted"
    names = ["id", "document_id", "uri", "key", "heading", "text", "text_hash"]
    rows = app.store.rows(index.generation.table, where, names).sort_by("id").to_pylist()
    return pa.Table.from_pylist(
        [
            {
                "chunk_id": row["id"],
                "revision": revisions[row["document_id"]],
                "number": int(Path(row["key"]).stem),
                "statement": statements(row["heading"] or "", row["text"])[0].digest,
                **{name: row[name] for name in ("document_id", "uri", "heading", "text_hash")},
            }
            for row in rows
        ]
    )


def voted_up(app: App) -> None:
    app.journal.give_feedback((app.settings.home / VOTED).read_text(encoding="utf-8"), "up")


def exported(app: App) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app.learning.export_log(Path(folder) / "log.parquet")


def tailed(app: App) -> None:
    assert len(app.journal.newest(10).to_pylist()) == 10


MEASURED: dict[str, Callable[[App], object]] = {
    "start-up": lambda app: app.store,
    "status": lambda app: app.status(),
    "loop page": lambda app: loop(app, of_index=True),
    "feedback": voted_up,
    "log tail": tailed,
    "log export": exported,
    "dataset build, first": lambda app: app.learning.retraining.build_dataset(),
    "dataset build, 1 % new": lambda app: app.learning.retraining.build_dataset(),
    "drift": lambda app: app.learning.measure_drift(),
}


def child(name: str, home: Path) -> dict[str, float]:
    """CPU seconds and peak megabytes of what a process of its own did."""
    app = opened(home)
    MEASURED[name](app)
    return {"cpu": time.process_time(), "peak_mb": peak_mb()}


def peak_mb() -> float:
    """What getrusage tells would be that of the process that started this one, where that was larger."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(name: str, home: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, "--home", str(home)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    said: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return said


def told(answers: int, home: Path) -> None:
    made(home, answers)
    print(f"\n| {answers:,} answers | CPU s | peak MB |\n|---|---:|---:|")
    for name in MEASURED:
        if name == "dataset build, 1 % new":
            grown(home, answers)
        said = measured(name, home)
        print(f"| {name} | {said['cpu']:.2f} | {said['peak_mb']:.0f} |", flush=True)


def appended(journals: Sequence[Journal], appends: int) -> float:
    """Appends per second of threads, each of which takes its turn of the journals."""

    def work(number: int) -> None:
        for n in range(appends // THREADS):
            entry = {"interaction_id": uuid4().hex, "asked_at": BEGIN, "question": f"What is {n}?", "answer": "A" * 300}
            journals[number % len(journals)].append("interactions", [entry])

    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return (appends // THREADS * THREADS) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes of the log")
    parser.add_argument("--appends", type=int, default=800, help="appends of all threads together; 0 leaves them out")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=[*MEASURED], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        gc.set_threshold(GARBAGE_EVERY)  # as the command does
        print(json.dumps(child(given.child, given.home)))
        return
    for answers in given.answers:
        with tempfile.TemporaryDirectory() as scratch:
            told(answers, Path(scratch))
    if given.appends:
        with tempfile.TemporaryDirectory() as scratch:
            store = Store.open(Path(scratch))
            apart, shared = ([Journal(store, wait_s=600) for _ in range(count)] for count in (THREADS, 1))
            print(f"\n| {THREADS} threads | appends/s |\n|---|---:|")
            print(f"| an fsync each | {appended(apart, given.appends):,.0f} |")
            print(f"| a shared fsync | {appended(shared, given.appends):,.0f} |")


if __name__ == "__main__":
    main()
