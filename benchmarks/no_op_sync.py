"""What does a sync cost that finds nothing to do? The claim: a tenth of a CPU second per 1,000 documents.

    python benchmarks/no_op_sync.py [--documents 10000] [--rounds 5]

Writes Markdown files of a few hundred characters, indexes them with an embedder of constant cost, and syncs again.
Start-up is what a sync of a folder of one document costs. The store is opened anew each time. Prints one Markdown
table: CPU seconds (user + system, every thread, medians) and what 1,000 documents cost beyond start-up.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models import Vectors

FILES_IN_A_FOLDER = 500


class ConstantEmbedder:
    """Unit vectors of eight numbers from the SHA-256 of the text; tokens are what white space separates."""

    fingerprint = "constant-8"
    dimension = 8
    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str]) -> Vectors:
        digests = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
        numbers = np.frombuffer(digests, dtype="<u4").reshape(len(texts), self.dimension) / 2**31 - 1
        vectors: Vectors = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
        return vectors


def write(folder: Path, count: int) -> None:
    for number in range(count):
        file = folder / f"{number // FILES_IN_A_FOLDER:03}" / f"{number:06}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = " ".join(f"Line {line} of document {number} says {line * number}." for line in range(8))
        file.write_text(f"# Document {number}\n\n{lines}\n", encoding="utf-8")


def synced(home: Path, documents: Path) -> float:
    """CPU seconds of one sync in a store that is opened anew."""
    app = App(load_settings(home=home), embedder=ConstantEmbedder())
    started = time.process_time()
    app.corpus.sync(documents)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=10_000, help="documents in the folder")
    parser.add_argument("--rounds", type=int, default=5, help="syncs per figure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        one, many = Path(scratch) / "one", Path(scratch) / "many"
        write(one, 1)
        write(many, given.documents)
        synced(Path(scratch) / "home-one", one)
        first = synced(Path(scratch) / "home-many", many)
        start_up = statistics.median(synced(Path(scratch) / "home-one", one) for _ in range(given.rounds))
        nothing = statistics.median(synced(Path(scratch) / "home-many", many) for _ in range(given.rounds))
    print("| sync | documents | CPU s |\n|---|---:|---:|")
    print(f"| first, encoding left out | {given.documents:,} | {first:.2f} |")
    print(f"| nothing changed | 1 | {start_up:.3f} |")
    print(f"| nothing changed | {given.documents:,} | {nothing:.3f} |")
    print(f"| per 1,000 documents beyond start-up | | {(nothing - start_up) / given.documents * 1000:.4f} |")


if __name__ == "__main__":
    main()
