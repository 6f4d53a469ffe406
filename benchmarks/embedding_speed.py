"""How fast is each way to embed on this CPU, beside sentence-transformers' default call?

    python benchmarks/embedding_speed.py [--chunks 80] [--rounds 4]

Goal: three times `SentenceTransformer.encode(texts)` as it stands (batches of 32, a thread per core, torch in fp32) at
a quality within 1 %, which ranking.py measures. The ways take turns in one process; told are the least of the rounds:
wall seconds and CPU seconds with a thread per core, CPU seconds with one thread, tokens a second of wall, and the least
and mean cosine to sentence-transformers. Chunks are parts of Django's documentation; see peers/corpus.py.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from peers.corpus import RELEASES, default_cache, release, write_parts
from sentence_transformers import SentenceTransformer

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.models import Vectors
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, Backend, open_embedder, packaged_model

Embed = Callable[[Sequence[str]], Vectors]
EXPORTED: Sequence[Backend] = ("onnx", "onnx-int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, default=80, help="chunks to embed")
    parser.add_argument("--rounds", type=int, default=4, help="rounds, of which the least is told")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where downloads and exports are kept")
    given = parser.parse_args()
    counter = open_embedder(DEFAULT_EMBEDDER, given.cache)
    with tempfile.TemporaryDirectory() as place:
        write_parts(release(list(RELEASES)[-1], given.cache), Path(place), given.chunks)
        files = sorted(Path(place).rglob("*.rst"))
        parsed = [parse(file.read_bytes(), "text/x-rst", file.name, ParseLimits()) for file in files]
    texts = [one.embedded for document in parsed for one in chunk(document, counter.count_tokens)][:: given.chunks // 8]
    texts = texts[: given.chunks]
    tokens = sum(counter.count_tokens(texts))
    cores = torch.get_num_threads()
    least: dict[str, dict[str, float]] = {}
    vectors: dict[str, Vectors] = {}
    for _ in range(given.rounds):
        for threads in (cores, 1):
            for name, embed in _ways(given.cache, threads).items():
                vectors[name], took = _timed(embed, texts)
                kept = least.setdefault(name, {})
                for what, seconds in took.items():
                    kept[f"{what} {threads}"] = min(seconds, kept.get(f"{what} {threads}", seconds))
    print(f"{len(texts)} chunks, {tokens:,} tokens, {cores} threads, least of {given.rounds}\n")
    print("| way | wall s | times | CPU s | CPU s, one thread | times | tokens/s of wall | cosine least / mean |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    floor = least["sentence-transformers"]
    for name, took in least.items():
        cosines = (vectors[name] * vectors["sentence-transformers"]).sum(axis=1)
        wall, alone = took[f"wall {cores}"], took["cpu 1"]
        print(
            f"| {name} | {wall:.2f} | {floor[f'wall {cores}'] / wall:.2f} | {took[f'cpu {cores}']:.2f} | {alone:.2f} | "
            f"{floor['cpu 1'] / alone:.2f} | {tokens / wall:,.0f} | {cosines.min():.4f} / {cosines.mean():.4f} |"
        )


def _ways(cache: Path, threads: int) -> dict[str, Embed]:
    torch.set_num_threads(threads)
    model = SentenceTransformer(str(packaged_model(DEFAULT_EMBEDDER)), device="cpu")
    exported: dict[str, Embed] = {
        name: open_embedder(DEFAULT_EMBEDDER, cache, backend=name, threads=threads).embed for name in EXPORTED
    }
    return {
        "sentence-transformers": lambda texts: np.asarray(model.encode(list(texts), show_progress_bar=False)),
        **exported,
    }


def _timed(embed: Embed, texts: Sequence[str]) -> tuple[Vectors, dict[str, float]]:
    embed(texts[:4])
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = embed(texts)
    return vectors, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    main()
